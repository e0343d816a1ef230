//! Replies that came from a peer: polled here until they are answered, then sent back.

use std::future::poll_fn;
use std::sync::Weak;

use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use tokio::sync::mpsc;
use wharf_runtime::AskError;
use wharf_runtime::wire::{AnswerError, ImportedReply, RightRef};

use super::convert::{FAR_NOBODY, NOBODY, reason_out};
use super::core::{PeerKey, Shared};
use crate::proto::{AnswerWith, Reason};
use crate::wire::WireRight;

/// Most answers are no longer, and need no more than one allocation.
const FIRST_BYTES: usize = 128;

/// How a request of a peer's ended.
enum Answer {
    Value(Vec<u8>),
    Dropped,
    Down(Reason),
}

impl Answer {
    const fn with(&self) -> AnswerWith<'_> {
        match self {
            Self::Value(bytes) => AnswerWith::Value(bytes.as_slice()),
            Self::Dropped => AnswerWith::Dropped,
            Self::Down(reason) => AnswerWith::Down(reason),
        }
    }
}

/// Carries the answers to one life of a peer for as long as replies may come.
pub(super) async fn carry(
    shared: Weak<Shared>,
    key: PeerKey,
    exchange: std::sync::Arc<dyn wharf_runtime::wire::Exchange>,
    mut replies: mpsc::UnboundedReceiver<(RightRef, ImportedReply)>,
) {
    let mut open = FuturesUnordered::new();
    loop {
        let (right, answer) = tokio::select! {
            next = replies.recv() => {
                let Some((right, reply)) = next else { return };
                open.push(answer_of(right, reply, &exchange));
                continue;
            }
            Some(answered) = open.next() => answered,
        };
        let Some(shared) = shared.upgrade() else { return };
        shared.answer(&key, right, answer.with());
    }
}

async fn answer_of(
    right: RightRef,
    mut reply: ImportedReply,
    exchange: &std::sync::Arc<dyn wharf_runtime::wire::Exchange>,
) -> (RightRef, Answer) {
    let mut bytes = Vec::with_capacity(FIRST_BYTES);
    let answered = poll_fn(|cx| reply.poll(cx, &mut bytes, exchange)).await;
    let answer = match answered {
        Ok(()) => Answer::Value(bytes),
        Err(AnswerError::Unanswered(AskError::Down(reason))) => Answer::Down(reason_out(&reason)),
        Err(AnswerError::Unanswered(_)) => Answer::Dropped,
        Err(AnswerError::NoConnection) => Answer::Down(Reason::NoConnection),
        Err(error) => {
            tracing::warn!(target: "wharf::net", %error, "an answer was not sent");
            Answer::Dropped
        }
    };
    (right, answer)
}

impl Shared {
    fn answer(&self, key: &PeerKey, right: RightRef, with: AnswerWith<'_>) {
        let mut core = self.lock();
        let right = WireRight { number: right.number, authenticator: right.authenticator };
        let sent = core.with(self, key, |it, tables| {
            match it.answer(tables, NOBODY, FAR_NOBODY, right, with) {
                // An answer that is too long is none, and the asker must not wait for it.
                Err(crate::proto::CommandError::Encode(error)) => {
                    tracing::warn!(target: "wharf::net", %error, "an answer was not sent");
                    it.answer(tables, NOBODY, FAR_NOBODY, right, AnswerWith::Dropped)
                }
                other => other,
            }
        });
        drop(core);
        if let Err(error) = sent {
            tracing::debug!(target: "wharf::net", node = %self.me.name, peer = %key.0, %error, "an answer was not sent");
        }
    }

    /// Tells a peer's askers, whose message was lost with these rights, all the same.
    pub(super) fn answer_all(&self, key: &PeerKey, rights: &[RightRef], with: AnswerWith<'_>) {
        for right in rights {
            self.answer(key, *right, with);
        }
    }
}
