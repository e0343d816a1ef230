//! Which types may cross threads, and which may be moved once polled. A change here breaks programs.

use std::cell::Cell;

use wharf_runtime::{
    AnyPid, Ask, AskError, Builder, CrashDecision, CrashReport, DeadLetter, Down, Elapsed, Event, Exit,
    ExitReason, LookupError, Mailbox, MonitorRef, Next, Node, NodeStats, PanicInfo, Permit, Pid, Receive,
    ReceiveFrom, ReceiveTimeout, RecentMessage, RegisterError, Reply, Reserve, SaveQueueFull, SendError,
    ShutdownReport, Sleep, Spawn, StartError, Stopped, Supervision, Timer, Undelivered, YieldNow, remote,
};

/// A message that may change threads but not be shared.
type Message = Cell<u8>;

fn send<T: Send>() {}
fn sync<T: Sync>() {}
fn unpin<T: Unpin>() {}
fn error<T: std::error::Error + Send + Sync + 'static>() {}

macro_rules! all_of {
    ($($ty:ty),* $(,)?) => { $( send::<$ty>(); sync::<$ty>(); unpin::<$ty>(); )* };
}

/// Asks of a type whether it has a trait, where inherent methods go before those of `Else`.
struct Has<T>(std::marker::PhantomData<T>);

trait Else {
    fn is_send(&self) -> bool {
        false
    }
    fn is_sync(&self) -> bool {
        false
    }
}

impl<T> Else for &Has<T> {}

impl<T: Send> Has<T> {
    fn is_send(&self) -> bool {
        true
    }
}

impl<T: Sync> Has<T> {
    fn is_sync(&self) -> bool {
        true
    }
}

macro_rules! has {
    ($ty:ty) => {
        (&Has::<$ty>(std::marker::PhantomData))
    };
}

#[test]
fn handles_are_send_sync_and_unpin_whatever_the_message() {
    all_of!(Pid<Message>, AnyPid, Node, Builder, Spawn, Timer, Reply<Message>, MonitorRef);
    all_of!(ExitReason, PanicInfo, Down, Exit, DeadLetter, CrashReport, NodeStats, ShutdownReport);
    all_of!(Stopped, CrashDecision, RecentMessage, Supervision);
    all_of!(Undelivered<Message>, SendError<Message>, Sleep, YieldNow);
    all_of!(Permit<'static, Message>);
    all_of!(remote::Connection, remote::Grant<Message>, remote::FarSignal, remote::Cut);
}

#[test]
fn errors_can_be_boxed_and_sent_whatever_the_message() {
    error::<SendError<Message>>();
    error::<SendError<Vec<Message>>>();
    error::<AskError>();
    error::<StartError>();
    error::<LookupError>();
    error::<RegisterError>();
    error::<Elapsed>();
    error::<SaveQueueFull>();
}

#[test]
fn a_mailbox_and_its_futures_may_change_threads() {
    send::<Mailbox<Message>>();
    unpin::<Mailbox<Message>>();
    send::<Receive<'static, Message>>();
    unpin::<Receive<'static, Message>>();
    send::<Next<'static, Message>>();
    send::<ReceiveFrom<'static, Message>>();
    send::<ReceiveTimeout<'static, Message>>();
    send::<Event<Message>>();
}

#[test]
fn the_futures_of_sending_may_change_threads() {
    send::<wharf_runtime::Send<'static, Message>>();
    send::<Ask<'static, Message, Message>>();
    send::<Reserve<'static, Message>>();
}

#[test]
fn nothing_that_carries_a_message_of_one_thread_may_leave_it() {
    type Local = std::rc::Rc<u8>;
    assert!(has!(Pid<Message>).is_send() && has!(Pid<Message>).is_sync(), "yes is an answer, too");
    assert!(!has!(Pid<Local>).is_send());
    assert!(!has!(Pid<Local>).is_sync());
    assert!(!has!(Reply<Local>).is_send());
    assert!(!has!(Mailbox<Local>).is_send());
    assert!(!has!(SendError<Local>).is_send());
    assert!(!has!(wharf_runtime::Send<'static, Local>).is_send());
    assert!(!has!(Ask<'static, Local, u8>).is_send());
    assert!(!has!(Permit<'static, Local>).is_send());
}
