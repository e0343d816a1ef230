//! An error for programs.

use std::fmt;

use crate::ExitReason;

/// Any error, for the `main` of a program and for functions that only pass errors on.
///
/// It does not implement [`std::error::Error`], so that `?` turns any error into it.
///
/// # Examples
/// ```
/// fn port(text: &str) -> wharf::Result<u16> {
///     let port: u16 = text.parse()?;
///     if port == 0 {
///         return Err(wharf::Error::message("no port"));
///     }
///     Ok(port)
/// }
///
/// assert_eq!(port("80").unwrap(), 80);
/// assert_eq!(port("0").unwrap_err().to_string(), "no port");
/// assert!(port("http").unwrap_err().into_inner().is::<std::num::ParseIntError>());
/// ```
pub struct Error(Box<dyn std::error::Error + Send + Sync>);

/// A result with [`Error`].
pub type Result<T, E = Error> = std::result::Result<T, E>;

impl Error {
    /// An error that says `message`.
    pub fn message(message: impl Into<String>) -> Self {
        Self(message.into().into())
    }

    /// An error that says why an actor ended.
    #[must_use]
    pub fn exit(reason: ExitReason) -> Self {
        Self(reason.into())
    }

    /// The error within.
    #[must_use]
    pub fn into_inner(self) -> Box<dyn std::error::Error + Send + Sync> {
        self.0
    }
}

impl<E: std::error::Error + Send + Sync + 'static> From<E> for Error {
    fn from(error: E) -> Self {
        Self(Box::new(error))
    }
}

impl From<Error> for Box<dyn std::error::Error + Send + Sync> {
    fn from(error: Error) -> Self {
        error.0
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

impl fmt::Debug for Error {
    /// As a person reads it, with its causes: it is what `main` prints.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)?;
        let mut source = self.0.source();
        while let Some(cause) = source {
            write!(f, "\n  caused by: {cause}")?;
            source = cause.source();
        }
        Ok(())
    }
}
