//! Which types may cross threads. A change here breaks programs.

use std::cell::Cell;

use wharf::{Context, Messages, PidSink, StashFull, Task, TaskError};

/// A message that may change threads but not be shared.
type Message = Cell<u8>;

fn send<T: Send>() {}
fn sync<T: Sync>() {}
fn unpin<T: Unpin>() {}
fn error<T: std::error::Error + Send + Sync + 'static>() {}

macro_rules! all_of {
    ($($ty:ty),* $(,)?) => { $( send::<$ty>(); sync::<$ty>(); unpin::<$ty>(); )* };
}

#[test]
fn public_types_may_cross_threads() {
    all_of!(Context<Message>, Messages<'static, Message>, StashFull<Message>, Task, TaskError);
    send::<PidSink<Message>>();
    unpin::<PidSink<Message>>();
    error::<StashFull<Message>>();
    error::<TaskError>();
}
