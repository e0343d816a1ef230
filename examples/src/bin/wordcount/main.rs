//! Counts the words of all text files under some paths, with actors on several nodes.
//!
//! Look at `coordinator.rs` and `worker.rs` for the actors: a coordinator that hands out work and watches
//! who does it, and workers that may die at any moment, with their nodes or without, and not a word is
//! counted twice or not at all. A worker is the same program near the coordinator and far from it.
//! `ledger.rs` is the pure bookkeeping behind that promise, `count.rs` what makes reporting cheap, and
//! `threads.rs` the same program without actors.
//!
//! | file | its one job |
//! |---|---|
//! | `nodes.rs`, `fleet.rs` | the first process, and its children |
//! | `child.rs`, `member.rs` | a child; a node that counts for another |
//! | `serve.rs`, `work.rs` | the same with other machines |
//! | `wire.rs`, `runtime.rs`, `interrupt.rs` | what travels; threads; Ctrl-C |
//! | `walk.rs`, `chunk.rs`, `read.rs` | from paths to chunks to words |
//! | `parts.rs` | that no node gets too little to do |
//! | `tally.rs`, `roster.rs`, `report.rs` | sums, shares, and how they are shown |
//!
//! ```text
//! cargo run --release --bin wordcount -- --chaos .
//! ```
#![forbid(unsafe_code)]

mod args;
mod chaos;
mod child;
mod chunk;
mod coordinator;
mod count;
mod fleet;
mod interrupt;
mod ledger;
mod member;
mod nodes;
mod parts;
mod progress;
mod read;
mod report;
mod roster;
mod runtime;
mod serve;
mod tally;
mod threads;
mod vocabulary;
mod walk;
mod wire;
mod work;
mod worker;

use std::io::{self, Write};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Instant;

use clap::Parser;

use crate::args::{Args, Command, CommonArgs, CountArgs, Engine};
use crate::chaos::Chaos;
use crate::fleet::Fleet;
use crate::progress::Progress;
use crate::report::{Outcome, Report};
use crate::walk::Walk;

/// Something could not be read or written, or reached; the rest was counted.
const INCOMPLETE: u8 = 1;
/// The command line asks for what can't be.
const REFUSED: u8 = 2;

fn main() -> ExitCode {
    let Args { command, count } = Args::parse();
    match command {
        None => run_count(&count),
        Some(Command::Serve(serve)) => {
            report(&serve.common, |walk, progress, _| serve::run(walk, &serve, progress))
        }
        Some(Command::Work(work)) => match work::run(&work) {
            Ok(None) => ExitCode::SUCCESS,
            Ok(Some(signal)) => ExitCode::from(signal.code()),
            Err(message) => {
                progress::complain(&message);
                ExitCode::from(INCOMPLETE)
            }
        },
        Some(Command::Node) => child::run(),
    }
}

fn run_count(args: &CountArgs) -> ExitCode {
    let engine = match args.engine() {
        Ok(engine) => engine,
        Err(message) => {
            progress::complain(&message);
            return ExitCode::from(REFUSED);
        }
    };
    report(&args.common, |walk, progress, fleet| {
        let seed = args.chaos.then(|| args.seed.unwrap_or_else(Chaos::random_seed));
        if let Some(seed) = seed {
            progress.say(&format!("chaos with --seed {seed}"));
        }
        match engine {
            Engine::Threads => threads::run(walk, Arc::clone(progress)),
            Engine::Actors(nodes) => nodes::run(walk, nodes, seed, progress, fleet),
        }
    })
}

/// Has the paths counted, and shows what comes of it.
fn report(
    args: &CommonArgs,
    count: impl FnOnce(Walk, &Arc<Progress>, &Arc<Fleet>) -> Result<Outcome, String>,
) -> ExitCode {
    let progress = Arc::new(Progress::new(args.quiet));
    let walk = match Walk::new(&args.paths) {
        Ok(walk) => walk,
        Err(missing) => {
            for missing in missing {
                progress.say(&format!("{}: {}", missing.path.display(), missing.error));
            }
            return ExitCode::from(REFUSED);
        }
    };
    match count_and_print(args, walk, &progress, count) {
        Ok(code) => code,
        Err(message) => {
            progress.finish();
            progress.say(&message);
            ExitCode::from(INCOMPLETE)
        }
    }
}

fn count_and_print(
    args: &CommonArgs,
    walk: Walk,
    progress: &Arc<Progress>,
    count: impl FnOnce(Walk, &Arc<Progress>, &Arc<Fleet>) -> Result<Outcome, String>,
) -> Result<ExitCode, String> {
    let fleet = Arc::new(Fleet::default());
    interrupt::end_on_signal(Arc::clone(progress), Arc::clone(&fleet))
        .map_err(|error| format!("can't listen for interrupts: {error}"))?;
    progress.measure(&args.paths);
    let begin = now();
    let outcome = count(walk, progress, &fleet)?;
    let unreadable = outcome.tally.unreadable;
    let report = Report::new(outcome, args.top, begin.elapsed());
    progress.finish();
    print(&report, args.json).map_err(|error| format!("can't print the results: {error}"))?;
    if unreadable > 0 {
        progress.say(&format!("{unreadable} files or directories could not be read"));
        return Ok(ExitCode::from(INCOMPLETE));
    }
    Ok(ExitCode::SUCCESS)
}

fn print(report: &Report, json: bool) -> io::Result<()> {
    let mut out = io::BufWriter::new(io::stdout().lock());
    let written = if json { report.write_json(&mut out) } else { report.write_text(&mut out) };
    match written.and_then(|()| out.flush()) {
        // Whoever reads has seen enough, as `head` does.
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        other => other,
    }
}

#[allow(clippy::disallowed_methods, reason = "the one place where this program takes the time")]
fn now() -> Instant {
    Instant::now()
}
