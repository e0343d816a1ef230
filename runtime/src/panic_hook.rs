//! Where a caught panic happened.
//!
//! `catch_unwind` gives a panic's payload but not its place; only a panic hook sees that. The hook
//! set here notes the place of panics inside actors and guests, and leaves all but those of actors to
//! the hook before it.

use std::any::Any;
use std::cell::RefCell;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Once;

use crate::exit::PanicInfo;
use crate::scheduler::Seat;

thread_local! {
    static PLACE: RefCell<Option<Box<str>>> = const { RefCell::new(None) };
}

static INSTALLED: Once = Once::new();

/// Installs the hook, once for the process. Panics outside actors go on to the hook that was there.
///
/// `block_on` does it for you. Without it crash reports lack the panic's place, and the standard
/// hook prints each panic of an actor in its own words.
pub fn install() {
    INSTALLED.call_once(|| {
        let before = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |info| {
            let (is_polled, is_actor) = Seat::with(|seat| {
                seat.map_or((false, false), |seat| (seat.current().is_some(), seat.runs_an_actor()))
            });
            if is_polled {
                let place = info.location().map(|place| place.to_string().into_boxed_str());
                PLACE.with_borrow_mut(|slot| *slot = place);
            }
            if !is_actor {
                before(info);
            }
        }));
    });
}

/// Describes the panic that was just caught on this thread, and drops its payload.
pub(crate) fn take(payload: Box<dyn Any + Send>) -> PanicInfo {
    let info = caught(&*payload);
    // A payload whose own drop panics is let go: what panicked is over either way.
    if let Err(again) = catch_unwind(AssertUnwindSafe(|| drop(payload))) {
        #[allow(clippy::mem_forget, reason = "dropping it panics")]
        std::mem::forget(again);
    }
    info
}

/// Describes the panic that was just caught on this thread.
pub(crate) fn caught(payload: &(dyn Any + Send)) -> PanicInfo {
    let message = if let Some(text) = payload.downcast_ref::<&str>() {
        *text
    } else if let Some(text) = payload.downcast_ref::<String>() {
        text
    } else {
        "(no message)"
    };
    PanicInfo::new(message, PLACE.with_borrow_mut(Option::take))
}
