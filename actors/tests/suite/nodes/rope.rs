//! A network inside the process that can be cut and held, at addresses `rope:name`.

use std::collections::HashMap;
use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Waker};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::sync::{mpsc, oneshot};
use wharf::net::{Address, BoxFuture, Duplex, Key, Listener, Mem, Net, Transport, TransportError};
use wharf::{Event, ExitReason, Mailbox, Node, Pid};

use super::common::{Msg, adder};

#[derive(Default)]
struct State {
    /// Lines that began before this number are cut.
    cut: u64,
    lines: u64,
    held: bool,
    /// Nobody is called.
    torn: bool,
    /// Readers that wait, by line.
    readers: HashMap<u64, Waker>,
}

/// Clones are the same network.
#[derive(Clone, Default)]
pub(crate) struct Rope {
    mem: Mem,
    state: Arc<Mutex<State>>,
}

impl Rope {
    fn change(&self, change: impl FnOnce(&mut State)) {
        let mut state = self.state.lock().unwrap();
        change(&mut state);
        let wakers = std::mem::take(&mut state.readers);
        drop(state);
        wakers.into_values().for_each(Waker::wake);
    }

    /// Cuts all connections: both ends hear of it, and what was under way is lost.
    pub(crate) fn cut(&self) {
        self.change(|state| state.cut = state.lines);
    }

    /// Nothing that is written arrives until it is let go, or cut.
    pub(crate) fn hold(&self) {
        self.change(|state| state.held = true);
    }

    pub(crate) fn let_go(&self) {
        self.change(|state| state.held = false);
    }

    /// As long as it is torn nobody can be called.
    pub(crate) fn tear(&self, torn: bool) {
        self.change(|state| state.torn = torn);
    }

    fn wrap(&self, duplex: Duplex) -> Duplex {
        let ends = [(); 2].map(|()| {
            let mut state = self.state.lock().unwrap();
            state.lines += 1;
            End { state: Arc::clone(&self.state), line: state.lines }
        });
        let [reader, writer] = ends;
        Duplex::new(Held(reader, duplex.reader), Held(writer, duplex.writer), duplex.remote)
    }

    fn inner(address: &Address) -> Address {
        format!("mem:{}", address.rest()).parse().unwrap()
    }
}

struct End {
    state: Arc<Mutex<State>>,
    line: u64,
}

struct Held<T>(End, T);

impl<T: AsyncRead + Unpin> AsyncRead for Held<T> {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, to: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let Self(end, inner) = self.get_mut();
        let mut state = end.state.lock().unwrap();
        if end.line <= state.cut {
            return Poll::Ready(Ok(()));
        }
        state.readers.insert(end.line, cx.waker().clone());
        if state.held {
            return Poll::Pending;
        }
        drop(state);
        Pin::new(inner).poll_read(cx, to)
    }
}

impl<T: AsyncWrite + Unpin> AsyncWrite for Held<T> {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let Self(end, inner) = self.get_mut();
        if end.line <= end.state.lock().unwrap().cut {
            return Poll::Ready(Err(io::ErrorKind::BrokenPipe.into()));
        }
        Pin::new(inner).poll_write(cx, bytes)
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().1).poll_flush(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().1).poll_shutdown(cx)
    }
}

struct Taker(Rope, Address, Box<dyn Listener>);

impl Listener for Taker {
    fn accept(&mut self) -> BoxFuture<'_, Result<Duplex, TransportError>> {
        Box::pin(async { self.2.accept().await.map(|duplex| self.0.wrap(duplex)) })
    }

    fn address(&self) -> &Address {
        &self.1
    }
}

impl Transport for Rope {
    fn scheme(&self) -> &'static str {
        "rope"
    }

    fn listen<'a>(&'a self, at: &'a Address) -> BoxFuture<'a, Result<Box<dyn Listener>, TransportError>> {
        Box::pin(async move {
            let listener = self.mem.listen(&Self::inner(at)).await?;
            Ok(Box::new(Taker(self.clone(), at.clone(), listener)) as Box<dyn Listener>)
        })
    }

    fn dial<'a>(&'a self, to: &'a Address) -> BoxFuture<'a, Result<Duplex, TransportError>> {
        Box::pin(async move {
            if self.state.lock().unwrap().torn {
                return Err(TransportError::Refused { address: to.clone(), source: None });
            }
            self.mem.dial(&Self::inner(to)).await.map(|duplex| self.wrap(duplex))
        })
    }
}

/// Two nodes on a rope, the left of which has called the right one. That has an adder.
pub(crate) struct Roped {
    pub(crate) rope: Rope,
    pub(crate) left: Net,
    pub(crate) right: Net,
    /// The adder, at home.
    pub(crate) near: Pid<Msg>,
    /// The adder, as the left node knows it.
    pub(crate) far: Pid<Msg>,
}

impl Roped {
    pub(crate) async fn start() -> Self {
        let (rope, key) = (Rope::default(), Key::random().unwrap());
        let [left, right] = ["left", "right"].map(|name| {
            let node = Node::builder().name(name).start().unwrap();
            Net::builder(key.clone()).transport(rope.clone()).join(&node).unwrap()
        });
        right.listen("rope:right").await.unwrap();
        left.connect("rope:right").await.unwrap();
        let near = right.node().spawn_fn(adder);
        right.export("adder", &near).unwrap();
        let far = left.lookup::<Msg>("adder@right").await.unwrap();
        Self { rope, left, right, near, far }
    }

    /// Waits until both know that the connection has ended.
    pub(crate) async fn until_apart(&self) {
        super::site::eventually("both know of the cut", || {
            self.left.peers().is_empty() && self.right.peers().is_empty()
        })
        .await;
    }

    /// Waits until the left node has called the right one again, by itself.
    pub(crate) async fn until_joined(&self) {
        for _ in 0..1_000 {
            if self.left.peers() == ["right"] && self.right.peers() == ["left"] {
                return;
            }
            // The next call comes after a pause of the driver's, which takes no time under virtual time.
            tokio::time::sleep(std::time::Duration::from_millis(10)).await;
        }
        panic!("never again: {:?} {:?}", self.left.peers(), self.right.peers());
    }

    pub(crate) async fn stop(self) {
        self.left.node().stop().await;
        self.right.node().stop().await;
    }
}

/// An actor that tells of the notices that come to it, once it has done what it watches by.
pub(crate) async fn told_of(
    watch: impl FnOnce(&mut Mailbox<Msg>) + Send + 'static,
    node: &Node,
) -> (Pid<Msg>, mpsc::UnboundedReceiver<ExitReason>) {
    let (tell, told) = mpsc::unbounded_channel();
    let (begun, has_begun) = oneshot::channel();
    let watcher = node.spawn_fn(async move |mut mailbox: Mailbox<Msg>| {
        mailbox.trap_exit(true);
        watch(&mut mailbox);
        begun.send(()).unwrap();
        while let Some(event) = mailbox.next().await {
            match event {
                Event::Down(down) => _ = tell.send(down.reason),
                Event::Exit(exit) => _ = tell.send(exit.reason),
                _ => return,
            }
        }
    });
    has_begun.await.unwrap();
    (watcher, told)
}
