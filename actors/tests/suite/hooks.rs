//! `started`, `handle_down`, `handle_exit`, `stopped`.

use std::future::pending;

use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::sync::oneshot;
use wharf::prelude::*;
use wharf::{Event, Spawn};

use crate::until_alone;

/// Notes which of its hooks ran, and ends where it was told to.
struct Noting {
    notes: UnboundedSender<String>,
    /// What `started` is to do.
    start: Start,
    /// The hook that returns an error.
    fails_in: &'static str,
}

#[derive(Clone, Copy, PartialEq)]
enum Start {
    Well,
    Fail,
    Stop,
    Hang,
}

enum Msg {
    Note(&'static str),
    Watch(Pid<ExitReason>),
    TrapAndLink(Pid<ExitReason>),
    Settled(Reply<()>),
}

impl Noting {
    fn note(&self, what: impl Into<String>) {
        let _ = self.notes.send(what.into());
    }

    fn verdict(&self, hook: &'static str) -> Result<(), ExitReason> {
        if self.fails_in == hook { Err(ExitReason::failed(hook)) } else { Ok(()) }
    }
}

impl Actor for Noting {
    type Msg = Msg;

    async fn started(&mut self, cx: &mut Context<Msg>) -> Result<(), ExitReason> {
        self.note("started");
        match self.start {
            Start::Well => {}
            Start::Fail => return Err(ExitReason::failed("no ink")),
            Start::Stop => cx.stop_with(ExitReason::custom("at once")),
            Start::Hang => pending::<()>().await,
        }
        Ok(())
    }

    async fn handle(&mut self, msg: Msg, cx: &mut Context<Msg>) -> Result<(), ExitReason> {
        match msg {
            Msg::Note(what) => self.note(what),
            Msg::Watch(subject) => drop(cx.monitor(&subject)),
            Msg::TrapAndLink(peer) => {
                cx.trap_exit(true);
                cx.link(&peer);
            }
            Msg::Settled(reply) => drop(reply.send(())),
        }
        self.verdict("handle")
    }

    async fn handle_down(&mut self, down: Down, _: &mut Context<Msg>) -> Result<(), ExitReason> {
        self.note(format!("down: {}", down.reason));
        self.verdict("handle_down")
    }

    async fn handle_exit(&mut self, exit: Exit, _: &mut Context<Msg>) -> Result<(), ExitReason> {
        self.note(format!("exit: {}", exit.reason));
        self.verdict("handle_exit")
    }

    async fn stopped(&mut self, reason: &ExitReason, _: &mut Context<Msg>) {
        self.note(format!("stopped: {reason}"));
    }
}

/// An actor, its watcher, and its notes.
fn noting(start: Start, fails_in: &'static str) -> (Pid<Msg>, Mailbox<()>, UnboundedReceiver<String>) {
    let (notes, noted) = unbounded_channel();
    let actor = spawn(Noting { notes, start, fails_in });
    let mut watcher = actor.node().guest();
    watcher.monitor(&actor);
    (actor, watcher, noted)
}

/// The reason that the watcher was told, and all notes.
async fn outcome(
    mut watcher: Mailbox<()>,
    mut noted: UnboundedReceiver<String>,
) -> (ExitReason, Vec<String>) {
    let Some(Event::Down(down)) = watcher.next().await else { panic!("no down") };
    let mut notes = Vec::new();
    while let Some(note) = noted.recv().await {
        notes.push(note);
    }
    (down.reason, notes)
}

/// Ends with the reason that it is sent.
fn subject() -> Pid<ExitReason> {
    spawn_fn(async |mut mailbox: Mailbox<ExitReason>| mailbox.receive().await.unwrap_or_default())
}

#[test]
fn an_error_in_started_ends_the_actor_before_its_first_message() {
    wharf::block_on(async {
        let (notes, noted) = unbounded_channel();
        let actor = spawn(Noting { notes, start: Start::Fail, fails_in: "" });
        let mut watcher = actor.node().guest::<()>();
        watcher.monitor(&actor);
        let _ = actor.send(Msg::Note("too late")).await;
        let (_, noted) = outcome(watcher, noted).await;
        assert_eq!(noted, ["started", "stopped: failed: no ink"]);
    });
}

#[test]
fn a_stop_in_started_ends_the_actor_before_its_first_message() {
    wharf::block_on(async {
        let (notes, noted) = unbounded_channel();
        let actor = spawn(Noting { notes, start: Start::Stop, fails_in: "" });
        let mut watcher = actor.node().guest::<()>();
        watcher.monitor(&actor);
        let _ = actor.send(Msg::Note("too late")).await;
        let (_, noted) = outcome(watcher, noted).await;
        assert_eq!(noted, ["started", "stopped: \"at once\""]);
    });
}

#[test]
fn a_start_that_hangs_is_cut_off_by_an_exit_signal() {
    wharf::block_on(async {
        let (actor, watcher, mut noted) = noting(Start::Hang, "");
        assert_eq!(noted.recv().await.as_deref(), Some("started"));
        actor.exit(ExitReason::Shutdown);
        let (reason, noted) = outcome(watcher, noted).await;
        assert_eq!(reason, ExitReason::Shutdown);
        assert_eq!(noted, ["stopped: shutdown"]);
    });
}

#[test]
fn handle_down_is_called_for_a_monitored_actor_after_its_messages() {
    wharf::block_on(async {
        let (actor, watcher, noted) = noting(Start::Well, "");
        let to = actor.clone();
        let subject = spawn_fn(async move |mut mailbox: Mailbox<ExitReason>| {
            let reason = mailbox.receive().await.unwrap_or_default();
            to.send(Msg::Note("one")).await.unwrap();
            to.send(Msg::Note("two")).await.unwrap();
            reason
        });
        actor.send(Msg::Watch(subject.clone())).await.unwrap();
        actor.ask(Msg::Settled).await.unwrap();
        subject.send(ExitReason::custom(4)).await.unwrap();
        subject.stopped().await;
        // All who watch are told before the subject counts as gone.
        until_alone(&actor.node()).await;
        actor.stop();
        let (reason, noted) = outcome(watcher, noted).await;
        assert!(reason.is_normal());
        assert_eq!(noted, ["started", "one", "two", "down: 4", "stopped: normal"]);
    });
}

#[test]
fn handle_exit_is_called_for_trapped_exits_in_their_place() {
    wharf::block_on(async {
        let (actor, watcher, noted) = noting(Start::Well, "");
        let peer = subject();
        actor.send(Msg::TrapAndLink(peer.clone())).await.unwrap();
        actor.ask(Msg::Settled).await.unwrap();
        actor.send(Msg::Note("before")).await.unwrap();
        actor.exit(ExitReason::custom("sent"));
        actor.send(Msg::Note("after")).await.unwrap();
        actor.ask(Msg::Settled).await.unwrap();
        peer.send(ExitReason::Shutdown).await.unwrap();
        until_alone(&actor.node()).await;
        actor.stop();
        let (_, noted) = outcome(watcher, noted).await;
        let expected = ["started", "before", "exit: \"sent\"", "after", "exit: shutdown", "stopped: normal"];
        assert_eq!(noted, expected);
    });
}

#[test]
fn an_error_of_any_hook_ends_the_actor_with_it() {
    wharf::block_on(async {
        for hook in ["handle", "handle_down", "handle_exit"] {
            let (actor, watcher, noted) = noting(Start::Well, hook);
            match hook {
                "handle" => actor.send(Msg::Note("the last")).await.unwrap(),
                "handle_down" => {
                    let gone = subject();
                    gone.send(ExitReason::Normal).await.unwrap();
                    actor.send(Msg::Watch(gone)).await.unwrap();
                }
                _ => {
                    let peer = subject();
                    actor.send(Msg::TrapAndLink(peer.clone())).await.unwrap();
                    actor.ask(Msg::Settled).await.unwrap();
                    peer.send(ExitReason::Normal).await.unwrap();
                }
            }
            let (reason, noted) = outcome(watcher, noted).await;
            assert_eq!(reason, ExitReason::failed(hook));
            assert_eq!(noted.last().unwrap(), &format!("stopped: failed: {hook}"));
        }
    });
}

#[test]
fn stopped_runs_when_the_node_stops() {
    let (notes, mut noted) = unbounded_channel();
    wharf::block_on(async move {
        spawn(Noting { notes, start: Start::Well, fails_in: "" });
    });
    assert_eq!(noted.blocking_recv().as_deref(), Some("started"));
    assert_eq!(noted.blocking_recv().as_deref(), Some("stopped: normal"));
    assert_eq!(noted.blocking_recv(), None);
}

/// Holds a request in its state.
struct Keeper(Option<Reply<u8>>);

impl Actor for Keeper {
    type Msg = Reply<u8>;

    async fn handle(&mut self, reply: Reply<u8>, _: &mut Context<Reply<u8>>) -> Result<(), ExitReason> {
        self.0 = Some(reply);
        Ok(())
    }
}

#[test]
fn a_request_in_the_state_of_an_actor_that_ends_is_told_the_reason() {
    wharf::block_on(async {
        type End = fn(&Pid<Reply<u8>>);
        let ends: [(End, ExitReason); 3] = [
            (|pid| pid.stop(), ExitReason::Normal),
            (|pid| pid.exit(ExitReason::Shutdown), ExitReason::Shutdown),
            (|pid| pid.kill(), ExitReason::Killed),
        ];
        for (end, told) in ends {
            let keeper = spawn(Keeper(None));
            let (begun, has_begun) = oneshot::channel();
            let asked = keeper.clone();
            let asker = tokio::spawn(async move {
                let mut ask = std::pin::pin!(asked.ask(|reply| reply));
                let mut begun = Some(begun);
                std::future::poll_fn(|cx| {
                    let polled = ask.as_mut().poll(cx);
                    if let Some(begun) = begun.take() {
                        begun.send(()).unwrap();
                    }
                    polled
                })
                .await
            });
            has_begun.await.unwrap();
            end(&keeper);
            assert_eq!(asker.await.unwrap(), Err(AskError::Down(told)));
        }
    });
}

#[test]
fn an_actor_spawned_with_options_has_them() {
    wharf::block_on(async {
        let (notes, _noted) = unbounded_channel();
        let actor = Spawn::new()
            .label("the noter")
            .name("noter")
            .capacity(Capacity::Bounded(1))
            .overflow(Overflow::Reject)
            .try_spawn(Noting { notes, start: Start::Hang, fails_in: "" })
            .unwrap();
        assert_eq!(actor.node().lookup::<Msg>("noter").unwrap(), actor);
        actor.send(Msg::Note("fits")).await.unwrap();
        assert!(matches!(actor.send(Msg::Note("does not")).await, Err(SendError::Full { limit: 1, .. })));
        actor.kill();
    });
}
