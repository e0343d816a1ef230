//! Listeners that fail, and what a full one does.

use std::collections::VecDeque;
use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Waker};

use tracing::Level;
use wharf_net::driver::{ConnectError, Key, Net};
use wharf_net::transport::{Address, BoxFuture, Duplex, Listener, Mem, Transport, TransportError};
use wharf_runtime::Node;

use crate::grounds::{run, run_in_virtual_time};
use crate::house::KEY;
use crate::log::Log;

/// The network inside the process, by another name, whose listeners have faults first.
#[derive(Clone, Default)]
struct Faulty {
    mem: Mem,
    faults: Faults,
}

type Faults = Arc<Mutex<VecDeque<io::Error>>>;

struct FaultyListener {
    inner: Box<dyn Listener>,
    faults: Faults,
    address: Address,
}

fn inside(address: &Address) -> Address {
    format!("mem:{}", address.rest()).parse().unwrap()
}

impl Transport for Faulty {
    fn scheme(&self) -> &'static str {
        "faulty"
    }

    fn listen<'a>(&'a self, at: &'a Address) -> BoxFuture<'a, Result<Box<dyn Listener>, TransportError>> {
        Box::pin(async move {
            let inner = self.mem.listen(&inside(at)).await?;
            let (faults, address) = (Arc::clone(&self.faults), at.clone());
            Ok(Box::new(FaultyListener { inner, faults, address }) as Box<dyn Listener>)
        })
    }

    fn dial<'a>(&'a self, to: &'a Address) -> BoxFuture<'a, Result<Duplex, TransportError>> {
        Box::pin(async move { self.mem.dial(&inside(to)).await })
    }
}

impl Listener for FaultyListener {
    fn accept(&mut self) -> BoxFuture<'_, Result<Duplex, TransportError>> {
        match self.faults.lock().unwrap().pop_front() {
            Some(source) => {
                let address = self.address.clone();
                Box::pin(async move { Err(TransportError::Io { address, source }) })
            }
            None => self.inner.accept(),
        }
    }

    fn address(&self) -> &Address {
        &self.address
    }
}

fn join(name: &str, transport: &Faulty) -> Net {
    let node = Node::builder().name(name).start().unwrap();
    let builder = Net::builder(Key::new(KEY)).mem(&transport.mem).transport(transport.clone());
    builder.join(&node).unwrap()
}

#[test]
fn taking_calls_goes_on_after_a_pause_when_there_are_no_descriptors() {
    run_in_virtual_time(async {
        let log = Log::keep();
        let transport = Faulty::default();
        // EMFILE, ENFILE, EPROTO, and one of the transport's own.
        let faults = [24, 23, 71].map(io::Error::from_raw_os_error);
        transport.faults.lock().unwrap().extend(faults);
        transport.faults.lock().unwrap().push_back(io::Error::other("a bad hello"));
        let (house, caller) = (join("house", &transport), join("caller", &transport));
        house.listen("faulty:house").await.unwrap();
        assert_eq!(caller.connect("faulty:house").await.unwrap(), "house");
        assert!(transport.faults.lock().unwrap().is_empty());
        assert_eq!(log.count(Level::WARN, &["node=house", "for now"]), 1);
        assert_eq!(log.count(Level::ERROR, &[]), 0);
        caller.node().stop().await;
        house.node().stop().await;
    });
}

#[cfg(unix)]
#[test]
fn a_listener_that_is_none_any_more_is_given_up_and_others_go_on() {
    run_in_virtual_time(async {
        let log = Log::keep();
        let transport = Faulty::default();
        let (house, caller) = (join("house", &transport), join("caller", &transport));
        house.listen("mem:other").await.unwrap();
        // EBADF.
        transport.faults.lock().unwrap().push_back(io::Error::from_raw_os_error(9));
        house.listen("faulty:house").await.unwrap();
        let refused = loop {
            match caller.connect("faulty:house").await {
                Err(ConnectError::Unreachable { reason, .. }) => break reason,
                // It was called just before it was given up.
                Err(ConnectError::Handshake { .. }) => {}
                other => panic!("{other:?}"),
            }
        };
        assert!(refused.contains("nobody listens"), "{refused}");
        assert_eq!(log.count(Level::ERROR, &["node=house", "any more"]), 1);
        assert_eq!(caller.connect("mem:other").await.unwrap(), "house");
        caller.node().stop().await;
        house.node().stop().await;
    });
}

#[test]
fn where_many_wait_to_be_taken_a_caller_waits_too() {
    const CALLS: usize = 150;
    run(async {
        let (mem, at) = (Mem::default(), "mem:here".parse().unwrap());
        let mut listener = mem.listen(&at).await.unwrap();
        let mut cx = Context::from_waker(Waker::noop());
        let mut calls: Vec<BoxFuture<'_, _>> = Vec::new();
        let (mut called, mut early) = (Vec::new(), 0);
        for _ in 0..CALLS {
            let mut call = mem.dial(&at);
            match Pin::as_mut(&mut call).poll(&mut cx) {
                Poll::Ready(duplex) => {
                    early += 1;
                    called.push(duplex.unwrap());
                }
                Poll::Pending => calls.push(call),
            }
        }
        assert!(early < CALLS && !calls.is_empty());
        // Half of those who wait are let in, the others hear that nobody listens any more.
        let rest = calls.split_off(calls.len() / 2);
        let (waited, count) = (calls.len(), early + calls.len());
        let take = async {
            let mut taken = Vec::new();
            for _ in 0..count {
                taken.push(listener.accept().await.unwrap());
            }
            taken
        };
        let (late, taken) = tokio::join!(futures_util::future::join_all(calls), take);
        assert_eq!((late.iter().filter(|call| call.is_ok()).count(), taken.len()), (waited, count));
        drop(listener);
        for refused in futures_util::future::join_all(rest).await {
            // Some got the room of those who were taken.
            let over = !matches!(refused, Err(TransportError::Refused { .. }));
            assert_eq!(over, refused.is_ok(), "{refused:?}");
        }
        let refused = mem.dial(&at).await;
        assert!(matches!(refused, Err(TransportError::Refused { .. })), "{refused:?}");
    });
}
