//! Workers, and the crew of them that a node has: the same near the coordinator and far from it.

use std::collections::{HashMap, VecDeque};
use std::error::Error;
use std::pin::Pin;
use std::time::Duration;

use futures::future::{MaybeDone, maybe_done};
use futures::poll;
use wharf::{ActorId, Ask, Event, ExitReason, Mailbox, Pid, Spawn};

use crate::chaos::Chaos;
use crate::read::{Findings, Reader};
use crate::wire::{Content, Job, Msg, Nothing, Parcel, Place, Seat};

/// A deadline for asks that may take as long as the count itself.
const PATIENCE: Duration = Duration::from_secs(30 * 24 * 60 * 60);

/// How many chunks a worker has in hand or on their way, at most. Where processors are few and busy, it
/// takes the time of several chunks until an answer comes from another process.
const AHEAD: usize = 6;

type Failure = Box<dyn Error + Send + Sync>;

/// Counts with so many workers at `place` and its successors, and replaces those who die of a chunk, until
/// the coordinator says that all is done.
///
/// # Errors
///
/// When the coordinator is gone, or can't be reached any more.
pub(crate) async fn crew(
    mailbox: &mut Mailbox<Nothing>,
    coordinator: &Pid<Msg>,
    place: &Place,
    workers: u16,
) -> Result<(), String> {
    let mut hands = Hands::default();
    for number in 1..=workers {
        hands.hire(mailbox, coordinator, Place { number, ..place.clone() });
    }
    let mut lost = None;
    while !hands.0.is_empty() {
        let Some(Event::Down(down)) = mailbox.next().await else {
            return Err("told to stop".to_owned());
        };
        let Some((_, place)) = hands.0.remove(&down.subject) else { continue };
        match down.reason {
            // An error of its own is that the coordinator does not answer.
            ExitReason::Failed(error) => lost = Some(error.to_string()),
            reason if reason.is_orderly() => {}
            _ => hands.hire(mailbox, coordinator, place),
        }
    }
    lost.map_or(Ok(()), Err)
}

/// The workers of a crew. Whoever is left when it is dropped ends.
#[derive(Default)]
struct Hands(HashMap<ActorId, (Pid<Nothing>, Place)>);

impl Hands {
    fn hire(&mut self, mailbox: &mut Mailbox<Nothing>, coordinator: &Pid<Msg>, place: Place) {
        let (coordinator, at) = (coordinator.clone(), place.clone());
        let worker = Spawn::on(&mailbox.node())
            .label(format!("worker:{}", place.number))
            .spawn_fn(async move |mailbox| work(mailbox, coordinator, at).await);
        mailbox.monitor(&worker);
        self.0.insert(worker.id(), (worker, place));
    }
}

impl Drop for Hands {
    fn drop(&mut self) {
        for (worker, _) in self.0.values() {
            worker.exit(ExitReason::Shutdown);
        }
    }
}

/// Counts chunks until there are none.
///
/// The next chunks are asked for before this one is counted, and are there when they are needed, however
/// far away the coordinator is.
///
/// Reading blocks the thread that the worker runs on. That is as it should be here: a chunk is
/// small, its reading takes less time than its counting, and the threads have nothing better to do.
async fn work(mailbox: Mailbox<Nothing>, coordinator: Pid<Msg>, place: Place) -> Result<(), Failure> {
    let worker = mailbox.pid().clone();
    let enter = coordinator.ask(|reply| Msg::Enter { worker, place, reply }).timeout(PATIENCE);
    let Seat { holder, chaos } = enter.await?;
    let chaos = chaos.map(Chaos::new);
    let mut reader = Reader::default();
    let mut requests = Requests { coordinator: &coordinator, holder, open: VecDeque::new() };
    requests.send(1).await;
    while let Some(Job { chunk, content }) = requests.answer().await? {
        // One more than was answered, up to the limit: a small count is shared by all.
        requests.send(2).await;
        if let Some(part) = chaos.and_then(|chaos| chaos.strike(&chunk)) {
            reader.count(&part);
            panic!("chaos strikes in chunk {}, attempt {}", chunk.number, chunk.attempt);
        }
        let findings = match content {
            None => reader.count(&chunk),
            Some(content) => count_content(&mut reader, &coordinator, holder, chunk.number, content).await?,
        };
        report(&coordinator, holder, chunk.number, findings).await?;
    }
    Ok(())
}

/// A request for a chunk.
type Request<'a> = Ask<'a, Msg, Option<Job>>;

/// Requests for chunks that were not answered, or whose answers were not looked at, in order.
struct Requests<'a> {
    coordinator: &'a Pid<Msg>,
    holder: u64,
    open: VecDeque<Pin<Box<MaybeDone<Request<'a>>>>>,
}

impl Requests<'_> {
    /// Sends some more, and waits for no answer.
    async fn send(&mut self, more: usize) {
        let holder = self.holder;
        for _ in 0..more.min(AHEAD.saturating_sub(self.open.len())) {
            let ask = self.coordinator.ask(|reply| Msg::Next { holder, reply }).timeout(PATIENCE);
            self.open.push_back(Box::pin(maybe_done(ask)));
        }
        for request in &mut self.open {
            // Sends it, if it is not sent; an answer that is there already is kept.
            _ = poll!(request.as_mut());
        }
    }

    /// Waits for the answer to the first.
    async fn answer(&mut self) -> Result<Option<Job>, Failure> {
        let Some(mut request) = self.open.pop_front() else {
            return Ok(None);
        };
        request.as_mut().await;
        match request.as_mut().take_output() {
            Some(answer) => Ok(answer?),
            None => Ok(None),
        }
    }
}

async fn count_content(
    reader: &mut Reader,
    coordinator: &Pid<Msg>,
    holder: u64,
    chunk: u64,
    content: Content,
) -> Result<Findings, Failure> {
    let Content { files, bytes, len, first } = content;
    let mut text = first.0;
    while (text.len() as u64) < len {
        let from = text.len() as u64;
        let more = coordinator.ask(|reply| Msg::More { holder, chunk, from, reply }).timeout(PATIENCE);
        let slice = more.await?.0;
        if slice.is_empty() {
            return Err(format!("chunk {chunk} ends before its end").into());
        }
        text.extend_from_slice(&slice);
    }
    Ok(Findings { files, bytes, portion: reader.count_text(&mut text), unreadable: Vec::new() })
}

async fn report(coordinator: &Pid<Msg>, holder: u64, chunk: u64, findings: Findings) -> Result<(), Failure> {
    let findings = match Parcel::new(findings)? {
        Parcel::Whole(findings) => findings,
        Parcel::Slices(slices) => {
            for slice in slices {
                coordinator.send(Msg::Slice { holder, slice }).await?;
            }
            Findings::default()
        }
    };
    coordinator.send(Msg::Done { holder, chunk, findings }).await?;
    Ok(())
}
