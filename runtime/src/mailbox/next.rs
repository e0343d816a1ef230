//! What a receive finds: the one place that knows the order of skipped messages, notices, signals
//! and the queue.

use crate::cell::header::{ActorCell, InPlace};
use crate::cell::reception::{Verdict, receive_signals};
use crate::cell::words::Flag;
use crate::scheduler::Seat;
use crate::signal::{Down, Exit, Notice};

use super::due;

/// What [`Mailbox::next`](super::Mailbox::next) yields.
#[derive(Debug)]
#[non_exhaustive]
pub enum Event<M> {
    /// A message.
    Message(M),
    /// A monitored actor ended.
    Down(Down),
    /// An exit signal was trapped.
    Exit(Exit),
}

/// Says whether a message is wanted, given it and its sender's code.
pub(crate) type Filter<'f, M> = dyn FnMut(&M, u64) -> bool + 'f;

/// What a receive is after.
pub(crate) enum Wanted<'f, M> {
    /// The next message; notices wait.
    Message,
    /// Whatever comes next.
    Event,
    /// The first message that the filter accepts; others are skipped.
    Matching(&'f mut Filter<'f, M>),
    /// As `Matching`, but notices and exits end the search as `Stopped`; notices are held.
    Accepted(&'f mut Filter<'f, M>),
}

impl<'f, M> Wanted<'f, M> {
    fn filter(&mut self) -> Option<&mut Filter<'f, M>> {
        match self {
            Self::Message | Self::Event => None,
            Self::Matching(filter) | Self::Accepted(filter) => Some(filter),
        }
    }
}

/// What it found.
pub(crate) enum Found<M> {
    Message(M),
    Notice(Notice),
    /// The actor was asked to stop, and this is the place.
    Stopped,
    /// Nothing yet.
    Nothing,
    /// The actor is about to end: nothing will come.
    Dying,
    /// No room for another skipped message.
    SaveQueueFull(usize),
}

/// Looks for what is wanted.
///
/// # Safety
/// The caller runs the cell, and holds no reference into its run part.
#[inline(never)]
pub(crate) unsafe fn find<M>(front: &ActorCell<M>, seat: &Seat, mut wanted: Wanted<'_, M>) -> Found<M> {
    if !front.lane.is_calm() {
        // SAFETY: by contract.
        unsafe { receive(front) };
    }
    // SAFETY: by contract.
    let found = unsafe { search(front, seat, &mut wanted) };
    // SAFETY: by contract.
    let run = unsafe { front.run() };
    if run.needs_attention() {
        front.lane.attend();
        if matches!(found, Found::Message(_)) {
            run.note_recent((front.vtable.message_name)(), seat.now());
        }
    }
    found
}

/// # Safety
/// As for [`find`].
unsafe fn receive<M>(front: &ActorCell<M>) {
    // SAFETY: by contract.
    if let Verdict::Die(reason) = unsafe { receive_signals(front.header()) } {
        // SAFETY: by contract.
        let run = unsafe { front.run() };
        run.sentence(front.tenancy.state(), reason);
    }
}

/// # Safety
/// As for [`find`].
unsafe fn search<M>(front: &ActorCell<M>, seat: &Seat, wanted: &mut Wanted<'_, M>) -> Found<M> {
    loop {
        // SAFETY: by contract; renewed on each round, since nothing else is borrowed then.
        let run = unsafe { front.run() };
        if let Some(extension) = &mut run.extension {
            if extension.exiting.is_some() && matches!(wanted, Wanted::Accepted(_)) {
                return Found::Stopped;
            }
            if extension.dying.is_some() || extension.exiting.is_some() {
                return Found::Dying;
            }
            while let Some(notice) = extension.ahead.pop_front() {
                if extension.take_notice(&notice) {
                    if matches!(wanted, Wanted::Event) {
                        return Found::Notice(notice);
                    }
                    extension.held.push_back(notice);
                }
            }
            if matches!(wanted, Wanted::Event)
                && let Some(notice) = extension.held.pop_front()
            {
                return Found::Notice(notice);
            }
            if matches!(wanted, Wanted::Accepted(_)) && !extension.held.is_empty() {
                return Found::Stopped;
            }
        }
        if let Some(save) = &mut run.save {
            let saved = match wanted.filter() {
                Some(filter) => save.find(filter),
                None => save.pop(),
            };
            if let Some(saved) = saved {
                run.words.living_mut().sender = saved.sender;
                seat.counters.count_handled();
                return Found::Message(saved.message);
            }
        }
        // SAFETY: by contract.
        let head = unsafe { front.queue.head() };
        if let Some(extension) = &mut run.extension
            && let Some((position, _)) = extension.pending.front()
            && head.has_reached(*position)
            && let Some((_, item)) = extension.pending.pop_front()
        {
            match item {
                InPlace::Stop => run.flags.set(Flag::Stopped),
                InPlace::Notice(notice) => {
                    if extension.take_notice(&notice) {
                        extension.held.push_back(notice);
                    }
                }
                InPlace::Due(due) => {
                    // SAFETY: the signal was sent to this actor, whose messages are of type `M`.
                    if let Some(message) = unsafe { due::take(&*due) }
                        && let Some(found) = keep_or_skip(run, front, seat, wanted, message, 0)
                    {
                        return found;
                    }
                }
            }
            continue;
        }
        if run.flags.has(Flag::Stopped) {
            return Found::Stopped;
        }
        // SAFETY: by contract.
        let Some(next) = (unsafe { front.queue.front() }) else {
            // SAFETY: by contract; `run` is not used any more.
            match unsafe { from_waiting(front) } {
                Waiting::Settled => continue,
                Waiting::Nobody => return Found::Nothing,
                Waiting::Taken(message, sender) => {
                    let found = keep_or_skip(run, front, seat, wanted, message, sender);
                    let Some(found) = found else { continue };
                    return found;
                }
            }
        };
        // The message's mark has been seen, so what its sender signalled before it is seen here.
        if front.lane.has_signals() {
            // SAFETY: by contract; `run` is not used any more.
            unsafe { receive(front) };
            continue;
        }
        let sender = next.sender();
        if let Some(filter) = wanted.filter()
            && !filter(next.message(), sender)
        {
            let limit = save_limit(run, front);
            if run.save.as_ref().map_or(0, |save| save.len()) >= limit {
                return Found::SaveQueueFull(limit);
            }
            // SAFETY: by contract.
            let message = unsafe { front.queue.take_any(next) };
            run.save().push(message, sender);
            continue;
        }
        run.words.living_mut().sender = sender;
        seat.counters.count_handled();
        // SAFETY: by contract.
        return Found::Message(unsafe { front.queue.take_any(next) });
    }
}

enum Waiting<M> {
    /// Credits went back to waiting senders: look again.
    Settled,
    /// A waiting sender's message.
    Taken(M, u64),
    Nobody,
}

/// Serves senders that wait while the queue is empty.
///
/// # Safety
/// As for [`find`].
unsafe fn from_waiting<M>(front: &ActorCell<M>) -> Waiting<M> {
    // SAFETY: by contract.
    if !unsafe { front.queue.owes_waiters() } {
        return Waiting::Nobody;
    }
    // SAFETY: by contract.
    if let Some(taken) = unsafe { front.queue.take_waiting(|| !front.lane.has_signals()) } {
        if let Some(waker) = taken.waker {
            waker.wake();
        }
        return Waiting::Taken(taken.message, taken.sender);
    }
    if front.lane.has_signals() {
        // SAFETY: by contract.
        unsafe { receive(front) };
        return Waiting::Settled;
    }
    // SAFETY: by contract.
    unsafe { front.queue.settle() };
    // SAFETY: by contract. A message in flight is worth another look at the turn's end only.
    if unsafe { front.queue.front() }.is_some() { Waiting::Settled } else { Waiting::Nobody }
}

fn keep_or_skip<M>(
    run: &mut crate::cell::header::Run<M>,
    front: &ActorCell<M>,
    seat: &Seat,
    wanted: &mut Wanted<'_, M>,
    message: M,
    sender: u64,
) -> Option<Found<M>> {
    if let Some(filter) = wanted.filter()
        && !filter(&message, sender)
    {
        let limit = save_limit(run, front);
        let save = run.save();
        // A message handed over can't go back, so it is kept even where it exceeds the limit.
        save.push(message, sender);
        return (save.len() > limit.max(1)).then_some(Found::SaveQueueFull(limit));
    }
    run.words.living_mut().sender = sender;
    seat.counters.count_handled();
    Some(Found::Message(message))
}

pub(super) fn save_limit<M>(run: &crate::cell::header::Run<M>, front: &ActorCell<M>) -> usize {
    run.extension
        .as_ref()
        .and_then(|ext| ext.save_limit)
        .unwrap_or_else(|| front.queue.capacity().limit().map_or(usize::MAX, |limit| limit.max(1) as usize))
}
