//! What an actor can do in its handlers.

use std::borrow::Cow;
use std::collections::HashMap;
use std::future::Future;
use std::time::Duration;

use futures_core::Stream;
use wharf_runtime::{
    ActorId, AnyPid, ExitReason, Mailbox, MonitorRef, Node, Pid, StashFull, TaskError, Timer, Timestamp,
};

use crate::task::{self, Task};

/// An actor's own side: its address, its end, its links, monitors and timers.
///
/// Each hook of an [`Actor`](crate::Actor) is given it. A method made a message by `#[wharf::actor]` has
/// it by naming a parameter for it, anywhere: `cx: &mut Context<CounterMsg>`. Processes have a
/// [`Mailbox`] instead, which can do the same.
#[derive(Debug)]
pub struct Context<M> {
    pub(crate) mailbox: Mailbox<M>,
    /// Boxed, so that it is one word in every actor: most have none.
    rare: Option<Box<Rare>>,
}

/// What few actors have, or only at their end.
#[derive(Debug, Default)]
struct Rare {
    stop: Option<ExitReason>,
    timers: HashMap<Cow<'static, str>, Timer>,
}

impl<M: Send + 'static> Context<M> {
    pub(crate) const fn new(mailbox: Mailbox<M>) -> Self {
        Self { mailbox, rare: None }
    }

    #[inline(always)]
    pub(crate) fn stop_reason(&mut self) -> Option<ExitReason> {
        self.rare.as_mut()?.stop.take()
    }

    /// This actor's address.
    #[must_use]
    pub const fn pid(&self) -> &Pid<M> {
        self.mailbox.pid()
    }

    /// This actor's identity.
    #[must_use]
    pub fn id(&self) -> ActorId {
        self.pid().id()
    }

    /// This actor's node.
    #[must_use]
    pub fn node(&self) -> Node {
        self.mailbox.node()
    }

    /// Who spawned this actor, when that was an actor or guest.
    #[must_use]
    pub fn parent(&self) -> Option<ActorId> {
        self.mailbox.parent()
    }

    /// Who sent the message under way; `None` when that was no actor or guest.
    #[must_use]
    pub fn sender(&self) -> Option<ActorId> {
        self.mailbox.sender()
    }

    /// Ends this actor normally when the handler under way returns. Messages that wait become dead
    /// letters; to handle them first, send a stop: `cx.pid().stop()`.
    pub fn stop(&mut self) {
        self.stop_with(ExitReason::Normal);
    }

    /// Ends this actor with `reason` when the handler under way returns.
    pub fn stop_with(&mut self, reason: ExitReason) {
        self.rare.get_or_insert_default().stop = Some(reason);
    }

    /// Links this actor with another: when one ends, the other gets an exit signal.
    pub fn link(&mut self, peer: impl Into<AnyPid>) {
        self.mailbox.link(peer);
    }

    /// As [`Context::link`]; while this actor traps exits, `handle_exit` is called ahead of all
    /// messages when the other ends.
    pub fn link_with_priority(&mut self, peer: impl Into<AnyPid>) {
        self.mailbox.link_with_priority(peer);
    }

    /// Takes a link down. From now on it has no effect on this actor.
    pub fn unlink(&mut self, peer: impl Into<ActorId>) {
        self.mailbox.unlink(peer);
    }

    /// Monitors another actor: when it ends, `handle_down` is called once, after all messages that
    /// it had sent. Monitors stack: each gives one `Down`.
    pub fn monitor(&mut self, subject: impl Into<AnyPid>) -> MonitorRef {
        self.mailbox.monitor(subject)
    }

    /// As [`Context::monitor`], with the `Down` ahead of all messages.
    pub fn monitor_with_priority(&mut self, subject: impl Into<AnyPid>) -> MonitorRef {
        self.mailbox.monitor_with_priority(subject)
    }

    /// Takes a monitor off. No `Down` of it comes from now on; false when it had come already.
    pub fn demonitor(&mut self, monitor: MonitorRef) -> bool {
        self.mailbox.demonitor(monitor)
    }

    /// Whether exit signals go to `handle_exit` instead of ending this actor; gives what held
    /// before. A kill can't be trapped.
    pub fn trap_exit(&mut self, trap: bool) -> bool {
        self.mailbox.trap_exit(trap)
    }

    /// Sends `message` to this actor after `delay`.
    pub fn send_after(&self, delay: Duration, message: M) -> Timer {
        self.mailbox.send_after(delay, message)
    }

    /// Sends what `message` makes to this actor every `period`, first after one period.
    pub fn send_every(&self, period: Duration, message: impl FnMut() -> M + Send + 'static) -> Timer {
        self.mailbox.send_every(period, message)
    }

    /// Sends `message` to this actor after `delay`, under a name: a timer of this name that was set
    /// before is cancelled, and its message is not handled, even if it has rung.
    ///
    /// # Examples
    /// ```
    /// use std::time::Duration;
    /// use wharf::prelude::*;
    ///
    /// struct Idle(Reply<&'static str>);
    ///
    /// impl Actor for Idle {
    ///     type Msg = &'static str;
    ///
    ///     async fn handle(&mut self, msg: &'static str, cx: &mut Context<&'static str>) -> Result<(), ExitReason> {
    ///         if msg == "idle" {
    ///             let _ = std::mem::replace(&mut self.0, Reply::none()).send(msg);
    ///         } else {
    ///             cx.set_timer("idle", Duration::from_millis(5), "idle");
    ///         }
    ///         Ok(())
    ///     }
    /// }
    ///
    /// wharf::block_on(async {
    ///     let guest = wharf::spawn_fn(async |mut mailbox: Mailbox<Reply<&str>>| {
    ///         if let Some(reply) = mailbox.receive().await {
    ///             let idle = wharf::spawn(Idle(reply));
    ///             idle.send("busy").await.unwrap();
    ///             idle.send("busy").await.unwrap();
    ///         }
    ///     });
    ///     assert_eq!(guest.ask(|reply| reply).await, Ok("idle"));
    /// });
    /// ```
    pub fn set_timer(&mut self, name: impl Into<Cow<'static, str>>, delay: Duration, message: M) {
        let name = name.into();
        // First the old one: none of its messages may come after this call.
        self.cancel_timer(&name);
        let timer = self.mailbox.send_after(delay, message);
        self.rare.get_or_insert_default().timers.insert(name, timer);
    }

    /// As [`Context::set_timer`], every `period`, first after one period.
    pub fn set_interval(
        &mut self,
        name: impl Into<Cow<'static, str>>,
        period: Duration,
        message: impl FnMut() -> M + Send + 'static,
    ) {
        let name = name.into();
        self.cancel_timer(&name);
        let timer = self.mailbox.send_every(period, message);
        self.rare.get_or_insert_default().timers.insert(name, timer);
    }

    /// Cancels the timer of this name: no message of it is handled from now on. False when there
    /// was none, or its message has been handled.
    pub fn cancel_timer(&mut self, name: &str) -> bool {
        let timer = self.rare.as_mut().and_then(|rare| rare.timers.remove(name));
        timer.is_some_and(|timer| timer.cancel())
    }

    /// Whether a timer of this name is set and has not rung for the last time.
    #[must_use]
    pub fn has_timer(&self, name: &str) -> bool {
        self.rare.as_ref().and_then(|rare| rare.timers.get(name)).is_some_and(Timer::is_armed)
    }

    /// Puts the message under way aside, until [`Context::unstash_all`]: for what an actor can't
    /// handle in its present state. Where a look at the message is enough to know that,
    /// [`Actor::accepts`](crate::Actor::accepts) does it with less.
    ///
    /// # Errors
    /// [`StashFull`] gives the message back: it holds as many as the mailbox, unless
    /// [`Spawn::save_limit`](crate::Spawn::save_limit) says otherwise.
    ///
    /// # Examples
    /// ```
    /// use wharf::prelude::*;
    ///
    /// /// Writes nothing before it knows where to.
    /// struct Writer(Option<Pid<String>>);
    ///
    /// enum WriterMsg {
    ///     Open(Pid<String>),
    ///     Write(String),
    /// }
    ///
    /// impl Actor for Writer {
    ///     type Msg = WriterMsg;
    ///
    ///     async fn handle(&mut self, msg: WriterMsg, cx: &mut Context<WriterMsg>) -> Result<(), ExitReason> {
    ///         match (msg, &self.0) {
    ///             (WriterMsg::Open(to), _) => {
    ///                 self.0 = Some(to);
    ///                 cx.unstash_all();
    ///             }
    ///             (WriterMsg::Write(line), Some(to)) => to.send(line).await?,
    ///             (early, None) => cx.stash(early)?,
    ///         }
    ///         Ok(())
    ///     }
    /// }
    ///
    /// wharf::block_on(async {
    ///     let mut paper = Node::current().unwrap().guest::<String>();
    ///     let writer = wharf::spawn(Writer(None));
    ///     writer.send(WriterMsg::Write("early".into())).await.unwrap();
    ///     writer.send(WriterMsg::Open(paper.pid().clone())).await.unwrap();
    ///     assert_eq!(paper.receive().await.as_deref(), Some("early"));
    /// });
    /// ```
    pub fn stash(&mut self, message: M) -> Result<(), StashFull<M>> {
        self.mailbox.stash(message)
    }

    /// Puts all that was put aside before whatever waits in the mailbox, in its old order; says how
    /// many messages.
    pub fn unstash_all(&mut self) -> usize {
        self.mailbox.unstash_all()
    }

    /// Handles `message` next, before whatever waits in the mailbox: to go on after `started` has
    /// let its spawner go on, or to cut long work into pieces between which signals act.
    pub fn continue_with(&mut self, message: M) {
        self.mailbox.put_first(message);
    }

    /// Runs `future` beside this actor. Its result, or that it panicked, comes as the message that
    /// `message` makes; exactly one comes, unless the task is cancelled. It ends with this actor. An
    /// example is at [`Context::pipe_to_self`], which differs in what a panic does.
    ///
    /// # Cancel safety
    /// When the task is cancelled, or this actor ends, `future` is dropped at its next await, and no
    /// message comes: see [`Task::cancel`].
    pub fn spawn_task<F>(
        &self,
        future: F,
        message: impl FnOnce(Result<F::Output, TaskError>) -> M + Send + 'static,
    ) -> Task
    where
        F: Future<Output: Send> + Send + 'static,
    {
        task::spawn_task(self.pid(), future, message)
    }

    /// Runs `future` beside this actor, and handles what it gives as the message that `message`
    /// makes. A panic in it ends this actor as one of its own would. It ends with this actor.
    ///
    /// # Cancel safety
    /// As for [`Context::spawn_task`].
    ///
    /// # Examples
    /// ```
    /// use wharf::prelude::*;
    ///
    /// struct Fetcher;
    ///
    /// enum FetcherMsg {
    ///     Fetch(Reply<String>),
    ///     Fetched(String, Reply<String>),
    /// }
    ///
    /// impl Actor for Fetcher {
    ///     type Msg = FetcherMsg;
    ///
    ///     async fn handle(&mut self, msg: FetcherMsg, cx: &mut Context<FetcherMsg>) -> Result<(), ExitReason> {
    ///         match msg {
    ///             FetcherMsg::Fetch(reply) => {
    ///                 let slow = async { String::from("page") };
    ///                 cx.pipe_to_self(slow, |page| FetcherMsg::Fetched(page, reply));
    ///             }
    ///             FetcherMsg::Fetched(page, reply) => drop(reply.send(page)),
    ///         }
    ///         Ok(())
    ///     }
    /// }
    ///
    /// wharf::block_on(async {
    ///     let fetcher = wharf::spawn(Fetcher);
    ///     assert_eq!(fetcher.ask(FetcherMsg::Fetch).await.unwrap(), "page");
    /// });
    /// ```
    pub fn pipe_to_self<F>(&self, future: F, message: impl FnOnce(F::Output) -> M + Send + 'static) -> Task
    where
        F: Future<Output: Send> + Send + 'static,
    {
        task::pipe(self.pid(), future, message)
    }

    /// As [`Context::spawn_task`], for work that blocks a thread: see [`Node::run_blocking`]. Work
    /// that has begun can't be stopped, but its result goes nowhere once the task was cancelled.
    pub fn spawn_blocking<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> T + Send + 'static,
        message: impl FnOnce(Result<T, TaskError>) -> M + Send + 'static,
    ) -> Task {
        task::spawn_blocking(self.pid(), work, message)
    }

    /// Handles each item of `stream` as the message that `item` makes. Where the mailbox is full the
    /// stream waits. It ends with this actor, and a panic in it ends this actor.
    ///
    /// # Cancel safety
    /// When the task is cancelled, or this actor ends, the stream is dropped with all that is left in it,
    /// and with the one item that waits for room, if any, unless that was accepted. The items before it
    /// have been accepted, and none comes after it.
    ///
    /// # Examples
    /// ```
    /// use wharf::prelude::*;
    ///
    /// struct Sum(u64);
    ///
    /// #[wharf::actor]
    /// impl Sum {
    ///     async fn started(&mut self, cx: &mut Context<SumMsg>) -> Result<(), ExitReason> {
    ///         cx.attach_stream(futures::stream::iter([1, 2, 3]), |by| SumMsg::Add { by });
    ///         Ok(())
    ///     }
    ///
    ///     #[one_way]
    ///     async fn add(&mut self, by: u64) {
    ///         self.0 += by;
    ///     }
    ///
    ///     async fn total(&mut self) -> u64 {
    ///         self.0
    ///     }
    /// }
    ///
    /// wharf::block_on(async {
    ///     let sum = wharf::spawn(Sum(0));
    ///     while sum.total().await.unwrap() < 6 {
    ///         wharf::yield_now().await;
    ///     }
    /// });
    /// ```
    pub fn attach_stream<S>(&self, stream: S, item: impl FnMut(S::Item) -> M + Send + 'static) -> Task
    where
        S: Stream<Item: Send> + Send + 'static,
    {
        task::attach(self.pid(), stream, item, || None)
    }

    /// As [`Context::attach_stream`]; after the last item comes the message that `end` makes. It does not
    /// come when the task is cancelled first.
    pub fn attach_stream_to_end<S>(
        &self,
        stream: S,
        item: impl FnMut(S::Item) -> M + Send + 'static,
        end: impl FnOnce() -> M + Send + 'static,
    ) -> Task
    where
        S: Stream<Item: Send> + Send + 'static,
    {
        task::attach(self.pid(), stream, item, || Some(end()))
    }

    /// The node's time.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        self.mailbox.now()
    }
}
