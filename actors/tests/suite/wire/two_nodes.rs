//! Actors that are reached only by bytes.

use super::*;

#[wharf::protocol]
trait Store {
    async fn put(&mut self, key: String, value: u64) -> Option<u64>;
    async fn size(&self) -> usize;
    #[one_way]
    async fn tell(&mut self, whom: Pid<StoreMsg>);
    fn later(&mut self, reply: Reply<String>);
}

#[derive(Default)]
struct Memory {
    map: HashMap<String, u64>,
    kept: Vec<Reply<String>>,
}

#[wharf::actor(wire, Store)]
impl Memory {
    async fn forget(&mut self) {
        self.kept.clear();
    }

    async fn die(&mut self) {
        panic!("as asked");
    }
}

impl Store for Memory {
    async fn put(&mut self, key: String, value: u64) -> Option<u64> {
        self.map.insert(key, value)
    }

    async fn size(&self) -> usize {
        self.map.len()
    }

    async fn tell(&mut self, whom: Pid<StoreMsg>) {
        let _ = whom.put("told".to_owned(), 1).try_send();
    }

    fn later(&mut self, reply: Reply<String>) {
        self.kept.push(reply);
    }
}

/// Asks `to` with bytes alone; `until` lets it work.
async fn ask_far<M: Wire, T: Send + 'static>(
    to: &Pid<M>,
    link: &Link,
    exchange: &Arc<dyn Exchange>,
    request: impl FnOnce(Reply<T>) -> M + Send + 'static,
) -> Result<T, AskError> {
    let far = ExportedPid::of(to);
    let wire = Arc::clone(exchange);
    // What stands for the far actor here: it encodes what it gets, and delivers the bytes there.
    let proxy = spawn_fn(async move |mut mailbox: Mailbox<M>| {
        while let Some(message) = mailbox.receive().await {
            let mut bytes = Vec::new();
            wire::encode(message, &mut bytes, &wire).unwrap();
            assert!(far.deliver(Sender::NOBODY, &bytes, &wire).unwrap().is_none());
        }
    });
    let mut ask = std::pin::pin!(proxy.ask(request));
    std::future::poll_fn(|cx| {
        link.carry(exchange);
        let polled = ask.as_mut().poll(cx);
        cx.waker().wake_by_ref();
        polled
    })
    .await
}

#[test]
fn a_far_call_is_answered_refused_dropped_or_dies_as_a_near_one() {
    wharf::block_on(async {
        let (link, exchange) = Link::new();
        let store = spawn(Memory::default());
        let put = |value| move |reply| MemoryMsg::Store(StoreMsg::Put { key: "a".to_owned(), value, reply });
        assert_eq!(ask_far(&store, &link, &exchange, put(1)).await, Ok(None));
        assert_eq!(ask_far(&store, &link, &exchange, put(2)).await, Ok(Some(1)));
        assert_eq!(store.size().await, Ok(1));

        let later = |reply| MemoryMsg::Store(StoreMsg::Later { reply });
        let forget = async {
            wharf::yield_now().await;
            store.forget().await
        };
        let (answer, _) = futures::join!(ask_far(&store, &link, &exchange, later), async {
            // Until the request is kept.
            for _ in 0..1_000_000_u32 {
                if !link.imported.lock().unwrap().is_empty() {
                    break;
                }
                wharf::yield_now().await;
            }
            forget.await
        });
        assert_eq!(answer, Err(AskError::NoReply));

        let died = ask_far(&store, &link, &exchange, |reply| MemoryMsg::Die { reply }).await;
        let Err(AskError::Down(reason)) = died else { panic!("{died:?}") };
        assert!(matches!(reason, ExitReason::Panicked(_)));
        assert!(link.exported.lock().unwrap().is_empty());
    });
}

#[test]
fn rights_of_a_message_for_the_dead_are_named() {
    wharf::block_on(async {
        let (link, exchange) = Link::new();
        let store = spawn(Memory::default());
        store.stop();
        store.stopped().await;
        let ended = spawn_fn(async move |mut mailbox: Mailbox<MemoryMsg>| {
            while let Some(message) = mailbox.receive().await {
                let mut bytes = Vec::new();
                wire::encode(message, &mut bytes, &exchange).unwrap();
                let error = ExportedPid::of(&store).deliver(Sender::NOBODY, &bytes, &exchange).unwrap_err();
                let wire::DeliverError::Closed { to, rights } = error else { panic!("{error}") };
                assert_eq!(to, store.id());
                for right in rights {
                    let asker = link.exported.lock().unwrap().remove(&right.number).unwrap();
                    asker.fail(AskError::Down(ExitReason::NoProc));
                }
            }
        });
        assert_eq!(ended.forget().await, Err(AskError::Down(ExitReason::NoProc)));
    });
}

#[test]
fn a_connection_that_goes_away_tells_all_askers() {
    wharf::block_on(async {
        let (link, exchange) = Link::new();
        let held = Arc::clone(&link);
        let proxy = spawn_fn(async move |mut mailbox: Mailbox<MemoryMsg>| {
            while let Some(message) = mailbox.receive().await {
                wire::encode(message, &mut Vec::new(), &exchange).unwrap();
                assert!(held.exported.lock().unwrap().values().all(ExportedReply::is_wanted));
                held.exported.lock().unwrap().clear();
            }
        });
        assert_eq!(proxy.forget().await, Err(AskError::NoConnection { to: proxy.id() }));
    });
}

#[test]
fn an_answer_that_is_none_is_the_peers_fault() {
    wharf::block_on(async {
        let (link, exchange) = Link::new();
        let proxy = spawn_fn(async move |mut mailbox: Mailbox<MemoryMsg>| {
            while let Some(message) = mailbox.receive().await {
                wire::encode(message, &mut Vec::new(), &exchange).unwrap();
                let asker = link.exported.lock().unwrap().pop_first().unwrap().1;
                let error = asker.answer(&[1, 2, 3], &exchange).unwrap_err();
                assert_eq!(error, DecodeError::TrailingBytes { count: 3 });
            }
        });
        assert_eq!(proxy.forget().await, Err(AskError::NoConnection { to: proxy.id() }));
    });
}

#[test]
fn a_connection_that_goes_away_beyond_the_node_asked_is_told_as_such() {
    wharf::block_on(async {
        let (near, exchange) = Link::new();
        let (beyond, further) = Link::new();
        let proxy = spawn_fn(async move |mut mailbox: Mailbox<MemoryMsg>| {
            while let Some(message) = mailbox.receive().await {
                let mut bytes = Vec::new();
                wire::encode(message, &mut bytes, &exchange).unwrap();
                // The node asked passes it on to a third.
                let passed: MemoryMsg = wire::decode(&bytes, &exchange).unwrap();
                wire::encode(passed, &mut Vec::new(), &further).unwrap();
                beyond.exported.lock().unwrap().clear();
                let (right, asker) = near.exported.lock().unwrap().pop_first().unwrap();
                let answer = near.poll(right, &mut Vec::new(), &exchange);
                assert_eq!(answer, Poll::Ready(Err(AnswerError::NoConnection)));
                drop(asker);
            }
        });
        assert_eq!(proxy.forget().await, Err(AskError::NoConnection { to: proxy.id() }));
    });
}

#[test]
fn a_pid_goes_out_in_a_message_and_comes_home() {
    wharf::block_on(async {
        let (_, exchange) = Link::new();
        let pid = spawn_fn(async |mut mailbox: Mailbox<Carry>| drop(mailbox.receive().await));
        let mut bytes = Vec::new();
        wire::encode(Carry { pid: Some(pid.clone()) }, &mut bytes, &exchange).unwrap();
        let came: Carry = wire::decode(&bytes, &exchange).unwrap();
        assert_eq!(came.pid, Some(pid));
    });
}

#[derive(Debug, wharf::Wire)]
struct Other {
    pid: Option<Pid<Self>>,
}

#[test]
fn a_pid_of_other_messages_is_refused_by_name() {
    wharf::block_on(async {
        let (_, exchange) = Link::new();
        let pid = spawn_fn(async |mut mailbox: Mailbox<Carry>| drop(mailbox.receive().await));
        let mut bytes = Vec::new();
        wire::encode(Carry { pid: Some(pid.clone()) }, &mut bytes, &exchange).unwrap();
        let error = wire::decode::<Other>(&bytes, &exchange).unwrap_err();
        let DecodeError::Exchange(ExchangeError::WrongMessage { id, found, wanted }) = error else {
            panic!("{error}")
        };
        assert_eq!(id, pid.id());
        assert!(found.ends_with("Carry") && wanted.ends_with("Other"), "{found} {wanted}");
    });
}

#[test]
fn a_message_waits_for_room_in_a_full_mailbox() {
    wharf::block_on(async {
        let (_, exchange) = Link::new();
        let (go, gone) = tokio::sync::oneshot::channel::<()>();
        let pid =
            Spawn::new().capacity(Capacity::Bounded(1)).spawn_fn(async move |mut mailbox: Mailbox<Hand>| {
                let _ = gone.await;
                let mut count = 0;
                while count < 2 && mailbox.receive().await.is_some() {
                    count += 1;
                }
            });
        let mut bytes = Vec::new();
        wire::encode(Hand::Unit, &mut bytes, &exchange).unwrap();
        let far = ExportedPid::of(&pid);
        assert!(far.deliver(Sender::NOBODY, &bytes, &exchange).unwrap().is_none());
        let waiting = far.deliver(Sender::NOBODY, &bytes, &exchange).unwrap().expect("no room");
        go.send(()).unwrap();
        assert_eq!(waiting.await, Ok(()));
    });
}
