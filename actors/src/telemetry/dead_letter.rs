//! Dead letters to keep.

use std::fmt;
use std::ops::Deref;

use wharf_runtime::DeadLetter;

/// A dead letter of its own, for whoever [subscribes](crate::NodeExt::dead_letters): the facts of a
/// [`DeadLetter`], to which it dereferences, with a text for people and one for machines.
#[derive(Clone, Debug)]
pub struct DeadLetterRecord(DeadLetter);

impl DeadLetterRecord {
    pub(super) const fn new(letter: DeadLetter) -> Self {
        Self(letter)
    }
}

#[cfg(feature = "json")]
impl DeadLetterRecord {
    /// The record as one JSON object, for machines. Ids and reasons are strings, as they are printed;
    /// `at_nanos` is nanoseconds of the node's clock. With the feature `json`.
    ///
    /// # Examples
    /// See [`NodeExt::dead_letters`](crate::NodeExt::dead_letters).
    #[must_use]
    pub fn to_json(&self) -> String {
        super::json::written(self)
    }
}

impl Deref for DeadLetterRecord {
    type Target = DeadLetter;

    fn deref(&self) -> &DeadLetter {
        &self.0
    }
}

impl fmt::Display for DeadLetterRecord {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let label = |f: &mut fmt::Formatter<'_>, label: Option<&str>| {
            label.map_or(Ok(()), |label| write!(f, " label=\"{label}\""))
        };
        write!(f, "message not handled  message={} to={}", self.message, self.to)?;
        label(f, self.to_label.as_deref())?;
        if let Some(from) = self.from {
            write!(f, " from={from}")?;
            label(f, self.from_label.as_deref())?;
        }
        write!(f, "\n     reason={}", self.cause)?;
        if let Some(reason) = &self.receiver_ended {
            write!(f, " (the receiver ended: {reason})")?;
        }
        write!(f, "\n     help: {}", self.cause.help())
    }
}
