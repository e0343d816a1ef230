//! Sending many messages: batches that take a block's worth of room at once.

use std::future::poll_fn;
use std::task::Poll;

use crate::cell::header::ActorCell;
use crate::cell::pid::Pid;
use crate::error::SendError;
use crate::queue::Staged;
use crate::scheduler::carry_out;

use super::send::{charge, give_way};

impl<M> Pid<M> {
    /// Sends all that `messages` yields, in order, with one compare-exchange for each run of free
    /// slots, and waiting for room in between.
    ///
    /// Messages of others may come between two runs. Who waits for room is not overtaken. The
    /// iterator is asked for a few dozen messages ahead of what is accepted; if it panics, those
    /// are dropped, and what was accepted before stays accepted.
    ///
    /// # Cancel safety
    /// What was accepted stays accepted. The message that waits for room when the future is
    /// dropped is, as for [`Pid::send`], accepted or dropped; all after it are dropped. How many
    /// were accepted can't be told: number them, or send one by one.
    ///
    /// # Errors
    /// As for [`Pid::send`], with the message that could not be sent and all after it.
    pub async fn send_all<I>(&self, messages: I) -> Result<(), SendError<Vec<M>>>
    where
        I: IntoIterator<Item = M>,
        I::IntoIter: ExactSizeIterator,
    {
        let mut messages = messages.into_iter();
        let mut staged = Staged::new();
        let mut goes_on = true;
        loop {
            if staged.is_empty() {
                staged.fill(&mut messages);
                if staged.is_empty() {
                    return Ok(());
                }
                if !goes_on {
                    let_others_run().await;
                }
            }
            goes_on = self.push_staged(&mut staged);
            let Some(message) = staged.pop() else { continue };
            if let Err(error) = self.send(message).await {
                return Err(error.map(|message| {
                    let mut rest = vec![message];
                    rest.extend(std::iter::from_fn(|| staged.pop()));
                    rest.extend(messages);
                    rest
                }));
            }
        }
    }

    /// Pushes what there is room for; false when the slice is over: each message counts.
    fn push_staged(&self, staged: &mut Staged<M>) -> bool {
        if self.route().is_some() {
            // Another queue's messages: they go one by one, and each send counts by itself.
            return true;
        }
        let cell: &ActorCell<M> = self.cell();
        let (sender, mut goes_on) = charge(cell.header());
        let before = staged.len();
        carry_out(cell.header(), cell.queue.try_push_all(staged, sender));
        for _ in staged.len() + 1..before {
            goes_on &= charge(cell.header()).1;
        }
        goes_on
    }
}

/// Ends this poll once.
async fn let_others_run() {
    let mut over = false;
    poll_fn(|cx| {
        if over {
            return Poll::Ready(());
        }
        over = true;
        give_way(cx);
        Poll::Pending
    })
    .await;
}
