//! Waiting until something is there or can't come any more, and saying what came instead.

use std::fmt;
use std::future::{Future, pending, poll_fn};
use std::panic::Location;
use std::pin::pin;
use std::task::{Poll, Waker};

use wharf_runtime::explore::guided::Guide;

/// Waits until `look` finds something; `None` when nothing can happen any more unless time goes on.
/// What `look` is given is to be woken when it is worth another look.
pub(super) async fn unless_still<T>(guide: &Guide, mut look: impl FnMut(&Waker) -> Option<T>) -> Option<T> {
    let mut still = pin!(guide.still());
    poll_fn(|cx| match look(cx.waker()) {
        Some(found) => Poll::Ready(Some(found)),
        None => still.as_mut().poll(cx).map(|()| None),
    })
    .await
}

/// Fails the test: `what` was expected at `place`, and `found` is what there was.
pub(super) async fn fail<T>(
    guide: &Guide,
    place: &Location<'_>,
    what: impl fmt::Display,
    found: impl fmt::Display,
) -> T {
    guide.fail(format!("{place}: expected {what}, but {found}"));
    pending().await
}

/// Says that nothing came, and why nothing can.
pub(super) struct NothingComes<'a>(pub(super) &'a Guide);

impl fmt::Display for NothingComes<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("nothing can happen any more while time stands still")?;
        self.0.hindrances().iter().try_for_each(|line| write!(f, "\n  {line}"))
    }
}
