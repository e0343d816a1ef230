//! Links and monitors that stand across a connection: OTP's protocol, seen from this end.
//!
//! Source: "Link Protocol" in the distribution protocol guide of Erlang/OTP 26. The two actors are
//! the ends of a relation; what is here knows at each moment which relations the near one has, so
//! that a signal takes effect once, and that a cut ends each of them once.
//!
//! A received signal goes to a mailbox, and the actor sees it later. Its unlink ack therefore comes
//! from the actor, in the order of all that it sends, and not from here.
//!
//! A cut comes between. Say the far end unlinked, the near one has not seen it yet, the connection is cut
//! and another stands, and now the near end links: it will then see the old unlink, and take down a link
//! that the far end has. The same goes for the exit that told it of the cut. So whoever had
//! a link, or owes an ack, is told of a cut by an exit, and what it says of links until it has seen that
//! exit is not passed on: the exit will end, and report, whatever link it made in between.

use std::collections::VecDeque;

use super::error::{CommandError, Violation};
use super::ids::{FarId, NearId};
use super::reason::{Reason, Signal};
use super::two_way::TwoWay;
use crate::wire::ExitCause;

/// A link, as its near end knows it.
///
/// ```text
///            link() sends LINK, LINK received             unlink() sends UNLINK(n)
///  (nothing) -------------------------------> Active ------------------------------> Unlinking(n)
///      ^                                      |    ^                                   |     |
///      |   UNLINK received, exit received ----'    '------- link() sends LINK ---------'     |
///      |   the near end ends                                                                 |
///      '---------------- UNLINK_ACK(n) received, the near end ends --------------------------'
/// ```
/// What is not drawn changes nothing: a LINK received while unlinking was sent before the far end
/// saw the unlink, and an exit received then is one through a link that no longer stands.
///
/// The near end sees what was received later than it is seen here, and what it sends in between
/// comes, for it, before. That makes a difference only across an unlink, of which the near end's
/// ack tells when it was seen: what was received since then waits in `ahead`, and what the near end
/// sends changes `state`, in the order in which the near end itself has them.
#[derive(Debug, Default)]
struct Link {
    /// As it is for the near end just before it sees the first of `ahead`.
    state: LinkState,
    /// Received since the first unlink that the near end has not acknowledged, from that on.
    ahead: VecDeque<Received>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum LinkState {
    #[default]
    Nothing,
    Active,
    Unlinking(u64),
}

/// A signal of the far end that can change a link.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Received {
    Link,
    Unlink(u64),
    Ack(u64),
    Exit,
}

impl LinkState {
    /// What becomes of it when the near end sees `received`.
    fn after(self, received: Received) -> Self {
        match (self, received) {
            (Self::Nothing, Received::Link) => Self::Active,
            (Self::Active, Received::Unlink(_) | Received::Exit) => Self::Nothing,
            (Self::Unlinking(awaited), Received::Ack(number)) if awaited == number => Self::Nothing,
            _ => self,
        }
    }
}

impl Link {
    fn is_over(&self) -> bool {
        self.state == LinkState::Nothing && self.ahead.is_empty()
    }

    /// As it will be when the near end has seen all that was received.
    fn at_last(&self) -> LinkState {
        self.ahead.iter().fold(self.state, |state, received| state.after(*received))
    }

    /// The near end is going to see `received`.
    fn receive(&mut self, received: Received) {
        if self.ahead.is_empty() && !matches!(received, Received::Unlink(_)) {
            self.state = self.state.after(received);
        } else {
            self.ahead.push_back(received);
        }
    }

    /// The near end acknowledges `number`: it has seen all up to there.
    fn acknowledge(&mut self, number: u64) -> Passage {
        if self.ahead.front() != Some(&Received::Unlink(number)) {
            return Stale;
        }
        self.state = self.state.after(Received::Unlink(number));
        self.ahead.pop_front();
        while let Some(received) = self.ahead.pop_front_if(|next| !matches!(next, Received::Unlink(_))) {
            self.state = self.state.after(received);
        }
        Pass
    }

    /// The numbers of the unlinks that wait for an ack.
    fn owed(&self) -> impl Iterator<Item = u64> {
        self.ahead.iter().filter_map(|received| match *received {
            Received::Unlink(number) => Some(number),
            _ => None,
        })
    }
}

/// All relations across one connection.
#[derive(Debug)]
pub(crate) struct Relations {
    links: TwoWay<Link>,
    /// How much is ahead in all links.
    ahead: usize,
    /// Set by near actors on far ones.
    ours: TwoWay<()>,
    /// Set by far actors on near ones.
    theirs: TwoWay<()>,
    limit: usize,
}

/// Whether a signal goes on to whom it is meant for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use = "a signal that is stale must not be passed on"]
pub(crate) enum Passage {
    /// It does.
    Pass,
    /// It has no effect any more.
    Stale,
}

use Passage::{Pass, Stale};

fn pass_if(condition: bool) -> Passage {
    if condition { Pass } else { Stale }
}

impl Relations {
    pub(crate) const fn new(limit: usize) -> Self {
        Self { links: TwoWay::new(), ahead: 0, ours: TwoWay::new(), theirs: TwoWay::new(), limit }
    }

    /// A near actor sends `signal`. `Stale` means that the far one has no use for it.
    pub(crate) fn handle_near(
        &mut self,
        near: NearId,
        far: FarId,
        signal: &Signal,
    ) -> Result<Passage, CommandError> {
        Ok(match *signal {
            Signal::Link => return self.link(near, far),
            Signal::Unlink { number } => self.unlink(near, far, number),
            Signal::UnlinkAck { number } => self.acknowledge(near, far, number),
            Signal::Exit { cause: ExitCause::Link, .. } => self.change(near, far, |link| {
                let active = link.at_last() == LinkState::Active;
                link.state = link.state.after(Received::Exit);
                pass_if(active)
            }),
            Signal::Exit { .. } | Signal::Stop => Pass,
            Signal::Monitor { number } => {
                if self.ours.get(near, far, number).is_some() {
                    return Err(CommandError::InUse { what: "monitor", number });
                }
                if self.ours.len() >= self.limit {
                    return Err(CommandError::TooMany { what: "monitors", limit: self.limit });
                }
                self.ours.insert(near, far, number, ());
                Pass
            }
            Signal::Demonitor { number } => pass_if(self.ours.remove(near, far, number).is_some()),
            Signal::Down { number, .. } => pass_if(self.theirs.remove(near, far, number).is_some()),
        })
    }

    /// `signal` came from a far actor for a live near one. `Stale` means that it changes nothing.
    pub(crate) fn handle_far(
        &mut self,
        far: FarId,
        near: NearId,
        signal: &Signal,
    ) -> Result<Passage, Violation> {
        Ok(match *signal {
            Signal::Link => return self.receive(near, far, Received::Link),
            Signal::Unlink { number } => return self.receive(near, far, Received::Unlink(number)),
            Signal::UnlinkAck { number } => return self.receive(near, far, Received::Ack(number)),
            Signal::Exit { cause: ExitCause::Link, .. } => return self.receive(near, far, Received::Exit),
            Signal::Exit { .. } | Signal::Stop => Pass,
            Signal::Monitor { number } => {
                if self.theirs.get(near, far, number).is_some() {
                    return Err(Violation::Repeated { what: "monitor", number });
                }
                if self.theirs.len() >= self.limit {
                    return Err(Violation::TooMany { what: "monitors", limit: self.limit });
                }
                self.theirs.insert(near, far, number, ());
                Pass
            }
            Signal::Demonitor { number } => pass_if(self.theirs.remove(near, far, number).is_some()),
            Signal::Down { number, .. } => pass_if(self.ours.remove(near, far, number).is_some()),
        })
    }

    /// A near actor has ended: what has to be sent because of it.
    pub(crate) fn end_near(&mut self, near: NearId, reason: &Reason) -> Vec<(FarId, Signal)> {
        let mut signals = Vec::new();
        for (_, far, _, link) in self.links.take_near(near) {
            self.ahead -= link.ahead.len();
            // What it owed is paid, or the far end would wait for ever.
            signals.extend(link.owed().map(|number| (far, Signal::UnlinkAck { number })));
            if link.at_last() == LinkState::Active {
                signals.push((far, Signal::Exit { cause: ExitCause::Link, reason: reason.clone() }));
            }
        }
        for (_, far, number, ()) in self.theirs.take_near(near) {
            signals.push((far, Signal::Down { number, reason: reason.clone() }));
        }
        for (_, far, number, ()) in self.ours.take_near(near) {
            signals.push((far, Signal::Demonitor { number }));
        }
        signals
    }

    /// A far actor is gone, or all of them are cut off: what the near ones have to hear.
    ///
    /// Each relation that stood ends exactly once. An unlinking under way is over, too.
    pub(crate) fn end_far(&mut self, far: Option<FarId>, reason: &Reason) -> Vec<(NearId, FarId, Signal)> {
        fn taken<V>(of: &mut TwoWay<V>, far: Option<FarId>) -> Vec<(NearId, FarId, u64, V)> {
            far.map_or_else(Vec::new, |far| of.take_far(far))
        }
        let all = far.is_none();
        let links = if all { self.links.take_all() } else { taken(&mut self.links, far) };
        self.ahead -= links.iter().map(|(.., link)| link.ahead.len()).sum::<usize>();
        let ours = if all { self.ours.take_all() } else { taken(&mut self.ours, far) };
        let theirs = if all { self.theirs.take_all() } else { taken(&mut self.theirs, far) };
        let links = links.into_iter().filter_map(|(near, far, _, link)| match link.at_last() {
            LinkState::Unlinking(number) if link.ahead.is_empty() => {
                Some((near, far, Signal::UnlinkAck { number }))
            }
            LinkState::Nothing if link.ahead.is_empty() => None,
            // Also when it only owes an ack: see the top of this file.
            _ => Some((near, far, Signal::Exit { cause: ExitCause::Link, reason: reason.clone() })),
        });
        let ours = ours
            .into_iter()
            .map(|(near, far, number, ())| (near, far, Signal::Down { number, reason: reason.clone() }));
        let theirs =
            theirs.into_iter().map(|(near, far, number, ())| (near, far, Signal::Demonitor { number }));
        links.chain(ours).chain(theirs).collect()
    }

    pub(crate) fn len(&self) -> usize {
        self.links.len() + self.ahead + self.ours.len() + self.theirs.len()
    }

    fn link(&mut self, near: NearId, far: FarId) -> Result<Passage, CommandError> {
        if self.links.get(near, far, 0).is_none() && self.links.len() >= self.limit {
            return Err(CommandError::TooMany { what: "links", limit: self.limit });
        }
        Ok(self.change(near, far, |link| {
            let new = link.at_last() != LinkState::Active;
            link.state = LinkState::Active;
            pass_if(new)
        }))
    }

    fn unlink(&mut self, near: NearId, far: FarId, number: u64) -> Passage {
        self.change(near, far, |link| {
            link.state = LinkState::Unlinking(number);
            Pass
        })
    }

    fn acknowledge(&mut self, near: NearId, far: FarId, number: u64) -> Passage {
        self.change(near, far, |link| link.acknowledge(number))
    }

    fn receive(&mut self, near: NearId, far: FarId, received: Received) -> Result<Passage, Violation> {
        let full = match self.links.get(near, far, 0) {
            Some(_) => self.ahead >= self.limit,
            None => {
                self.links.len() >= self.limit && matches!(received, Received::Link | Received::Unlink(_))
            }
        };
        if full {
            return Err(Violation::TooMany { what: "links", limit: self.limit });
        }
        Ok(self.change(near, far, |link| {
            let before = link.at_last();
            let passage = match received {
                // Behind an unlink, what the near end is going to make of a link is not known yet.
                Received::Link => pass_if(before == LinkState::Nothing || !link.ahead.is_empty()),
                Received::Unlink(_) => Pass,
                Received::Ack(number) => pass_if(before == LinkState::Unlinking(number)),
                Received::Exit => pass_if(before == LinkState::Active),
            };
            if passage == Pass {
                link.receive(received);
            }
            passage
        }))
    }

    /// Changes a link, and forgets it when nothing is left of it.
    fn change(&mut self, near: NearId, far: FarId, change: impl FnOnce(&mut Link) -> Passage) -> Passage {
        if let Some(link) = self.links.get_mut(near, far, 0) {
            let before = link.ahead.len();
            let passage = change(link);
            self.ahead = self.ahead - before + link.ahead.len();
            if link.is_over() {
                self.links.remove(near, far, 0);
            }
            return passage;
        }
        let mut link = Link::default();
        let passage = change(&mut link);
        self.ahead += link.ahead.len();
        if !link.is_over() {
            self.links.insert(near, far, 0, link);
        }
        passage
    }
}

#[cfg(test)]
#[path = "tests/signals.rs"]
mod tests;
