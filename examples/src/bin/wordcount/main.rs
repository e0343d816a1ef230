//! Counts the words of all text files under some paths, with actors.
//!
//! Look at `actors.rs` for the actors: a coordinator that hands out work and watches who does it,
//! and workers that may die at any moment without a word counted twice or not at all. `ledger.rs`
//! is the pure bookkeeping behind that promise, `count.rs` what makes reporting cheap, and
//! `threads.rs` the same program without actors.
//!
//! ```text
//! cargo run --release --bin wordcount -- --chaos .
//! ```
#![forbid(unsafe_code)]

mod actors;
mod args;
mod chaos;
mod chunk;
mod count;
mod interrupt;
mod ledger;
mod progress;
mod read;
mod report;
mod tally;
mod threads;
mod vocabulary;
mod walk;

use std::io::{self, Write};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Instant;

use clap::Parser;

use crate::args::{Args, Engine};
use crate::chaos::Chaos;
use crate::progress::Progress;
use crate::report::Report;
use crate::walk::Walk;

/// Something could not be read or written; the rest was counted.
const INCOMPLETE: u8 = 1;
/// The command line asks for what can't be.
const REFUSED: u8 = 2;

fn main() -> ExitCode {
    let args = Args::parse();
    let progress = Arc::new(Progress::new(args.quiet));
    let (engine, walk) = match (args.engine(), Walk::new(&args.paths)) {
        (Ok(engine), Ok(walk)) => (engine, walk),
        (Err(message), _) => {
            progress.say(&message);
            return ExitCode::from(REFUSED);
        }
        (_, Err(missing)) => {
            for missing in missing {
                progress.say(&format!("{}: {}", missing.path.display(), missing.error));
            }
            return ExitCode::from(REFUSED);
        }
    };
    match count(&args, engine, walk, &progress) {
        Ok(code) => code,
        Err(message) => {
            progress.finish();
            progress.say(&message);
            ExitCode::from(INCOMPLETE)
        }
    }
}

fn count(args: &Args, engine: Engine, walk: Walk, progress: &Arc<Progress>) -> Result<ExitCode, String> {
    interrupt::watch(Arc::clone(progress))
        .map_err(|error| format!("can't listen for interrupts: {error}"))?;
    let chaos = args.chaos.then(|| args.seed.unwrap_or_else(Chaos::random_seed));
    if let Some(seed) = chaos {
        progress.say(&format!("chaos with --seed {seed}"));
    }
    progress.measure(&args.paths);
    let begin = now();
    let outcome = match engine {
        Engine::Threads => threads::run(walk, Arc::clone(progress)),
        Engine::Actors(workers) => actors::run(walk, workers, chaos.map(Chaos::new), Arc::clone(progress)),
    }?;
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
