//! Reception of signals: what waits in the lane acts, or gets its place in the queue.

use std::collections::VecDeque;

use crate::exit::ExitReason;
use crate::queue::Position;
use crate::signal::Signal;

use super::header::{Header, InPlace};
use super::relation::Reaction;
use super::words::Flag;

/// What the signals received mean for the actor's life.
#[must_use]
#[derive(Debug)]
pub enum Verdict {
    /// It goes on.
    Live,
    /// It ends now.
    Die(ExitReason),
}

/// Receives all signals that are in the lane.
///
/// # Safety
/// The caller holds the token, and no reference into the cell's run part.
#[cold]
#[inline(never)]
pub unsafe fn receive_signals(cell: &Header) -> Verdict {
    let me = cell.id();
    // A guest outlives whatever comes.
    let mortal = cell.tenancy.state().is_mortal();
    let mut verdict = Verdict::Live;
    for stamped in cell.lane.take() {
        cell.node().proxies.note_handled(me, &stamped.signal);
        // SAFETY: by contract; the reference does not outlive this turn of the loop.
        let run = unsafe { cell.run() };
        let trapping = run.flags.has(Flag::Trapping);
        let extension = run.extension();
        if mortal && (extension.dying.is_some() || matches!(verdict, Verdict::Die(_))) {
            extension.unheard.push(stamped.signal);
            continue;
        }
        if let Signal::Due(due) = stamped.signal {
            insert(&mut extension.pending, stamped.position, InPlace::Due(due));
            continue;
        }
        match extension.relations.handle_signal(me, trapping, stamped.signal) {
            Reaction::Nothing => {}
            Reaction::Reply(to, signal) => to.deliver(signal),
            Reaction::Notify { notice, priority: true } => extension.ahead.push_back(notice),
            Reaction::Notify { notice, priority: false } => {
                insert(&mut extension.pending, stamped.position, InPlace::Notice(notice));
            }
            Reaction::StopAfterQueue => insert(&mut extension.pending, stamped.position, InPlace::Stop),
            Reaction::Die(reason) => {
                let kill = matches!(reason, ExitReason::Killed);
                if !kill && run.flags.take(Flag::LastWords) {
                    run.extension().exiting = Some(reason);
                } else if kill || run.extension().exiting.is_none() {
                    verdict = Verdict::Die(reason);
                }
            }
        }
    }
    // SAFETY: by contract.
    if unsafe { cell.run() }.needs_attention() {
        cell.lane.attend();
    }
    verdict
}

/// Keeps places in order, and items of one place in the order in which they came: what one sender
/// sent stays in order, since its places only grow.
fn insert(pending: &mut VecDeque<(Position, InPlace)>, position: Position, item: InPlace) {
    let after = pending.iter().rposition(|(other, _)| position.has_reached(*other));
    pending.insert(after.map_or(0, |index| index + 1), (position, item));
}

#[cfg(all(test, not(wharf_loom)))]
mod tests {
    use super::*;

    #[test]
    fn later_signals_with_earlier_places_go_first_and_equal_places_keep_their_order() {
        let mut pending = VecDeque::new();
        let at = |n| Position::START.plus(n);
        for place in [5, 9, 7, 5] {
            insert(&mut pending, at(place), InPlace::Stop);
        }
        let places: Vec<u64> =
            pending.iter().map(|(position, _)| position.distance_from(Position::START)).collect();
        assert_eq!(places, [5, 5, 7, 9]);
    }
}
