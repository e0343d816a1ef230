//! Actors as types, and the loop that runs them.

use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::task::Poll;

use wharf_runtime::{Down, Exit, ExitReason, Mailbox, Notice, Pooled, Serve, exit_watch, serve};

use crate::{Context, Unheard};

/// An actor: state, and what it does with each message.
///
/// Implement the hooks with plain `async fn`. Messages are handled one at a time; while a handler
/// awaits, the next message waits. Only `handle` must be there; `#[wharf::actor]` writes it, and takes
/// the other hooks by their names.
///
/// # Examples
/// ```
/// use wharf::prelude::*;
///
/// struct Counter(u64);
///
/// enum CounterMsg {
///     Add(u64),
///     Total(Reply<u64>),
/// }
///
/// impl Actor for Counter {
///     type Msg = CounterMsg;
///
///     async fn handle(&mut self, msg: CounterMsg, _: &mut Context<CounterMsg>) -> Result<(), ExitReason> {
///         match msg {
///             CounterMsg::Add(by) => self.0 += by,
///             CounterMsg::Total(reply) => drop(reply.send(self.0)),
///         }
///         Ok(())
///     }
/// }
///
/// wharf::block_on(async {
///     let counter = wharf::spawn(Counter(0));
///     counter.send(CounterMsg::Add(5)).await.unwrap();
///     assert_eq!(counter.ask(CounterMsg::Total).await, Ok(5));
/// });
/// ```
pub trait Actor: Send + Sized + 'static {
    /// What it receives.
    type Msg: Send + 'static;

    /// Handles a message. An error ends the actor with that reason.
    fn handle(
        &mut self,
        msg: Self::Msg,
        cx: &mut Context<Self::Msg>,
    ) -> impl Future<Output = Result<(), ExitReason>> + Send;

    /// Runs before the first message. An error ends the actor with that reason.
    fn started(
        &mut self,
        cx: &mut Context<Self::Msg>,
    ) -> impl Future<Output = Result<(), ExitReason>> + Send {
        let _ = cx;
        async { Ok(()) }
    }

    /// Whether it wants this message now. What it refuses waits, in order, and is offered again
    /// before each later message: a selective receive.
    ///
    /// # Examples
    /// ```
    /// use wharf::prelude::*;
    ///
    /// struct Door {
    ///     locked: bool,
    /// }
    ///
    /// #[wharf::actor]
    /// impl Door {
    ///     fn accepts(&self, msg: &DoorMsg) -> bool {
    ///         !self.locked || matches!(msg, DoorMsg::Unlock { .. })
    ///     }
    ///
    ///     async fn unlock(&mut self) {
    ///         self.locked = false;
    ///     }
    ///
    ///     async fn open(&mut self) -> bool {
    ///         !self.locked
    ///     }
    /// }
    ///
    /// wharf::block_on(async {
    ///     let door = wharf::spawn(Door { locked: true });
    ///     let visitor = door.clone();
    ///     let opened = wharf::spawn_fn(async move |_: Mailbox<()>| {
    ///         // Waits until somebody unlocks.
    ///         assert_eq!(visitor.open().await, Ok(true));
    ///     });
    ///     door.unlock().await.unwrap();
    ///     assert_eq!(opened.stopped().await, ExitReason::Normal);
    /// });
    /// ```
    fn accepts(&self, msg: &Self::Msg) -> bool {
        let _ = msg;
        true
    }

    /// A monitored actor has ended.
    ///
    /// # Examples
    /// ```
    /// use wharf::prelude::*;
    ///
    /// struct Watch(Option<Reply<ExitReason>>);
    ///
    /// #[wharf::actor]
    /// impl Watch {
    ///     async fn watch(&mut self, job: Pid<()>, reply: Reply<ExitReason>, cx: &mut Context<WatchMsg>) {
    ///         self.0 = Some(reply);
    ///         cx.monitor(&job);
    ///         // Now it may begin.
    ///         let _ = job.send(()).await;
    ///     }
    ///
    ///     async fn handle_down(&mut self, down: Down, _: &mut Context<WatchMsg>) -> Result<(), ExitReason> {
    ///         if let Some(reply) = self.0.take() {
    ///             let _ = reply.send(down.reason);
    ///         }
    ///         Ok(())
    ///     }
    /// }
    ///
    /// wharf::block_on(async {
    ///     let watch = wharf::spawn(Watch(None));
    ///     let job = wharf::spawn_fn(async |mut mailbox: Mailbox<()>| {
    ///         mailbox.receive().await;
    ///         ExitReason::custom("done")
    ///     });
    ///     assert_eq!(watch.watch(job).await, Ok(ExitReason::custom("done")));
    /// });
    /// ```
    fn handle_down(
        &mut self,
        down: Down,
        cx: &mut Context<Self::Msg>,
    ) -> impl Future<Output = Result<(), ExitReason>> + Send {
        let _ = (down, cx);
        async { Ok(()) }
    }

    /// An exit signal came while the actor traps exits.
    fn handle_exit(
        &mut self,
        exit: Exit,
        cx: &mut Context<Self::Msg>,
    ) -> impl Future<Output = Result<(), ExitReason>> + Send {
        let _ = (exit, cx);
        async { Ok(()) }
    }

    /// A method made a message by `#[wharf::actor]` returned an error, and nobody awaited it: the
    /// method is `#[one_way]`, or it was called with `.send()`, or whoever asked has given up.
    ///
    /// By default it is logged (target `wharf::actor`, level WARN), and the actor lives on. An error
    /// returned from here ends the actor with that reason.
    fn on_error(
        &mut self,
        error: Unheard,
        cx: &mut Context<Self::Msg>,
    ) -> impl Future<Output = Result<(), ExitReason>> + Send {
        tracing::warn!(target: "wharf::actor", actor = %cx.id(), method = error.method(), "{error}");
        async { Ok(()) }
    }

    /// What a message is called in crash reports, where the node
    /// [keeps the messages received last](crate::Builder::recent_messages). `#[wharf::actor]` gives the
    /// names of methods; by default it is the message type.
    ///
    /// # Examples
    /// ```
    /// use wharf::prelude::*;
    ///
    /// struct Door;
    ///
    /// enum Push {
    ///     Open,
    ///     Close,
    /// }
    ///
    /// impl Actor for Door {
    ///     type Msg = Push;
    ///
    ///     async fn handle(&mut self, _: Push, _: &mut Context<Push>) -> Result<(), ExitReason> {
    ///         Err(ExitReason::failed("stuck"))
    ///     }
    ///
    ///     fn kind(msg: &Push) -> &'static str {
    ///         match msg {
    ///             Push::Open => "open",
    ///             Push::Close => "close",
    ///         }
    ///     }
    /// }
    /// ```
    fn kind(msg: &Self::Msg) -> &'static str {
        let _ = msg;
        std::any::type_name::<Self::Msg>()
    }

    /// Runs at the end, whatever the reason, except after a panic or a kill.
    fn stopped(
        &mut self,
        reason: &ExitReason,
        cx: &mut Context<Self::Msg>,
    ) -> impl Future<Output = ()> + Send {
        let _ = (reason, cx);
        async {}
    }
}

/// Runs a hook, and gives it up when an exit signal ends the actor meanwhile.
///
/// The hook's future lies in pooled memory, so that an idle actor has no room for it. A macro, so
/// that it is made there: passing it to a function would copy it, and the message in it.
macro_rules! unless_exiting {
    ($hook:expr) => {{
        let mut hook = Pooled::new(|| $hook);
        poll_fn(|cx| {
            if let Some(reason) = exit_watch::reason() {
                return Poll::Ready(Err(reason));
            }
            Pin::new(&mut hook).poll(cx)
        })
        .await
    }};
}

/// A living actor: its state, and its own side of the mailbox.
struct Living<A: Actor> {
    actor: A,
    cx: Context<A::Msg>,
}

impl<A: Actor> Serve for Living<A> {
    type Message = A::Msg;

    #[inline(always)]
    fn mailbox(&self) -> &Mailbox<A::Msg> {
        &self.cx.mailbox
    }

    #[inline(always)]
    fn ended(&mut self) -> Option<ExitReason> {
        self.cx.stop_reason()
    }

    #[inline(always)]
    fn accepts(&self, msg: &A::Msg) -> bool {
        self.actor.accepts(msg)
    }

    fn kind(msg: &A::Msg) -> &'static str {
        A::kind(msg)
    }

    #[inline(always)]
    fn handle(&mut self, msg: A::Msg) -> impl Future<Output = Result<(), ExitReason>> + Send {
        self.actor.handle(msg, &mut self.cx)
    }
}

/// The life of an actor; `begun` is called once it has started.
///
/// Not an `async fn`: that would store the actor twice, as argument and as local.
#[allow(clippy::manual_async_fn, reason = "an `async fn` stores its arguments twice")]
pub(crate) fn run<A: Actor>(
    actor: A,
    cx: Context<A::Msg>,
    begun: impl FnOnce() + Send,
) -> impl Future<Output = ExitReason> + Send {
    let mut living = Living { actor, cx };
    async move {
        living.cx.mailbox.keep_last_words();
        let reason = 'life: {
            if let Err(reason) = unless_exiting!(living.actor.started(&mut living.cx)) {
                break 'life reason;
            }
            begun();
            loop {
                if let Err(reason) = serve(&mut living).await {
                    break 'life reason;
                }
                if let Err(reason) = Pooled::new(|| handle_rest(&mut living)).await {
                    break 'life reason;
                }
            }
        };
        Pooled::new(|| living.actor.stopped(&reason, &mut living.cx)).await;
        reason
    }
}

/// Handles what is no message: a notice, an exit signal, a stop.
async fn handle_rest<A: Actor>(living: &mut Living<A>) -> Result<(), ExitReason> {
    let Living { actor, cx } = living;
    match cx.mailbox.take_notice() {
        Some(Notice::Down(down)) => unless_exiting!(actor.handle_down(down, cx)),
        Some(Notice::Exit(exit)) => unless_exiting!(actor.handle_exit(exit, cx)),
        None => Err(exit_watch::reason().unwrap_or_default()),
    }
}
