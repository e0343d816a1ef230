//! What a stub returns: a call on its way, and to whom it may be made.

use std::any::type_name;
use std::fmt;
use std::future::Future;
use std::marker::{PhantomData, PhantomPinned};
use std::pin::{Pin, pin};
use std::task::{Context, Poll};
use std::time::Duration;

use pin_project_lite::pin_project;
use wharf_runtime::{Ask, AskError, Pid, Reply, SendError};

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
    type Asking<'a, T: Send + 'static>: Asking<T>;

    #[doc(hidden)]
    type Sending<'a>: Sending<M>;

    #[doc(hidden)]
    fn asking<T: Send + 'static>(&self, request: Request<M, T>) -> Self::Asking<'_, T>;

    #[doc(hidden)]
    fn sending(&self, message: M) -> Self::Sending<'_>;

    #[doc(hidden)]
    fn try_sending(&self, message: M) -> Result<(), SendError<M>>;

    #[doc(hidden)]
    fn sending_blocking(&self, message: M) -> Result<(), SendError<M>>;
}

/// A message that nobody awaits yet, and where in it the reply goes.
#[doc(hidden)]
#[derive(Debug)]
pub struct Request<M, T> {
    message: M,
    reply: fn(&mut M) -> &mut Reply<T>,
    timeout: Option<Duration>,
}

/// A wait for an answer.
#[doc(hidden)]
pub trait Asking<T>: Future<Output = Result<T, AskError>> + Send {
    /// Waits on a plain thread.
    fn blocking(self) -> Result<T, AskError>;
}

/// A wait for room.
#[doc(hidden)]
pub trait Sending<M>: Future<Output = Result<(), SendError<M>>> + Send {
    /// Gives up: the message, if it has not been accepted.
    fn take_back(self: Pin<&mut Self>) -> Option<M>;
}

impl<M> sealed::Sealed for Pid<M> {}

impl<M, S> Destination<S> for Pid<M>
where
    S: Send + 'static,
    M: From<S> + TryInto<S> + Send + 'static,
{
    type Asking<'a, T: Send + 'static> = Ask<'a, M, T>;
    type Sending<'a> = SendPart<'a, M, S>;

    #[inline(always)]
    fn asking<T: Send + 'static>(&self, request: Request<S, T>) -> Ask<'_, M, T> {
        let Request { mut message, reply: reply_of, timeout } = request;
        let ask = self.ask(|reply| {
            *reply_of(&mut message) = reply;
            M::from(message)
        });
        match timeout {
            Some(timeout) => ask.timeout(timeout),
            None => ask,
        }
    }

    #[inline(always)]
    fn sending(&self, message: S) -> SendPart<'_, M, S> {
        SendPart { send: self.send(M::from(message)), _part: PhantomData }
    }

    #[inline(always)]
    fn try_sending(&self, message: S) -> Result<(), SendError<S>> {
        self.try_send(M::from(message)).map_err(error_of_part)
    }

    fn sending_blocking(&self, message: S) -> Result<(), SendError<S>> {
        self.send_blocking(M::from(message)).map_err(error_of_part)
    }
}

impl<M: Send, T: Send> Asking<T> for Ask<'_, M, T> {
    fn blocking(self) -> Result<T, AskError> {
        Ask::blocking(self)
    }
}

fn part_of<M: TryInto<S>, S>(whole: M) -> S {
    match whole.try_into() {
        Ok(part) => part,
        Err(_) => {
            panic!("a `{}` does not give back the `{}` it was made of", type_name::<M>(), type_name::<S>())
        }
    }
}

#[cold]
fn error_of_part<M: TryInto<S>, S>(error: SendError<M>) -> SendError<S> {
    error.map(part_of)
}

pin_project! {
    /// The send of a whole made of a part.
    #[doc(hidden)]
    #[must_use = "futures do nothing unless awaited"]
    pub struct SendPart<'a, M, S> {
        #[pin]
        send: wharf_runtime::Send<'a, M>,
        _part: PhantomData<fn() -> S>,
    }
}

impl<M: TryInto<S>, S> Future for SendPart<'_, M, S> {
    type Output = Result<(), SendError<S>>;

    #[inline(always)]
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        self.project().send.poll(cx).map_err(error_of_part)
    }
}

impl<M: TryInto<S> + Send, S> Sending<S> for SendPart<'_, M, S> {
    fn take_back(self: Pin<&mut Self>) -> Option<S> {
        self.project().send.take_back().map(part_of)
    }
}

impl<M, S> fmt::Debug for SendPart<'_, M, S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.send.fmt(f)
    }
}

pin_project! {
    /// A future that is made when it is polled first.
    #[project = StageMut]
    #[project_replace = StageOwned]
    enum Stage<R, F> {
        New { request: R },
        UnderWay { #[pin] future: F },
        // Making the future panicked.
        Over,
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
        stage: Stage<(&'a D, Request<M, T>), D::Asking<'a, T>>,
        #[pin]
        _pinned: PhantomPinned,
    }
}

impl<'a, D, M, T> Call<'a, D, M, T>
where
    D: Destination<M>,
    T: Send + 'static,
{
    /// A call of `to`; `reply` finds the empty reply in the message.
    #[doc(hidden)]
    #[inline(always)]
    pub const fn new(to: &'a D, message: M, reply: fn(&mut M) -> &mut Reply<T>) -> Self {
        let request = Request { message, reply, timeout: None };
        Self { stage: Stage::New { request: (to, request) }, _pinned: PhantomPinned }
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
        let (to, request) = self.request();
        let asking = to.asking(Request { timeout: Some(timeout), ..request });
        CallTimeout { asking, _message: PhantomData, _pinned: PhantomPinned }
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
        let (to, request) = self.request();
        SendTo::new(to, request.message)
    }

    /// Sends the message if there is room now, and wants no answer.
    ///
    /// # Errors
    /// As for [`Pid::try_send`]. The message comes back, with the arguments in it.
    #[inline(always)]
    pub fn try_send(self) -> Result<(), SendError<M>> {
        let (to, request) = self.request();
        to.try_sending(request.message)
    }

    /// Waits for the answer on a plain thread. In an actor it would block a worker: await there.
    ///
    /// # Errors
    /// As for awaiting the call.
    pub fn blocking(self) -> Result<T, AskError> {
        let (to, request) = self.request();
        to.asking(request).blocking()
    }

    /// Only a call that was never polled can be moved, and so come here.
    #[inline(always)]
    fn request(self) -> (&'a D, Request<M, T>) {
        match self.stage {
            Stage::New { request } => request,
            Stage::UnderWay { .. } | Stage::Over => unreachable!("a call that was polled is pinned"),
        }
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
        let mut stage = self.project().stage;
        if matches!(*stage, Stage::New { .. })
            && let StageOwned::New { request: (to, request) } = stage.as_mut().project_replace(Stage::Over)
        {
            stage.set(Stage::UnderWay { future: to.asking(request) });
        }
        match stage.project() {
            StageMut::UnderWay { future } => future.poll(cx),
            StageMut::New { .. } | StageMut::Over => Poll::Pending,
        }
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
    /// Future of [`Call::timeout`].
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
        to: &'a D,
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
        Self { sending: to.sending(message), to, _pinned: PhantomPinned }
    }

    /// Sends the message if there is room now.
    ///
    /// # Errors
    /// As for [`Pid::try_send`].
    #[inline]
    pub fn try_send(self) -> Result<(), SendError<M>> {
        let to = self.to;
        // Never polled, since it could be moved: the message is still here.
        pin!(self).take_back().map_or(Ok(()), |message| to.try_sending(message))
    }

    /// Sends the message, blocking the thread while there is no room. For plain threads: an actor
    /// that calls it never blocks, but gets `Full`.
    ///
    /// # Errors
    /// As for [`Pid::send`].
    pub fn blocking(self) -> Result<(), SendError<M>> {
        let to = self.to;
        pin!(self).take_back().map_or(Ok(()), |message| to.sending_blocking(message))
    }

    /// Gives up: the message, if it has not been accepted; `None` if it has.
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
