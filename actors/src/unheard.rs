//! Errors that a method returned and that nobody awaited.

use std::any::Any;
use std::fmt::{self, Debug, Display};
use std::marker::PhantomData;

/// An error that a method returned while nobody waited for its answer: the method is `#[one_way]`,
/// or it was called with `.send()`, or whoever asked has given up. It goes to
/// [`Actor::on_error`](crate::Actor::on_error).
///
/// # Examples
/// ```
/// use wharf::prelude::*;
/// use wharf::Unheard;
///
/// struct Parser(Vec<String>);
///
/// #[wharf::actor]
/// impl Parser {
///     async fn parse(&mut self, text: String) -> Result<u8, std::num::ParseIntError> {
///         text.parse()
///     }
///     async fn seen(&mut self) -> Vec<String> {
///         self.0.clone()
///     }
///     async fn on_error(&mut self, error: Unheard, _: &mut Context<ParserMsg>) -> Result<(), ExitReason> {
///         assert!(error.is::<std::num::ParseIntError>());
///         self.0.push(error.to_string());
///         Ok(())
///     }
/// }
///
/// wharf::block_on(async {
///     let parser = wharf::spawn(Parser(Vec::new()));
///     assert!(parser.parse("x".to_owned()).await?.is_err());
///     parser.parse("x".to_owned()).send().await?;
///     assert_eq!(parser.seen().await?, ["`parse` failed: invalid digit found in string"]);
///     Ok::<(), wharf::Error>(())
/// }).unwrap();
/// ```
pub struct Unheard {
    method: &'static str,
    error: Box<dyn AnyError>,
}

/// What an error must be to be told of.
trait AnyError: Debug + Send {
    fn display(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result;
    fn as_any(&self) -> &dyn Any;
    fn into_any(self: Box<Self>) -> Box<dyn Any>;
}

impl<E: Display + Debug + Send + 'static> AnyError for E {
    fn display(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        Display::fmt(self, f)
    }

    fn as_any(&self) -> &dyn Any {
        self
    }

    fn into_any(self: Box<Self>) -> Box<dyn Any> {
        self
    }
}

impl Unheard {
    fn new<E: Display + Debug + Send + 'static>(method: &'static str, error: E) -> Self {
        Self { method, error: Box::new(error) }
    }

    /// The method that returned it.
    #[must_use]
    pub const fn method(&self) -> &'static str {
        self.method
    }

    /// Whether the error is an `E`.
    #[must_use]
    pub fn is<E: 'static>(&self) -> bool {
        self.downcast_ref::<E>().is_some()
    }

    /// The error, if it is an `E`.
    #[must_use]
    pub fn downcast_ref<E: 'static>(&self) -> Option<&E> {
        (*self.error).as_any().downcast_ref()
    }

    /// The error itself.
    ///
    /// # Errors
    /// All of it, when it is no `E`.
    pub fn downcast<E: 'static>(self) -> Result<E, Self> {
        if !self.is::<E>() {
            return Err(self);
        }
        let Self { method, error } = self;
        match error.into_any().downcast() {
            Ok(error) => Ok(*error),
            Err(_) => unreachable!("the error of `{method}` has just been looked at"),
        }
    }
}

impl Display for Unheard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{}` failed: ", self.method)?;
        self.error.display(f)
    }
}

impl Debug for Unheard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Unheard").field("method", &self.method).field("error", &self.error).finish()
    }
}

/// An error with a `Debug` text only.
struct Undisplayed<E>(E);

impl<E: Debug> Display for Undisplayed<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl<E: Debug> Debug for Undisplayed<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// What a method returned, seen by its type: which of the three traits below applies is decided
/// where the macro's code is compiled, by the number of references that a method call adds.
#[doc(hidden)]
#[derive(Debug)]
pub struct Returned<O>(PhantomData<fn(O)>);

impl<O> Returned<O> {
    /// Looks at a value.
    #[inline(always)]
    pub const fn of(_: &O) -> Self {
        Self(PhantomData)
    }
}

/// A result whose error can be told.
#[doc(hidden)]
pub trait ReturnedError<O> {
    /// The error, if it is one.
    fn unheard(&self, returned: O, method: &'static str) -> Option<Unheard>;
}

impl<T, E: Display + Debug + Send + 'static> ReturnedError<Result<T, E>> for &&Returned<Result<T, E>> {
    #[inline]
    fn unheard(&self, returned: Result<T, E>, method: &'static str) -> Option<Unheard> {
        returned.err().map(|error| Unheard::new(method, error))
    }
}

/// A result whose error has a `Debug` text only.
#[doc(hidden)]
pub trait ReturnedDebug<O> {
    /// The error, if it is one.
    fn unheard(&self, returned: O, method: &'static str) -> Option<Unheard>;
}

impl<T, E: Debug + Send + 'static> ReturnedDebug<Result<T, E>> for &Returned<Result<T, E>> {
    #[inline]
    fn unheard(&self, returned: Result<T, E>, method: &'static str) -> Option<Unheard> {
        returned.err().map(|error| Unheard::new(method, Undisplayed(error)))
    }
}

/// All else.
#[doc(hidden)]
pub trait ReturnedValue<O> {
    /// Nothing: it is no error.
    fn unheard(&self, returned: O, method: &'static str) -> Option<Unheard>;
}

impl<O> ReturnedValue<O> for Returned<O> {
    #[inline(always)]
    fn unheard(&self, returned: O, _: &'static str) -> Option<Unheard> {
        drop(returned);
        None
    }
}

/// What a method whose value nobody gets may return.
#[doc(hidden)]
#[diagnostic::on_unimplemented(
    message = "nobody gets the `{Self}` that this method returns",
    label = "returns `{Self}`",
    note = "a method that is `#[one_way]`, or that answers through `reply`, returns nothing, or a \
            `Result<(), E>` whose error goes to `on_error`"
)]
pub trait Unreturned {
    /// The error, if it is one.
    fn unheard(self, method: &'static str) -> Option<Unheard>;
}

impl Unreturned for () {
    #[inline(always)]
    fn unheard(self, _: &'static str) -> Option<Unheard> {
        None
    }
}

impl<E: Display + Debug + Send + 'static> Unreturned for Result<(), E> {
    #[inline]
    fn unheard(self, method: &'static str) -> Option<Unheard> {
        self.err().map(|error| Unheard::new(method, error))
    }
}
