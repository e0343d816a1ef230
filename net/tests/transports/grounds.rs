//! The transports that the suites run on, and how tests run.

use std::fmt::Debug;
use std::future::Future;
use std::time::Duration;

use tokio::net::TcpSocket;
use tokio::runtime::Builder;
use tokio::time::{sleep, timeout};
use wharf_net::driver;
use wharf_net::transport::{Address, Duplex, Listener, Mem, Tcp, Transport};

/// Longer than anything here takes: what hangs fails.
const PATIENCE: Duration = Duration::from_secs(60);
/// How often it is looked whether something has come true.
const LOOKS: u32 = 10_000_000;

/// A transport, and addresses for it that nobody else uses.
pub(crate) trait Ground: Default + Send + Sync + 'static {
    fn transport(&self) -> &dyn Transport;

    /// Where one can listen; a port may be left open.
    fn address(&self) -> Address;

    /// Where nobody listens.
    fn nobody(&self) -> Address;

    /// Lets nodes call each other here.
    fn join(&self, builder: driver::Builder) -> driver::Builder {
        builder
    }
}

#[derive(Default)]
pub(crate) struct InMem(pub(crate) Mem);

impl Ground for InMem {
    fn transport(&self) -> &dyn Transport {
        &self.0
    }

    fn address(&self) -> Address {
        "mem:here".parse().unwrap()
    }

    fn nobody(&self) -> Address {
        "mem:nobody".parse().unwrap()
    }

    fn join(&self, builder: driver::Builder) -> driver::Builder {
        builder.mem(&self.0)
    }
}

pub(crate) struct OverTcp {
    /// Keeps a port from all others, and does not listen.
    silent: TcpSocket,
}

impl Default for OverTcp {
    fn default() -> Self {
        let silent = TcpSocket::new_v4().unwrap();
        silent.bind("127.0.0.1:0".parse().unwrap()).unwrap();
        Self { silent }
    }
}

impl Ground for OverTcp {
    fn transport(&self) -> &dyn Transport {
        &Tcp
    }

    fn address(&self) -> Address {
        "tcp://127.0.0.1:0".parse().unwrap()
    }

    fn nobody(&self) -> Address {
        format!("tcp://{}", self.silent.local_addr().unwrap()).parse().unwrap()
    }
}

#[cfg(unix)]
pub(crate) use unix::OverUnix;

#[cfg(unix)]
mod unix {
    use tempfile::TempDir;
    use wharf_net::transport::Unix;

    use super::*;

    /// In a directory of its own.
    pub(crate) struct OverUnix(pub(crate) TempDir);

    impl Default for OverUnix {
        fn default() -> Self {
            Self(TempDir::new().unwrap())
        }
    }

    impl OverUnix {
        pub(crate) fn at(&self, name: &str) -> Address {
            format!("unix:{}", self.0.path().join(name).display()).parse().unwrap()
        }
    }

    impl Ground for OverUnix {
        fn transport(&self) -> &dyn Transport {
            &Unix
        }

        fn address(&self) -> Address {
            self.at("here")
        }

        fn nobody(&self) -> Address {
            self.at("nobody")
        }
    }
}

/// Runs a test on two threads; fails if it hangs.
pub(crate) fn run(test: impl Future<Output = ()>) {
    let tokio = Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    tokio.block_on(async { timeout(PATIENCE, test).await.expect("it hangs") });
}

/// Runs a test under virtual time, which goes on when all tasks wait.
pub(crate) fn run_in_virtual_time(test: impl Future<Output = ()>) {
    let tokio = Builder::new_current_thread().enable_all().start_paused(true).build().unwrap();
    // An hour of it passes at once when everybody waits for nothing.
    tokio.block_on(async { timeout(60 * PATIENCE, test).await.expect("it hangs") });
}

/// Lets other tasks run, and other threads.
pub(crate) async fn give_way() {
    std::thread::yield_now();
    tokio::task::yield_now().await;
}

/// Gives way until something is true.
pub(crate) async fn eventually(what: &str, is_so: impl Fn() -> bool) {
    for _ in 0..LOOKS {
        if is_so() {
            return;
        }
        give_way().await;
    }
    panic!("never: {what}");
}

/// Gives way until two things are equal.
pub(crate) async fn eventually_eq<T: PartialEq + Debug>(look: impl Fn() -> T, expected: T) {
    for _ in 0..LOOKS {
        if look() == expected {
            return;
        }
        give_way().await;
    }
    panic!("never {expected:?}, but {:?}", look());
}

/// Lets virtual time go on until something is true.
pub(crate) async fn in_time(what: &str, is_so: impl Fn() -> bool) {
    for _ in 0..100_000_u32 {
        if is_so() {
            return;
        }
        sleep(Duration::from_millis(10)).await;
    }
    panic!("never: {what}");
}

/// A listener, and where it is called.
pub(crate) async fn listen(ground: &impl Ground) -> (Box<dyn Listener>, Address) {
    let listener = ground.transport().listen(&ground.address()).await.unwrap();
    let at = listener.address().clone();
    (listener, at)
}

/// A listener and both ends of a call: the caller's first.
pub(crate) async fn pair(ground: &impl Ground) -> (Box<dyn Listener>, Duplex, Duplex) {
    let (mut listener, at) = listen(ground).await;
    let (called, taken) = tokio::join!(ground.transport().dial(&at), listener.accept());
    (listener, called.unwrap(), taken.unwrap())
}
