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

/// How a request of a peer's ended.
enum Answer {
    Value(Vec<u8>),
    Dropped,
    Down(Reason),
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
        shared.answer(&key, right, &answer);
    }
}

async fn answer_of(
    right: RightRef,
    mut reply: ImportedReply,
    exchange: &std::sync::Arc<dyn wharf_runtime::wire::Exchange>,
) -> (RightRef, Answer) {
    let mut bytes = Vec::new();
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
    fn answer(&self, key: &PeerKey, right: RightRef, answer: &Answer) {
        let with = match answer {
            Answer::Value(bytes) => AnswerWith::Value(bytes),
            Answer::Dropped => AnswerWith::Dropped,
            Answer::Down(reason) => AnswerWith::Down(reason),
        };
        let mut core = self.lock();
        let at = (&key.0, key.1);
        let right = WireRight { number: right.number, authenticator: right.authenticator };
        let sent = core.proto.with_connection(self.now(), at, |it, tables| {
            match it.answer(tables, NOBODY, FAR_NOBODY, right, with) {
                // An answer that is too long is none, and the asker must not wait for it.
                Err(crate::proto::CommandError::Encode(error)) => {
                    tracing::warn!(target: "wharf::net", %error, "an answer was not sent");
                    it.answer(tables, NOBODY, FAR_NOBODY, right, AnswerWith::Dropped)
                }
                other => other,
            }
        });
        if sent.is_ok() {
            core.kick(&key.0);
        }
        let told = core.proto.event_count() > 0;
        drop(core);
        if told {
            self.pump_soon();
        }
    }

    /// Tells a peer that whoever its asker asked has ended.
    pub(super) fn answer_down(&self, key: &PeerKey, rights: &[RightRef], reason: &Reason) {
        for right in rights {
            self.answer(key, *right, &Answer::Down(reason.clone()));
        }
    }

    /// Tells a peer that its askers get no answer.
    pub(super) fn answer_dropped(&self, key: &PeerKey, rights: &[RightRef]) {
        for right in rights {
            self.answer(key, *right, &Answer::Dropped);
        }
    }
}
