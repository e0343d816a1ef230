//! What an actor can do in its handlers.

use std::time::Duration;

use tokio::sync::oneshot;
use wharf::prelude::*;
use wharf::{ActorId, Event, MonitorRef};

use crate::until_alone;

/// Runs what it is sent, on itself.
struct Puppet {
    exits: u32,
    downs: u32,
}

type Strings = dyn FnOnce(&mut Puppet, &mut Context<Pull>) -> Result<(), ExitReason> + Send;

struct Pull(Box<Strings>);

impl Pull {
    fn new(
        act: impl FnOnce(&mut Puppet, &mut Context<Self>) -> Result<(), ExitReason> + Send + 'static,
    ) -> Self {
        Self(Box::new(act))
    }
}

impl Actor for Puppet {
    type Msg = Pull;

    async fn handle(&mut self, pull: Pull, cx: &mut Context<Pull>) -> Result<(), ExitReason> {
        (pull.0)(self, cx)
    }

    async fn handle_exit(&mut self, _: Exit, _: &mut Context<Pull>) -> Result<(), ExitReason> {
        self.exits += 1;
        Ok(())
    }

    async fn handle_down(&mut self, _: Down, _: &mut Context<Pull>) -> Result<(), ExitReason> {
        self.downs += 1;
        Ok(())
    }
}

fn puppet() -> Pid<Pull> {
    spawn(Puppet { exits: 0, downs: 0 })
}

/// Lets the puppet do something, and gives what came of it.
async fn pull<T: Send + 'static>(
    puppet: &Pid<Pull>,
    act: impl FnOnce(&mut Puppet, &mut Context<Pull>) -> T + Send + 'static,
) -> T {
    let asked = puppet.ask(|reply: Reply<T>| {
        Pull::new(move |puppet, cx| {
            let _ = reply.send(act(puppet, cx));
            Ok(())
        })
    });
    asked.await.unwrap()
}

fn subject() -> Pid<ExitReason> {
    spawn_fn(async |mut mailbox: Mailbox<ExitReason>| mailbox.receive().await.unwrap_or_default())
}

#[test]
fn a_context_knows_its_actor_its_node_and_the_sender() {
    wharf::block_on(async {
        let me = Node::current().unwrap();
        let puppet = puppet();
        let (pid, id, node, sender) =
            pull(&puppet, |_, cx| (cx.pid().clone(), cx.id(), cx.node().id(), cx.sender())).await;
        assert_eq!((pid, id, node), (puppet.clone(), puppet.id(), me.id()));
        assert!(sender.is_some_and(|sender: ActorId| sender != puppet.id()), "the guest has sent it");
    });
}

#[test]
fn stop_ends_the_actor_when_the_handler_returns_and_buries_what_waits() {
    wharf::block_on(async {
        let puppet = puppet();
        let mut watcher = puppet.node().guest::<()>();
        watcher.monitor(&puppet);
        let (tell, told) = oneshot::channel();
        puppet
            .send(Pull::new(move |_, cx| {
                cx.pid().try_send(Pull::new(|_, _| panic!("handled after the end"))).unwrap();
                cx.stop_with(ExitReason::custom("enough"));
                tell.send("went on").unwrap();
                Ok(())
            }))
            .await
            .unwrap();
        assert_eq!(told.await.unwrap(), "went on");
        let Some(Event::Down(down)) = watcher.next().await else { panic!("no down") };
        assert_eq!(down.reason, ExitReason::custom("enough"));
        assert_eq!(puppet.node().stats().all_dead(), 1);
    });
}

#[test]
fn links_are_set_up_taken_down_and_trapped() {
    wharf::block_on(async {
        let puppet = puppet();
        let (kept, cut) = (subject(), subject());
        let (a, b) = (kept.clone(), cut.clone());
        let before = pull(&puppet, move |_, cx| {
            let before = cx.trap_exit(true);
            cx.link(&a);
            cx.link(&b);
            cx.unlink(&b);
            before
        })
        .await;
        assert!(!before, "exits are not trapped to begin with");
        cut.send(ExitReason::custom(1)).await.unwrap();
        kept.send(ExitReason::custom(2)).await.unwrap();
        until_alone(&puppet.node()).await;
        assert_eq!(pull(&puppet, |puppet, _| puppet.exits).await, 1);
    });
}

#[test]
fn monitors_are_set_and_taken_off() {
    wharf::block_on(async {
        let puppet = puppet();
        let (kept, dropped, first) = (subject(), subject(), subject());
        let (a, b, c) = (kept.clone(), dropped.clone(), first.clone());
        let taken: bool = pull(&puppet, move |_, cx| {
            cx.monitor(&a);
            cx.monitor_with_priority(&c);
            let monitor: MonitorRef = cx.monitor(&b);
            cx.demonitor(monitor)
        })
        .await;
        assert!(taken);
        for pid in [kept, dropped, first] {
            pid.send(ExitReason::Normal).await.unwrap();
        }
        until_alone(&puppet.node()).await;
        assert_eq!(pull(&puppet, |puppet, _| puppet.downs).await, 2);
    });
}

#[test]
fn timers_reach_their_actor() {
    let tokio =
        tokio::runtime::Builder::new_current_thread().enable_all().start_paused(true).build().unwrap();
    tokio.block_on(async {
        let node = Node::start().unwrap();
        node.run(async {
            let puppet = puppet();
            let (tell, told) = oneshot::channel();
            pull(&puppet, move |_, cx| {
                let began = cx.now();
                let once = Pull::new(move |_, cx| {
                    tell.send(cx.now().as_nanos() - began.as_nanos()).unwrap();
                    Ok(())
                });
                cx.send_after(Duration::from_millis(40), once);
            })
            .await;
            assert!((40_000_000..42_000_000).contains(&told.await.unwrap()));

            let (tell, mut told) = tokio::sync::mpsc::unbounded_channel();
            let timer = pull(&puppet, move |_, cx| {
                cx.send_every(Duration::from_millis(10), move || {
                    let tell = tell.clone();
                    Pull::new(move |_, _| Ok(tell.send(())?))
                })
            })
            .await;
            for _ in 0..5 {
                told.recv().await.unwrap();
            }
            assert!(timer.cancel());
            assert!(told.recv().await.is_none(), "the timer is gone, and what it held");
        })
        .await;
        assert!(node.stop().await.is_clean());
    });
}
