//! Ctrl-C, and being told to terminate.

use std::io;
use std::process;
use std::sync::Arc;
use std::thread;

use tokio::runtime::Builder;

use crate::fleet::Fleet;
use crate::progress::Progress;

/// What ends the program before it is done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ending {
    /// Ctrl-C, or SIGINT.
    Interrupted,
    /// SIGTERM.
    Terminated,
}

impl Ending {
    /// The exit code: 128 and the number of the signal.
    pub(crate) const fn code(self) -> u8 {
        match self {
            Self::Interrupted => 130,
            Self::Terminated => 143,
        }
    }

    pub(crate) const fn word(self) -> &'static str {
        match self {
            Self::Interrupted => "interrupted",
            Self::Terminated => "terminated",
        }
    }
}

/// From now on a signal ends the program, its children and its socket.
///
/// # Errors
///
/// If signals can't be listened for.
pub(crate) fn end_on_signal(progress: Arc<Progress>, fleet: Arc<Fleet>) -> io::Result<()> {
    watch(move |ending| {
        fleet.abort();
        progress.finish();
        progress.say(&format!("{} after {}", ending.word(), progress.summary()));
        exit(ending);
    })
}

/// From now on `react` is called at each signal. It is watched for by a thread of its own, so that it works
/// whatever counts, and also while every worker waits for a disk that does not answer.
///
/// # Errors
///
/// If signals can't be listened for.
pub(crate) fn watch(mut react: impl FnMut(Ending) + Send + 'static) -> io::Result<()> {
    let runtime = Builder::new_current_thread().enable_all().build()?;
    let mut signals = {
        let _entered = runtime.enter();
        Signals::listen()?
    };
    thread::Builder::new().name("signals".to_owned()).spawn(move || {
        while let Some(ending) = runtime.block_on(signals.next()) {
            react(ending);
        }
    })?;
    Ok(())
}

/// Ends the program.
#[allow(clippy::exit, reason = "nothing is left to clean up, and a worker may be stuck in a read")]
pub(crate) fn exit(ending: Ending) -> ! {
    process::exit(i32::from(ending.code()))
}

/// From now on, and for as long as it lives, this process heeds no interrupt.
///
/// # Errors
///
/// If the system does not let it.
#[cfg(unix)]
pub(crate) fn ignore() -> io::Result<()> {
    let runtime = Builder::new_current_thread().enable_all().build()?;
    let _entered = runtime.enter();
    // Whoever listens to the signal takes the place of what it would do, and nobody has to hear it.
    tokio::signal::unix::signal(tokio::signal::unix::SignalKind::interrupt()).map(drop)
}

#[cfg(not(unix))]
pub(crate) fn ignore() -> io::Result<()> {
    Ok(())
}

#[cfg(unix)]
struct Signals {
    interrupt: tokio::signal::unix::Signal,
    terminate: tokio::signal::unix::Signal,
}

#[cfg(unix)]
impl Signals {
    fn listen() -> io::Result<Self> {
        use tokio::signal::unix::{SignalKind, signal};
        Ok(Self { interrupt: signal(SignalKind::interrupt())?, terminate: signal(SignalKind::terminate())? })
    }

    async fn next(&mut self) -> Option<Ending> {
        tokio::select! {
            interrupt = self.interrupt.recv() => interrupt.map(|()| Ending::Interrupted),
            terminate = self.terminate.recv() => terminate.map(|()| Ending::Terminated),
        }
    }
}

#[cfg(windows)]
struct Signals(tokio::signal::windows::CtrlC);

#[cfg(windows)]
impl Signals {
    fn listen() -> io::Result<Self> {
        tokio::signal::windows::ctrl_c().map(Self)
    }

    async fn next(&mut self) -> Option<Ending> {
        self.0.recv().await.map(|()| Ending::Interrupted)
    }
}
