//! What the code made by the macros refers to. Not for programs.

use std::future::Future;

use wharf_runtime::ExitReason;

pub use crate::handle::{Asking, Sending};
pub use crate::unheard::{Returned, ReturnedDebug, ReturnedError, ReturnedValue, Unreturned};
use crate::{Actor, Context, Unheard};

/// Messages that a macro made.
pub trait Kind {
    /// The method that it is for.
    fn kind(&self) -> &'static str;
}

/// Part of a message.
#[diagnostic::on_unimplemented(
    message = "`{Self}` can't be part of a message: it is not `Send`",
    label = "can't be sent to another thread"
)]
pub trait Part {}

impl<T: Send + 'static> Part for T {}

/// Insists that `T` may be part of a message.
pub const fn part<T: Part>() {}

/// State of an actor.
#[diagnostic::on_unimplemented(
    message = "`{Self}` can't be an actor: it is not `Send`",
    label = "can't move to another thread",
    note = "`Arc` is `Send` where `Rc` is not; an actor that must stay on its thread is a function, and spawned \
            with `spawn_local`"
)]
pub trait State {}

#[diagnostic::do_not_recommend]
impl<T: Send + 'static> State for T {}

/// Insists that `A` may be an actor's state.
pub const fn state<A: State>() {}

/// Insists that what a method returns may move to another thread while it is awaited.
pub const fn future<F: Future + Send>(_: &F) {}

/// Stands for a value of a type, in code that only the compiler reads.
#[must_use]
pub const fn any<T>() -> T {
    panic!("this code is for the compiler alone")
}

/// `T`, if the constant can be computed. If it can't, since what it insists on is not so, the compiler
/// has told of that, and does not look at the uses of this type: so each fault is told of once.
pub type Checked<T, const SOUND: bool> = <Sound<SOUND> as Then<T>>::It;

/// What a [`Checked`] type hangs on.
#[derive(Debug)]
pub struct Sound<const SOUND: bool>;

/// The type that is [`Checked`].
pub trait Then<T> {
    /// It.
    type It;
}

impl<T> Then<T> for Sound<true> {
    type It = T;
}

/// [`Actor::on_error`], asking no more of the actor than that it is one.
#[inline(always)]
pub fn on_error<A: Actor>(
    actor: &mut A,
    error: Unheard,
    cx: &mut Context<A::Msg>,
) -> impl Future<Output = Result<(), ExitReason>> + Send {
    actor.on_error(error, cx)
}

/// Insists that `T` can be a part of a message that travels.
#[cfg(feature = "net")]
pub const fn field<T: wharf_runtime::wire::Field>() {}

/// Insists that `T` can travel inside of a part of a message.
#[cfg(feature = "net")]
pub const fn data<T: wharf_runtime::wire::Data>() {}

/// Insists that messages of type `M` can travel, of a pid that does.
#[cfg(feature = "net")]
pub const fn message<M: wharf_runtime::wire::Wire>() {}

#[cfg(not(feature = "net"))]
pub use crate::__no_wire as wire;
#[cfg(feature = "net")]
pub use crate::__wire as wire;

/// What is there only where messages may travel.
#[cfg(feature = "net")]
#[doc(hidden)]
#[macro_export]
macro_rules! __wire {
    ($($made:tt)*) => { $($made)* };
}

/// What is there only where messages may travel: not here.
#[cfg(not(feature = "net"))]
#[doc(hidden)]
#[macro_export]
macro_rules! __no_wire {
    ($($made:tt)*) => {};
}
