//! Credit for each mailbox: how much may be sent there before its owner says that there is room.
//!
//! ```text
//!   sender's node                              receiver's node
//!   Purses: what we may send                   Grants: what the peer may send
//!     no credit: the sender waits -- want ---->  Event::CreditWanted
//!     a ticket may go  <------------- credit --  grant(): out of the mailbox's capacity
//!     message (spends) ----------------------->  spends
//!                      <------------- recall --  not used for a while
//!     what is left     ------------ returned ->  Event::CreditReturned: room again
//! ```
//! A credit of nothing answers a want in vain: no such mailbox.
//!
//! A mailbox that holds nothing is granted one message at a time, which is handed over; its sender is told
//! when it is:
//! ```text
//!     a ticket may go  <---------- hand over --  grant_to_hand_over()
//!     message (spends) ----------------------->  spends
//!     Event::Taken     <-------------- taken --  taken(): handed over, or lost
//! ```

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::Duration;

use super::error::{CommandError, Violation};
use super::ids::{FarId, FarPid, NearId};

/// A place in the queue of those who wait to send to one mailbox.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Ticket(pub(crate) u64);

impl Ticket {
    /// Its number on this connection.
    #[must_use]
    pub const fn number(self) -> u64 {
        self.0
    }
}

/// Whether a message may be sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use = "a ticket must be used or given up"]
pub enum Admission {
    /// At once: the ticket holds its credit. Send with it, or give it up.
    Go(Ticket),
    /// When [`Event::MayGo`](super::Event::MayGo) says so.
    Wait(Ticket),
}

/// What a purse asks to be sent.
#[derive(Default, Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Want {
    pub(crate) messages: u32,
    pub(crate) bytes: u64,
}

/// Credit for one far mailbox.
#[derive(Debug, Default)]
struct Purse {
    messages: u32,
    bytes: u64,
    /// Wanted, and not yet granted.
    wanted: Want,
    waiting: VecDeque<(Ticket, u64)>,
}

impl Purse {
    const fn covers(&self, bytes: u64) -> bool {
        self.messages > 0 && self.bytes >= bytes
    }

    const fn take(&mut self, bytes: u64) {
        self.messages -= 1;
        self.bytes -= bytes;
    }

    fn is_empty(&self) -> bool {
        self.messages == 0 && self.bytes == 0 && self.waiting.is_empty()
    }
}

/// What this node may send to the peer's mailboxes.
#[derive(Debug)]
pub(crate) struct Purses {
    by_mailbox: BTreeMap<FarPid, Purse>,
    waiting: BTreeMap<Ticket, FarPid>,
    /// With credit set aside, to be used or given up.
    going: BTreeMap<Ticket, (FarPid, u64)>,
    /// Mailboxes that hold nothing, as their owners say.
    handing_over: BTreeSet<FarId>,
    /// What was sent there and has not been told of, the first first.
    untaken: BTreeMap<FarId, VecDeque<Ticket>>,
    last_ticket: u64,
    limit: usize,
    mailboxes: usize,
}

impl Purses {
    pub(crate) const fn new(limit: usize, mailboxes: usize) -> Self {
        Self {
            by_mailbox: BTreeMap::new(),
            waiting: BTreeMap::new(),
            going: BTreeMap::new(),
            handing_over: BTreeSet::new(),
            untaken: BTreeMap::new(),
            last_ticket: 0,
            limit,
            mailboxes,
        }
    }

    /// Takes the credit for one message now, or not at all; says what to ask for in that case. Never where
    /// messages are handed over: that takes a while.
    pub(crate) fn take_now(&mut self, to: FarPid, bytes: u64) -> Result<(), Option<Want>> {
        if self.handing_over.contains(&to.id) {
            return Err(None);
        }
        let Some(purse) = self.purse(to) else { return Err(None) };
        if purse.waiting.is_empty() && purse.covers(bytes) {
            purse.take(bytes);
            return Ok(());
        }
        // Nobody stays to wait, so that one want for the next attempt is enough.
        let want = Want { messages: 1, bytes };
        let asked = purse.wanted.messages > 0 && purse.wanted.bytes >= bytes;
        if asked {
            return Err(None);
        }
        purse.wanted = want;
        Err(Some(want))
    }

    /// As [`take_now`](Self::take_now), for a ticket that may go.
    pub(crate) fn take_ticket(&mut self, to: FarPid, bytes: u64) -> Result<Ticket, Option<Want>> {
        self.take_now(to, bytes)?;
        let ticket = self.next_ticket();
        self.going.insert(ticket, (to, bytes));
        Ok(ticket)
    }

    /// Queues for a message of `bytes`.
    pub(crate) fn queue(
        &mut self,
        to: FarPid,
        bytes: u64,
        may_go: bool,
    ) -> Result<(Admission, Option<Want>), CommandError> {
        self.has_room()?;
        let ticket = self.next_ticket();
        let limit = self.mailboxes;
        let Some(purse) = self.purse(to) else {
            return Err(CommandError::TooMany { what: "mailboxes sent to", limit });
        };
        if may_go && purse.waiting.is_empty() && purse.covers(bytes) {
            purse.take(bytes);
            self.going.insert(ticket, (to, bytes));
            return Ok((Admission::Go(ticket), None));
        }
        purse.waiting.push_back((ticket, bytes));
        let want = Want { messages: 1, bytes };
        purse.wanted.messages = purse.wanted.messages.saturating_add(1);
        purse.wanted.bytes = purse.wanted.bytes.saturating_add(bytes);
        self.waiting.insert(ticket, to);
        Ok((Admission::Wait(ticket), Some(want)))
    }

    /// Uses a ticket that may go.
    pub(crate) fn check_ticket(&self, ticket: Ticket, to: FarPid, bytes: u64) -> Result<(), CommandError> {
        let number = ticket.0;
        match self.going.get(&ticket) {
            None => Err(CommandError::NoTicket { number }),
            Some(&(mailbox, most)) if mailbox != to || bytes > most => {
                Err(CommandError::WrongTicket { number })
            }
            Some(_) => Ok(()),
        }
    }

    /// Uses up a ticket that was checked; bytes that it did not need are credit again. True: the ticket is
    /// kept, until what became of the message is told.
    pub(crate) fn use_up(&mut self, ticket: Ticket, bytes: u64) -> bool {
        let Some((to, most)) = self.going.remove(&ticket) else { return false };
        if let Some(purse) = self.by_mailbox.get_mut(&to) {
            purse.bytes += most - bytes;
        }
        let is_told = self.handing_over.contains(&to.id);
        if is_told {
            self.untaken.entry(to.id).or_default().push_back(ticket);
        }
        is_told
    }

    /// Whether a mailbox is known to hold nothing.
    pub(crate) fn is_handing_over(&self, far: FarId) -> bool {
        self.handing_over.contains(&far)
    }

    /// The peer lets one message be sent that is to be handed over.
    pub(crate) fn handle_hand_over(&mut self, mailbox: FarPid, bytes: u64) -> Result<(), Violation> {
        self.handle_credit(mailbox, 1, bytes)?;
        let limit = self.mailboxes;
        if !self.handing_over.contains(&mailbox.id) && self.handing_over.len() >= limit {
            return Err(Violation::TooMany { what: "mailboxes that hand over", limit });
        }
        self.handing_over.insert(mailbox.id);
        Ok(())
    }

    /// The peer tells what became of a message.
    pub(crate) fn handle_taken(&mut self, far: FarId) -> Option<Ticket> {
        let untaken = self.untaken.get_mut(&far)?;
        let ticket = untaken.pop_front();
        if untaken.is_empty() {
            self.untaken.remove(&far);
        }
        ticket
    }

    /// The mailbox is gone: what was sent there and not told of.
    pub(crate) fn end_untaken(&mut self, far: FarId) -> VecDeque<Ticket> {
        self.handing_over.remove(&far);
        self.untaken.remove(&far).unwrap_or_default()
    }

    /// Gives a ticket up: its credit is for the next. Gives the mailbox, for [`next`](Self::next).
    pub(crate) fn give_up(&mut self, ticket: Ticket) -> Option<FarPid> {
        if let Some((to, bytes)) = self.going.remove(&ticket) {
            let purse = self.by_mailbox.get_mut(&to)?;
            purse.messages += 1;
            purse.bytes += bytes;
            return Some(to);
        }
        let to = self.waiting.remove(&ticket)?;
        let purse = self.by_mailbox.get_mut(&to)?;
        purse.waiting.retain(|(waiting, _)| *waiting != ticket);
        Some(to)
    }

    /// Takes the first waiting ticket for which there is credit.
    pub(crate) fn next(&mut self, to: FarPid) -> Option<Ticket> {
        let purse = self.by_mailbox.get_mut(&to)?;
        let &(ticket, bytes) = purse.waiting.front()?;
        if !purse.covers(bytes) {
            return None;
        }
        purse.take(bytes);
        purse.waiting.pop_front();
        self.waiting.remove(&ticket);
        self.going.insert(ticket, (to, bytes));
        Some(ticket)
    }

    /// Mailboxes that somebody waits for.
    pub(crate) fn with_waiters(&self) -> Vec<FarPid> {
        let mut mailboxes: Vec<FarPid> = self.waiting.values().copied().collect();
        mailboxes.sort_unstable();
        mailboxes.dedup();
        mailboxes
    }

    /// The peer granted credit.
    pub(crate) fn handle_credit(
        &mut self,
        mailbox: FarPid,
        messages: u32,
        bytes: u64,
    ) -> Result<(), Violation> {
        let limit = self.mailboxes;
        let Some(purse) = self.purse(mailbox) else {
            return Err(Violation::TooMany { what: "mailboxes with credit", limit });
        };
        purse.messages = purse.messages.saturating_add(messages);
        purse.bytes = purse.bytes.saturating_add(bytes);
        purse.wanted.messages = purse.wanted.messages.saturating_sub(messages);
        purse.wanted.bytes = purse.wanted.bytes.saturating_sub(bytes);
        Ok(())
    }

    /// The peer wants back what is not used. Nothing while somebody waits, who will use it.
    pub(crate) fn handle_recall(&mut self, mailbox: FarPid) -> (u32, u64) {
        let Some(purse) = self.by_mailbox.get_mut(&mailbox) else { return (0, 0) };
        if !purse.waiting.is_empty() {
            return (0, 0);
        }
        let left = (std::mem::take(&mut purse.messages), std::mem::take(&mut purse.bytes));
        purse.wanted = Want::default();
        self.by_mailbox.remove(&mailbox);
        left
    }

    /// There is no such mailbox, or no such node: those who have or wait for credit go away.
    ///
    /// Tickets that may go stay so: their message will be found undeliverable.
    pub(crate) fn end(&mut self, mailbox: FarPid) -> Vec<Ticket> {
        let Some(purse) = self.by_mailbox.remove(&mailbox) else { return Vec::new() };
        let tickets: Vec<Ticket> = purse.waiting.into_iter().map(|(ticket, _)| ticket).collect();
        for ticket in &tickets {
            self.waiting.remove(ticket);
        }
        tickets
    }

    /// The pids of `far` that there is a purse for.
    pub(crate) fn pids_of(&self, far: FarId) -> Vec<FarPid> {
        let range = FarPid { id: far, authenticator: 0 }..=FarPid { id: far, authenticator: u64::MAX };
        self.by_mailbox.range(range).map(|(pid, _)| *pid).collect()
    }

    /// The connection is cut: everyone who waits, for credit or to be told, in order.
    pub(crate) fn end_all(&mut self) -> Vec<Ticket> {
        self.by_mailbox.clear();
        self.going.clear();
        let mut tickets: Vec<Ticket> = std::mem::take(&mut self.waiting).into_keys().collect();
        tickets.extend(std::mem::take(&mut self.untaken).into_values().flatten());
        tickets.sort_unstable();
        tickets
    }

    /// Credit held and not set aside.
    pub(crate) fn held(&self, mailbox: FarPid) -> (u32, u64) {
        self.by_mailbox.get(&mailbox).map_or((0, 0), |purse| (purse.messages, purse.bytes))
    }

    /// Whether one more ticket may be out.
    pub(crate) fn has_room(&self) -> Result<(), CommandError> {
        if self.waiting.len() + self.going.len() >= self.limit {
            return Err(CommandError::TooMany { what: "waiting sends", limit: self.limit });
        }
        Ok(())
    }

    const fn next_ticket(&mut self) -> Ticket {
        self.last_ticket += 1;
        Ticket(self.last_ticket)
    }

    fn purse(&mut self, to: FarPid) -> Option<&mut Purse> {
        if !self.by_mailbox.contains_key(&to) && self.by_mailbox.len() >= self.mailboxes {
            // Purses without credit and without anyone waiting hold nothing.
            self.by_mailbox.retain(|_, purse| !purse.is_empty());
            if self.by_mailbox.len() >= self.mailboxes {
                return None;
            }
        }
        Some(self.by_mailbox.entry(to).or_default())
    }
}

/// Credit given to the peer for one mailbox of ours, and not yet used.
#[derive(Debug)]
struct Grant {
    messages: u32,
    bytes: u64,
    used_at: Duration,
    authenticator: u64,
    recalled: bool,
}

/// What the peer may send to this node's mailboxes.
#[derive(Debug)]
pub(crate) struct Grants {
    by_mailbox: BTreeMap<NearId, Grant>,
    limit: usize,
    idle: Duration,
}

impl Grants {
    pub(crate) const fn new(limit: usize, idle: Duration) -> Self {
        Self { by_mailbox: BTreeMap::new(), limit, idle }
    }

    /// Adds to what the peer may send.
    pub(crate) fn grant(
        &mut self,
        now: Duration,
        mailbox: NearId,
        authenticator: u64,
        messages: u32,
        bytes: u64,
    ) -> Result<(), CommandError> {
        if !self.by_mailbox.contains_key(&mailbox) && self.by_mailbox.len() >= self.limit {
            return Err(CommandError::TooMany { what: "mailboxes with credit", limit: self.limit });
        }
        let empty = Grant { messages: 0, bytes: 0, used_at: now, authenticator, recalled: false };
        let grant = self.by_mailbox.entry(mailbox).or_insert(empty);
        grant.messages = grant.messages.saturating_add(messages);
        grant.bytes = grant.bytes.saturating_add(bytes);
        grant.used_at = now;
        grant.authenticator = authenticator;
        Ok(())
    }

    /// The peer sent a message: it must have had credit for it.
    pub(crate) fn spend(&mut self, now: Duration, mailbox: NearId, bytes: u64) -> Result<(), Violation> {
        let grant = self.by_mailbox.get_mut(&mailbox).ok_or(Violation::Overdrawn { mailbox })?;
        if grant.messages == 0 || grant.bytes < bytes {
            return Err(Violation::Overdrawn { mailbox });
        }
        grant.messages -= 1;
        grant.bytes -= bytes;
        grant.used_at = now;
        self.drop_if_empty(mailbox);
        Ok(())
    }

    /// The peer gave credit back.
    pub(crate) fn take_back(
        &mut self,
        now: Duration,
        mailbox: NearId,
        messages: u32,
        bytes: u64,
    ) -> Result<(), Violation> {
        let overdrawn = Violation::Overdrawn { mailbox };
        let Some(grant) = self.by_mailbox.get_mut(&mailbox) else {
            return if messages == 0 && bytes == 0 { Ok(()) } else { Err(overdrawn) };
        };
        if messages > grant.messages || bytes > grant.bytes {
            return Err(overdrawn);
        }
        grant.messages -= messages;
        grant.bytes -= bytes;
        grant.recalled = false;
        grant.used_at = now;
        self.drop_if_empty(mailbox);
        Ok(())
    }

    /// Mailboxes whose credit was not used for so long that it is now recalled.
    pub(crate) fn recall_idle(&mut self, now: Duration) -> Vec<(NearId, u64)> {
        let idle = self.idle;
        let old =
            self.by_mailbox.iter_mut().filter(|(_, grant)| !grant.recalled && now >= grant.used_at + idle);
        old.map(|(mailbox, grant)| {
            grant.recalled = true;
            (*mailbox, grant.authenticator)
        })
        .collect()
    }

    /// When some credit will have been idle for too long.
    pub(crate) fn timeout(&self) -> Option<Duration> {
        let open = self.by_mailbox.values().filter(|grant| !grant.recalled);
        open.map(|grant| grant.used_at + self.idle).min()
    }

    /// A mailbox is gone, with the room that was granted.
    pub(crate) fn end(&mut self, mailbox: NearId) {
        self.by_mailbox.remove(&mailbox);
    }

    /// The connection is cut: all room that was granted and not used is room again.
    pub(crate) fn end_all(&mut self) -> Vec<(NearId, u32, u64)> {
        let all = std::mem::take(&mut self.by_mailbox);
        all.into_iter().map(|(mailbox, grant)| (mailbox, grant.messages, grant.bytes)).collect()
    }

    /// What the peer may still send to `mailbox`.
    pub(crate) fn outstanding(&self, mailbox: NearId) -> (u32, u64) {
        self.by_mailbox.get(&mailbox).map_or((0, 0), |grant| (grant.messages, grant.bytes))
    }

    fn drop_if_empty(&mut self, mailbox: NearId) {
        if self.outstanding(mailbox) == (0, 0) {
            self.by_mailbox.remove(&mailbox);
        }
    }
}

#[cfg(test)]
#[path = "tests/credit.rs"]
mod tests;
