//! What a stub returns: a call on its way, and to whom it may be made.

use std::any::type_name;
use std::fmt;
use std::future::Future;
use std::marker::{PhantomData, PhantomPinned};
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use pin_project_lite::pin_project;
use wharf_runtime::{Ask, AskError, Includes, Pid, Reply, SendError};

mod sealed {
    #[allow(unnameable_types, reason = "it keeps others from implementing `Destination`")]
    pub trait Sealed {}
}

/// Where messages of type `M` may go: a [`Pid`] of an actor that takes them.
///
/// A pid of a whole takes the messages of each of its parts, those that it has both a `From` and a
/// `TryInto` for: so the stubs of a protocol work on the pid of an actor that speaks several, and on
/// what [`Pid::narrow`] makes of it. The trait is sealed.
///
/// # Panics
/// A send that fails gives the part back. If the whole's `TryInto` does not return what its `From`
/// was given, that panics.
///
/// # Examples
/// ```
/// use wharf::prelude::*;
/// use wharf::Destination;
///
/// struct Counter(u64);
///
/// #[wharf::actor]
/// impl Counter {
///     async fn add(&mut self, by: u64) -> u64 {
///         self.0 += by;
///         self.0
///     }
/// }
///
/// async fn add_twice(to: &impl Destination<CounterMsg>) -> Result<u64, AskError> {
///     to.add(1).await?;
///     to.add(1).await
/// }
///
/// wharf::block_on(async {
///     assert_eq!(add_twice(&wharf::spawn(Counter(0))).await, Ok(2));
/// });
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` does not take messages of type `{M}`",
    label = "takes other messages",
    note = "an actor takes its own messages, and those of each protocol named in `#[wharf::actor(..)]`"
)]
pub trait Destination<M>: sealed::Sealed + Sized + Sync + 'static {
    #[doc(hidden)]
    type Asking<'a, T: Send + 'static>: Asking<T, Sending = Self::Sending<'a>>;

    #[doc(hidden)]
    type Sending<'a>: Sending<M>;

    #[doc(hidden)]
    fn asking<T: Send + 'static>(
        &self,
        message: M,
        reply_of: fn(&mut M) -> &mut Reply<T>,
    ) -> Self::Asking<'_, T>;

    #[doc(hidden)]
    fn sending(&self, message: M) -> Self::Sending<'_>;
}

/// A wait for an answer. It has the message until it is polled first, and makes the reply then.
#[doc(hidden)]
pub trait Asking<T>: Future<Output = Result<T, AskError>> + Send {
    /// The same without an answer.
    type Sending;

    /// Waits for at most `timeout`.
    #[must_use = "futures do nothing unless awaited"]
    fn timeout(self, timeout: Duration) -> Self;

    /// Waits on a plain thread.
    fn blocking(self) -> Result<T, AskError>;

    /// Wants no answer.
    fn unasked(self) -> Self::Sending;
}

/// A wait for room.
#[doc(hidden)]
pub trait Sending<M>: Future<Output = Result<(), SendError<M>>> + Send {
    /// Gives up: the message, if it has not been accepted.
    fn take_back(self: Pin<&mut Self>) -> Option<M>;

    /// Does not wait.
    fn try_send(self) -> Result<(), SendError<M>>;

    /// Waits on a plain thread.
    fn blocking(self) -> Result<(), SendError<M>>;
}

impl<M> sealed::Sealed for Pid<M> {}

impl<M, S> Destination<S> for Pid<M>
where
    S: Send + 'static,
    M: Includes<S> + Send + 'static,
{
    type Asking<'a, T: Send + 'static> = Ask<'a, M, T, S>;
    type Sending<'a> = wharf_runtime::Send<'a, M, S>;

    #[inline(always)]
    fn asking<T: Send + 'static>(
        &self,
        message: S,
        reply_of: fn(&mut S) -> &mut Reply<T>,
    ) -> Ask<'_, M, T, S> {
        self.ask_part(message, reply_of)
    }

    #[inline(always)]
    fn sending(&self, message: S) -> wharf_runtime::Send<'_, M, S> {
        self.send_part(message)
    }
}

impl<'a, M, S, T> Asking<T> for Ask<'a, M, T, S>
where
    S: Send + 'static,
    M: From<S> + TryInto<S> + Send + 'static,
    T: Send + 'static,
{
    type Sending = wharf_runtime::Send<'a, M, S>;

    #[inline(always)]
    fn timeout(self, timeout: Duration) -> Self {
        Ask::timeout(self, timeout)
    }

    fn blocking(self) -> Result<T, AskError> {
        Ask::blocking(self)
    }

    #[inline(always)]
    fn unasked(self) -> wharf_runtime::Send<'a, M, S> {
        match self.into_parts() {
            (pid, Some(message)) => pid.sending(message),
            (_, None) => unreachable!("a call that was polled is pinned"),
        }
    }
}

impl<M, S> Sending<S> for wharf_runtime::Send<'_, M, S>
where
    S: Send,
    M: From<S> + TryInto<S> + Send,
{
    fn take_back(self: Pin<&mut Self>) -> Option<S> {
        wharf_runtime::Send::take_back(self)
    }

    #[inline(always)]
    fn try_send(self) -> Result<(), SendError<S>> {
        wharf_runtime::Send::try_send(self)
    }

    fn blocking(self) -> Result<(), SendError<S>> {
        wharf_runtime::Send::blocking(self)
    }
}

pin_project! {
    /// A call on its way: what the stubs that `#[wharf::actor]` makes return.
    ///
    /// Awaiting it sends the message and waits for the answer, under the node's default deadline (5
    /// seconds). [`Call::timeout`] sets another; [`Call::send`] and [`Call::try_send`] want no answer;
    /// [`Call::blocking`] is for plain threads. It allocates nothing by itself.
    ///
    /// It borrows where it goes to. For a task of its own, move the pid into it:
    /// `async move { counter.add(1).await }`.
    ///
    /// # Cancel safety
    /// Dropping it before its first poll sends nothing. Dropping it later gives the answer up; the
    /// message may have been sent, and is handled then.
    ///
    /// # Errors
    /// [`AskError`] says why there is no answer.
    ///
    /// # Examples
    /// ```
    /// use std::time::Duration;
    /// use wharf::prelude::*;
    ///
    /// struct Counter(u64);
    ///
    /// #[wharf::actor]
    /// impl Counter {
    ///     async fn add(&mut self, by: u64) -> u64 {
    ///         self.0 += by;
    ///         self.0
    ///     }
    /// }
    ///
    /// wharf::block_on(async {
    ///     let counter = wharf::spawn(Counter(0));
    ///     assert_eq!(counter.add(1).await?, 1);
    ///     assert_eq!(counter.add(1).timeout(Duration::from_secs(1)).await?, 2);
    ///     counter.add(1).send().await?; // waits only for room
    ///     counter.add(1).try_send()?; // waits for nothing
    ///     let thread = std::thread::spawn(move || counter.add(1).blocking());
    ///     assert_eq!(thread.join().unwrap()?, 5);
    ///     Ok::<(), wharf::Error>(())
    /// }).unwrap();
    /// ```
    #[must_use = "nothing is sent unless it is awaited, or `.send()` is"]
    pub struct Call<'a, D, M, T>
    where
        D: Destination<M>,
        T: Send,
        T: 'static,
    {
        #[pin]
        asking: D::Asking<'a, T>,
        _message: PhantomData<fn(M)>,
        #[pin]
        _pinned: PhantomPinned,
    }
}

impl<'a, D, M, T> Call<'a, D, M, T>
where
    D: Destination<M>,
    T: Send + 'static,
{
    /// A call of `to`; `reply_of` finds the empty reply in the message.
    #[doc(hidden)]
    #[inline(always)]
    pub fn new(to: &'a D, message: M, reply_of: fn(&mut M) -> &mut Reply<T>) -> Self {
        Self { asking: to.asking(message, reply_of), _message: PhantomData, _pinned: PhantomPinned }
    }

    /// Waits for the answer for at most `timeout`.
    ///
    /// # Cancel safety
    /// As for awaiting the call.
    ///
    /// # Errors
    /// As for awaiting the call; [`AskError::Timeout`] when the time is over.
    #[inline]
    pub fn timeout(self, timeout: Duration) -> CallTimeout<'a, D, M, T> {
        CallTimeout { asking: self.asking.timeout(timeout), _message: PhantomData, _pinned: PhantomPinned }
    }

    /// Sends the message, waiting for room, and wants no answer.
    ///
    /// # Cancel safety
    /// As for [`Pid::send`]: see [`SendTo::take_back`].
    ///
    /// # Errors
    /// As for [`Pid::send`]. The message comes back, with the arguments in it.
    #[inline(always)]
    pub fn send(self) -> SendTo<'a, D, M> {
        SendTo { sending: self.asking.unasked(), _pinned: PhantomPinned }
    }

    /// Sends the message if there is room now, and wants no answer.
    ///
    /// # Errors
    /// As for [`Pid::try_send`]. The message comes back, with the arguments in it.
    #[inline(always)]
    pub fn try_send(self) -> Result<(), SendError<M>> {
        self.asking.unasked().try_send()
    }

    /// Waits for the answer on a plain thread. In an actor it would block a worker: await there.
    ///
    /// # Errors
    /// As for awaiting the call.
    pub fn blocking(self) -> Result<T, AskError> {
        self.asking.blocking()
    }
}

impl<D, M, T> Future for Call<'_, D, M, T>
where
    D: Destination<M>,
    T: Send + 'static,
{
    type Output = Result<T, AskError>;

    #[inline(always)]
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        self.project().asking.poll(cx)
    }
}

impl<D, M, T> fmt::Debug for Call<'_, D, M, T>
where
    D: Destination<M>,
    T: Send + 'static,
{
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Call").field("message", &type_name::<M>()).finish_non_exhaustive()
    }
}

pin_project! {
    /// Future of [`Call::timeout`]: as the [`Call`], with another deadline.
    ///
    /// # Cancel safety
    /// As for awaiting the call.
    ///
    /// # Errors
    /// As for awaiting the call.
    #[must_use = "futures do nothing unless awaited"]
    pub struct CallTimeout<'a, D, M, T>
    where
        D: Destination<M>,
        T: Send,
        T: 'static,
    {
        #[pin]
        asking: D::Asking<'a, T>,
        _message: PhantomData<fn(M)>,
        #[pin]
        _pinned: PhantomPinned,
    }
}

impl<D, M, T> CallTimeout<'_, D, M, T>
where
    D: Destination<M>,
    T: Send + 'static,
{
    /// Waits for the answer on a plain thread. In an actor it would block a worker: await there.
    ///
    /// # Errors
    /// As for awaiting the call.
    pub fn blocking(self) -> Result<T, AskError> {
        self.asking.blocking()
    }
}

impl<D, M, T> Future for CallTimeout<'_, D, M, T>
where
    D: Destination<M>,
    T: Send + 'static,
{
    type Output = Result<T, AskError>;

    #[inline(always)]
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        self.project().asking.poll(cx)
    }
}

impl<D, M, T> fmt::Debug for CallTimeout<'_, D, M, T>
where
    D: Destination<M>,
    T: Send + 'static,
{
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CallTimeout").field("message", &type_name::<M>()).finish_non_exhaustive()
    }
}

pin_project! {
    /// A message on its way to where nobody answers: what the stub of a `#[one_way]` method and
    /// [`Call::send`] return.
    ///
    /// Awaiting it waits only for room.
    ///
    /// # Cancel safety
    /// Dropping it before its first poll sends nothing. While it waits, whoever makes room takes the
    /// message over, so that one dropped later may have been delivered; [`SendTo::take_back`] tells.
    ///
    /// # Errors
    /// As for [`Pid::send`]. The message comes back, with the arguments in it.
    ///
    /// # Examples
    /// ```
    /// use wharf::prelude::*;
    ///
    /// struct Log(Vec<String>);
    ///
    /// #[wharf::actor]
    /// impl Log {
    ///     #[one_way]
    ///     async fn write(&mut self, line: String) {
    ///         self.0.push(line);
    ///     }
    /// }
    ///
    /// wharf::block_on(async {
    ///     let log = wharf::spawn(Log(Vec::new()));
    ///     log.write("one".to_owned()).await?;
    ///     log.write("two".to_owned()).try_send()?;
    ///     Ok::<(), wharf::Error>(())
    /// }).unwrap();
    /// ```
    #[must_use = "nothing is sent unless it is awaited"]
    pub struct SendTo<'a, D, M>
    where
        D: Destination<M>,
    {
        #[pin]
        sending: D::Sending<'a>,
        #[pin]
        _pinned: PhantomPinned,
    }
}

impl<'a, D, M> SendTo<'a, D, M>
where
    D: Destination<M>,
{
    #[doc(hidden)]
    #[inline(always)]
    pub fn new(to: &'a D, message: M) -> Self {
        Self { sending: to.sending(message), _pinned: PhantomPinned }
    }

    /// Sends the message if there is room now.
    ///
    /// # Errors
    /// As for [`Pid::try_send`].
    #[inline]
    pub fn try_send(self) -> Result<(), SendError<M>> {
        self.sending.try_send()
    }

    /// Sends the message, blocking the thread while there is no room. For plain threads: an actor
    /// that calls it never blocks, but gets `Full`.
    ///
    /// # Errors
    /// As for [`Pid::send`].
    pub fn blocking(self) -> Result<(), SendError<M>> {
        self.sending.blocking()
    }

    /// Gives up: the message, if it has not been accepted; `None` if it has.
    ///
    /// # Examples
    /// ```
    /// use std::pin::pin;
    /// use wharf::prelude::*;
    ///
    /// struct Log;
    ///
    /// #[wharf::actor]
    /// impl Log {
    ///     #[one_way]
    ///     async fn write(&mut self, line: String) {
    ///         drop(line);
    ///     }
    /// }
    ///
    /// wharf::block_on(async {
    ///     let log = wharf::spawn(Log);
    ///     let mut write = pin!(log.write("one".to_owned()));
    ///     // Never polled: nothing was sent.
    ///     let Some(LogMsg::Write { line }) = write.as_mut().take_back() else { unreachable!() };
    ///     assert_eq!(line, "one");
    /// });
    /// ```
    pub fn take_back(self: Pin<&mut Self>) -> Option<M> {
        self.project().sending.take_back()
    }
}

impl<D, M> Future for SendTo<'_, D, M>
where
    D: Destination<M>,
{
    type Output = Result<(), SendError<M>>;

    #[inline(always)]
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        self.project().sending.poll(cx)
    }
}

impl<D, M> fmt::Debug for SendTo<'_, D, M>
where
    D: Destination<M>,
{
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SendTo").field("message", &type_name::<M>()).finish_non_exhaustive()
    }
}
