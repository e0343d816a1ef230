//! Ctrl-C: says how far the count got and ends the program.

use std::io;
use std::process;
use std::sync::Arc;
use std::thread;

use tokio::runtime::Builder;

use crate::fleet::Fleet;
use crate::progress::Progress;

/// The exit code of a program that an interrupt ended: 128 and the number of the signal.
const INTERRUPTED: i32 = 130;

/// From now on an interrupt ends the program, its children and its socket. It is watched by a thread of its own, so that it
/// works whatever counts, and also while every worker waits for a disk that does not answer.
///
/// # Errors
///
/// If the signal can't be listened for.
pub(crate) fn watch(progress: Arc<Progress>, fleet: Arc<Fleet>) -> io::Result<()> {
    let runtime = Builder::new_current_thread().enable_all().build()?;
    let interrupts = {
        let _entered = runtime.enter();
        listen()
    };
    let mut interrupts = interrupts?;
    thread::Builder::new().name("interrupt".to_owned()).spawn(move || {
        runtime.block_on(interrupts.recv());
        fleet.abort();
        progress.finish();
        progress.say(&format!("interrupted after {}", progress.summary()));
        exit();
    })?;
    Ok(())
}

#[allow(clippy::exit, reason = "nothing is left to clean up, and a worker may be stuck in a read")]
fn exit() -> ! {
    process::exit(INTERRUPTED)
}

#[cfg(unix)]
fn listen() -> io::Result<tokio::signal::unix::Signal> {
    tokio::signal::unix::signal(tokio::signal::unix::SignalKind::interrupt())
}

#[cfg(windows)]
fn listen() -> io::Result<tokio::signal::windows::CtrlC> {
    tokio::signal::windows::ctrl_c()
}
