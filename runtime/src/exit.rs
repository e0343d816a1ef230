//! Why an actor ended.

use std::any::Any;
use std::error::Error;
use std::fmt;
use std::sync::Arc;

/// A value that travels inside an [`ExitReason`]: shared, printable, and open to a downcast.
#[derive(Clone)]
pub struct Detail(Arc<Box<dyn DetailValue>>);

trait DetailValue: Any + Send + Sync + fmt::Debug {
    fn as_any(&self) -> &dyn Any;
}

impl<T: Any + Send + Sync + fmt::Debug> DetailValue for T {
    fn as_any(&self) -> &dyn Any {
        self
    }
}

impl Detail {
    /// Wraps `value`.
    #[must_use]
    pub fn new<T: Any + Send + Sync + fmt::Debug>(value: T) -> Self {
        Self(Arc::new(Box::new(value)))
    }

    /// The value, if it is a `T`.
    #[must_use]
    pub fn downcast_ref<T: Any>(&self) -> Option<&T> {
        (**self.0).as_any().downcast_ref()
    }
}

impl fmt::Debug for Detail {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&**self.0, f)
    }
}

impl PartialEq for Detail {
    /// Equal when both share one value, or print alike.
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0) || format!("{self:?}") == format!("{other:?}")
    }
}

/// What a caught panic said, and where. Cheap to clone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PanicInfo(Arc<PanicText>);

#[derive(Debug, PartialEq, Eq)]
struct PanicText {
    message: Box<str>,
    location: Option<Box<str>>,
}

impl PanicInfo {
    /// Describes a panic.
    #[must_use]
    pub fn new(message: impl Into<Box<str>>, location: Option<Box<str>>) -> Self {
        Self(Arc::new(PanicText { message: message.into(), location }))
    }

    /// The panic's message, or `"(no message)"` where its payload was not a string.
    #[must_use]
    pub fn message(&self) -> &str {
        &self.0.message
    }

    /// `file:line:column`, known when the panic hook is installed.
    #[must_use]
    pub fn location(&self) -> Option<&str> {
        self.0.location.as_deref()
    }
}

/// The error that an actor failed with. Cheap to clone.
#[derive(Clone)]
pub struct Failure(Arc<Box<dyn Error + Send + Sync>>);

impl Failure {
    /// The error.
    #[must_use]
    pub fn error(&self) -> &(dyn Error + Send + Sync + 'static) {
        &**self.0
    }
}

impl fmt::Debug for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.0, f)
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

/// Why an actor ended. Cheap to clone: what is large in it is shared.
///
/// It does not implement [`Error`], so that `?` turns any error into it inside a handler.
///
/// # Examples
/// ```
/// use wharf_runtime::ExitReason;
/// fn parse(text: &str) -> Result<u32, ExitReason> {
///     Ok(text.parse::<u32>()?)
/// }
/// assert!(matches!(parse("x"), Err(ExitReason::Failed(_))));
/// ```
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub enum ExitReason {
    /// It came to its end by itself.
    #[default]
    Normal,
    /// It was asked to stop as part of an orderly shutdown.
    Shutdown,
    /// As `Shutdown`, with a value of the program's own.
    ShutdownWith(Detail),
    /// A kill that came through a link, as it was sent.
    Kill,
    /// It was killed: no handler could object.
    Killed,
    /// Its code panicked.
    Panicked(PanicInfo),
    /// Its code returned an error.
    Failed(Failure),
    /// A value of the program's own.
    Custom(Detail),
    /// There is, or was, no such actor.
    NoProc,
    /// The connection to its node is gone; it may still live.
    NoConnection,
}

impl ExitReason {
    /// A failure from anything that turns into a boxed error, strings and `anyhow` included.
    pub fn failed(error: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self::Failed(Failure(Arc::new(error.into())))
    }

    /// A reason of the program's own.
    #[must_use]
    pub fn custom<T: Any + Send + Sync + fmt::Debug>(value: T) -> Self {
        Self::Custom(Detail::new(value))
    }

    /// An orderly end with a value of the program's own.
    #[must_use]
    pub fn shutdown_with<T: Any + Send + Sync + fmt::Debug>(value: T) -> Self {
        Self::ShutdownWith(Detail::new(value))
    }

    /// Whether this is `Normal`, `Shutdown` or `ShutdownWith`: an end nobody need report.
    #[must_use]
    pub const fn is_orderly(&self) -> bool {
        matches!(self, Self::Normal | Self::Shutdown | Self::ShutdownWith(_))
    }

    /// Whether this is `Normal`.
    #[must_use]
    pub const fn is_normal(&self) -> bool {
        matches!(self, Self::Normal)
    }
}

impl PartialEq for ExitReason {
    /// Same kind, and details that share one value or print alike.
    fn eq(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::ShutdownWith(a), Self::ShutdownWith(b)) | (Self::Custom(a), Self::Custom(b)) => a == b,
            (Self::Panicked(a), Self::Panicked(b)) => a == b,
            (Self::Failed(a), Self::Failed(b)) => Arc::ptr_eq(&a.0, &b.0) || a.to_string() == b.to_string(),
            _ => std::mem::discriminant(self) == std::mem::discriminant(other),
        }
    }
}

impl<E: Error + Send + Sync + 'static> From<E> for ExitReason {
    fn from(error: E) -> Self {
        Self::Failed(Failure(Arc::new(Box::new(error))))
    }
}

impl fmt::Display for ExitReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Normal => f.write_str("normal"),
            Self::Shutdown => f.write_str("shutdown"),
            Self::ShutdownWith(detail) => write!(f, "shutdown with {detail:?}"),
            Self::Kill => f.write_str("kill"),
            Self::Killed => f.write_str("killed"),
            Self::Panicked(info) => match info.location() {
                Some(location) => write!(f, "panicked at {location}: {}", info.message()),
                None => write!(f, "panicked: {}", info.message()),
            },
            Self::Failed(error) => write!(f, "failed: {error}"),
            Self::Custom(detail) => write!(f, "{detail:?}"),
            Self::NoProc => f.write_str("no such actor"),
            Self::NoConnection => f.write_str("no connection"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reason_is_small_and_cheap_to_clone() {
        assert!(size_of::<ExitReason>() <= 16);
        let reason = ExitReason::custom(String::from("out of paper"));
        let ExitReason::Custom(detail) = reason.clone() else { panic!("changed its kind") };
        assert_eq!(detail.downcast_ref::<String>().unwrap(), "out of paper");
        assert_eq!(reason.to_string(), "\"out of paper\"");
    }

    #[test]
    fn only_normal_and_shutdown_are_orderly() {
        assert!(ExitReason::Normal.is_orderly());
        assert!(ExitReason::shutdown_with(3).is_orderly());
        assert!(!ExitReason::Killed.is_orderly());
        assert!(!ExitReason::failed("no").is_orderly());
    }
}
