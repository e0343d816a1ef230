//! Probes: actors whose messages the test looks at.

use std::collections::VecDeque;
use std::fmt;
use std::future::{Future, poll_fn};
use std::panic::Location;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

use wharf_runtime::explore::guided::Guide;
use wharf_runtime::{ActorId, AnyPid, Capacity, Down, Event, Exit, Mailbox, Pid};

use super::expect::{NothingComes, fail, unless_still};
use super::node::TestNode;
use crate::Spawn;

/// An actor that only takes what comes, for the test to look at: a collaborator of the actors under
/// test. Its pid is as good as any other. Its mailbox is unbounded, it traps exits, and it lives
/// until it is told to end, or the test does.
///
/// What is expected must come while time stands still: the test fails as soon as nothing can run any
/// more, and says so. Where something comes only later, turn the clock with [`TestNode::advance`].
///
/// # Examples
/// ```
/// use wharf::prelude::*;
/// wharf::testkit::run("greetings", None, |t| async move {
///     let probe = t.probe::<&str>();
///     let to = probe.pid();
///     t.spawn_fn(async move |_: Mailbox<()>| {
///         to.send("hello").await.unwrap();
///         to.send("goodbye").await.unwrap();
///     });
///     probe.expect_eq("hello").await;
///     probe.expect(|m| m.starts_with("good")).await;
///     probe.expect_none().await;
/// });
/// ```
pub struct Probe<M> {
    test: TestNode,
    pid: Pid<M>,
    taken: Arc<Taken<M>>,
    show: fn(&M) -> String,
}

impl<M: Send + 'static> Probe<M> {
    #[track_caller]
    pub(super) fn new(test: &TestNode) -> Self {
        let taken = Arc::new(Taken(Mutex::new(State::new())));
        let (spawn, its) = (Spawn::on(test.node()).label("probe"), Arc::clone(&taken));
        let pid = spawn.capacity(Capacity::Unbounded).spawn_fn(move |mailbox| live(mailbox, its));
        test.guide().make_prompt(pid.id());
        Self { test: test.clone(), pid, taken, show: |_| format!("a `{}`", std::any::type_name::<M>()) }
    }

    /// Lets failures show messages whole. By default they name the type.
    #[must_use]
    pub fn with_debug(mut self) -> Self
    where
        M: fmt::Debug,
    {
        self.show = |message| format!("`{message:?}`");
        self
    }

    /// The probe's address.
    #[must_use]
    pub fn pid(&self) -> Pid<M> {
        self.pid.clone()
    }

    /// Waits for the next message, and insists that `wanted` holds of it.
    ///
    /// # Cancel safety
    /// Nothing is lost: a message is taken only when the future is ready.
    #[track_caller]
    pub fn expect(&self, wanted: impl FnOnce(&M) -> bool) -> impl Future<Output = M> {
        let place = Location::caller();
        async move {
            let next = self.next(place, "a message that fits").await;
            if wanted(&next.message) {
                return next.message;
            }
            let found = self.describe(&next, self.show);
            fail(self.guide(), place, format!("{} to get a message that fits", self.name()), found).await
        }
    }

    /// Waits for the next message, and insists that it is equal to `wanted`.
    ///
    /// # Cancel safety
    /// Nothing is lost: a message is taken only when the future is ready.
    #[track_caller]
    pub fn expect_eq(&self, wanted: M) -> impl Future<Output = M>
    where
        M: PartialEq + fmt::Debug,
    {
        let place = Location::caller();
        async move {
            let what = format!("`{wanted:?}`");
            let next = self.next(place, &what).await;
            if next.message == wanted {
                return next.message;
            }
            let found = self.describe(&next, |message| format!("`{message:?}`"));
            fail(self.guide(), place, format!("{} to get {what}", self.name()), found).await
        }
    }

    /// Waits for the first message of which `wanted` holds. Others stay where they are, in order, to
    /// be expected later.
    ///
    /// # Cancel safety
    /// Nothing is lost: a message is taken only when the future is ready.
    #[track_caller]
    pub fn fish(&self, mut wanted: impl FnMut(&M) -> bool) -> impl Future<Output = M> {
        let place = Location::caller();
        async move {
            let caught = unless_still(self.guide(), |waker| self.taken.take_match(&mut wanted, waker)).await;
            match caught {
                Some(taken) => taken.message,
                None => {
                    let what = format!("{} to get a message that fits", self.name());
                    let found = format!("{}; {}", self.describe_all(), NothingComes(self.guide()));
                    fail(self.guide(), place, what, found).await
                }
            }
        }
    }

    /// Waits until nothing can run any more unless time passes, and insists that no message has come.
    ///
    /// # Cancel safety
    /// Nothing is lost.
    #[track_caller]
    pub fn expect_none(&self) -> impl Future<Output = ()> {
        let place = Location::caller();
        async move {
            let first = |waker: &Waker| {
                let mut state = self.taken.state();
                let first = state.messages.front().map(|first| self.describe(first, self.show));
                state.wait_unless(first, waker)
            };
            if let Some(found) = unless_still(self.guide(), first).await {
                fail::<()>(self.guide(), place, format!("{} to get no message", self.name()), found).await;
            }
        }
    }

    /// Takes the next message, if one has come.
    #[must_use]
    pub fn try_next(&self) -> Option<M> {
        self.taken.state().messages.pop_front().map(|next| next.message)
    }

    /// Lets the probe monitor an actor, for [`Probe::expect_down`]. Once this is ready the monitor is
    /// set, whatever the test does to the actor next.
    ///
    /// # Cancel safety
    /// The monitor is set all the same.
    #[track_caller]
    pub fn monitor(&self, subject: impl Into<AnyPid>) -> impl Future<Output = ()> {
        self.give(Order::Monitor(subject.into()), Location::caller())
    }

    /// Links the probe with an actor, for [`Probe::expect_exit`]. Once this is ready the link is set,
    /// whatever the test does to the actor next.
    ///
    /// # Cancel safety
    /// The link is set all the same.
    #[track_caller]
    pub fn link(&self, peer: impl Into<AnyPid>) -> impl Future<Output = ()> {
        self.give(Order::Link(peer.into()), Location::caller())
    }

    /// Waits for the notice that an actor which the probe monitors has ended.
    ///
    /// # Cancel safety
    /// Nothing is lost.
    #[track_caller]
    pub fn expect_down(&self, subject: impl Into<ActorId>) -> impl Future<Output = Down> {
        let (subject, place) = (subject.into(), Location::caller());
        let down = move |state: &mut State<M>| take_first(&mut state.downs, |down| down.subject == subject);
        self.expect_notice(place, "a `Down` of", subject, down)
    }

    /// Waits for an exit signal from an actor that the probe is linked with, or that sent it one.
    ///
    /// # Cancel safety
    /// Nothing is lost.
    #[track_caller]
    pub fn expect_exit(&self, from: impl Into<ActorId>) -> impl Future<Output = Exit> {
        let (from, place) = (from.into(), Location::caller());
        let exit = move |state: &mut State<M>| take_first(&mut state.exits, |exit| exit.from == from);
        self.expect_notice(place, "an exit signal from", from, exit)
    }

    fn guide(&self) -> &Guide {
        self.test.guide()
    }

    fn name(&self) -> String {
        self.test.name_of(self.pid.id())
    }

    fn describe(&self, next: &Next<M>, show: fn(&M) -> String) -> String {
        let from = next.from.map_or_else(|| "no actor".to_owned(), |from| self.test.name_of(from));
        format!("it got {} from {from}", show(&next.message))
    }

    fn describe_all(&self) -> String {
        let state = self.taken.state();
        let all: Vec<String> = state.messages.iter().map(|next| self.describe(next, self.show)).collect();
        if all.is_empty() { "it got no message at all".to_owned() } else { all.join(",\n  and ") }
    }

    async fn next(&self, place: &Location<'_>, what: &str) -> Next<M> {
        match unless_still(self.guide(), |waker| self.taken.take_match(&mut |_| true, waker)).await {
            Some(next) => next,
            None => {
                let what = format!("{} to get {what}", self.name());
                fail(self.guide(), place, what, NothingComes(self.guide())).await
            }
        }
    }

    async fn give(&self, order: Order, place: &'static Location<'static>) {
        let what = format!("{} to take an order", self.name());
        let number = self.taken.give(order);
        let carried_out = |waker: &Waker| {
            let mut state = self.taken.state();
            let carried_out = (state.carried_out >= number).then_some(());
            state.wait_unless(carried_out, waker)
        };
        if unless_still(self.guide(), carried_out).await.is_none() {
            fail::<()>(self.guide(), place, what, "it has ended").await;
        }
    }

    async fn expect_notice<T>(
        &self,
        place: &'static Location<'static>,
        what: &str,
        of: ActorId,
        mut take: impl FnMut(&mut State<M>) -> Option<T>,
    ) -> T {
        let look = |waker: &Waker| {
            let mut state = self.taken.state();
            let taken = take(&mut state);
            state.wait_unless(taken, waker)
        };
        match unless_still(self.guide(), look).await {
            Some(notice) => notice,
            None => {
                let what = format!("{} to get {what} {}", self.name(), self.test.name_of(of));
                fail(self.guide(), place, what, NothingComes(self.guide())).await
            }
        }
    }
}

impl<M> fmt::Debug for Probe<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Probe").field("pid", &self.pid).finish_non_exhaustive()
    }
}

/// A probe's life: takes what comes, and carries out what the test orders.
async fn live<M: Send + 'static>(mut mailbox: Mailbox<M>, taken: Arc<Taken<M>>) {
    mailbox.trap_exit(true);
    loop {
        while let Some(order) = taken.first_order() {
            match order {
                Order::Monitor(subject) => drop(mailbox.monitor(&subject)),
                Order::Link(peer) => mailbox.link(&peer),
            }
            taken.put(|state| state.carried_out += 1);
        }
        let event = {
            let mut next = mailbox.next();
            let ordered = |cx: &mut Context<'_>| match taken.has_orders(cx) {
                true => Poll::Ready(None),
                false => Pin::new(&mut next).poll(cx).map(Some),
            };
            poll_fn(ordered).await
        };
        match event {
            None => {}
            Some(Some(Event::Message(message))) => {
                let from = mailbox.sender();
                taken.put(|state| state.messages.push_back(Next { message, from }));
            }
            Some(Some(Event::Down(down))) => taken.put(|state| state.downs.push_back(down)),
            Some(Some(Event::Exit(exit))) => taken.put(|state| state.exits.push_back(exit)),
            Some(_) => return,
        }
    }
}

/// What the test wants of the probe's actor.
enum Order {
    Monitor(AnyPid),
    Link(AnyPid),
}

/// A message, and who sent it.
struct Next<M> {
    message: M,
    from: Option<ActorId>,
}

/// What a probe has taken, and what it is to do: shared between its actor and the test.
struct Taken<M>(Mutex<State<M>>);

struct State<M> {
    messages: VecDeque<Next<M>>,
    downs: VecDeque<Down>,
    exits: VecDeque<Exit>,
    orders: VecDeque<Order>,
    given: u64,
    carried_out: u64,
    /// Of those who wait for what is here to change.
    waiting: Vec<Waker>,
    /// Of the probe's actor.
    actor: Option<Waker>,
}

impl<M> State<M> {
    const fn new() -> Self {
        Self {
            messages: VecDeque::new(),
            downs: VecDeque::new(),
            exits: VecDeque::new(),
            orders: VecDeque::new(),
            given: 0,
            carried_out: 0,
            waiting: Vec::new(),
            actor: None,
        }
    }

    /// Gives back what was found; where nothing was, `waker` is woken at the next change.
    fn wait_unless<T>(&mut self, found: Option<T>, waker: &Waker) -> Option<T> {
        if found.is_none() && !self.waiting.iter().any(|other| other.will_wake(waker)) {
            self.waiting.push(waker.clone());
        }
        found
    }
}

impl<M> Taken<M> {
    fn state(&self) -> MutexGuard<'_, State<M>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn put(&self, change: impl FnOnce(&mut State<M>)) {
        let mut state = self.state();
        change(&mut state);
        let waiting = std::mem::take(&mut state.waiting);
        drop(state);
        waiting.into_iter().for_each(Waker::wake);
    }

    fn take_match(&self, wanted: &mut dyn FnMut(&M) -> bool, waker: &Waker) -> Option<Next<M>> {
        let mut state = self.state();
        let found = take_first(&mut state.messages, |next| wanted(&next.message));
        state.wait_unless(found, waker)
    }

    /// Gives the order's number.
    fn give(&self, order: Order) -> u64 {
        let mut state = self.state();
        state.orders.push_back(order);
        state.given += 1;
        let (number, actor) = (state.given, state.actor.take());
        drop(state);
        if let Some(actor) = actor {
            actor.wake();
        }
        number
    }

    fn first_order(&self) -> Option<Order> {
        self.state().orders.pop_front()
    }

    fn has_orders(&self, cx: &Context<'_>) -> bool {
        let mut state = self.state();
        state.actor = Some(cx.waker().clone());
        !state.orders.is_empty()
    }
}

fn take_first<T>(items: &mut VecDeque<T>, wanted: impl FnMut(&T) -> bool) -> Option<T> {
    let at = items.iter().position(wanted)?;
    items.remove(at)
}
