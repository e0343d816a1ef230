//! Replies that came from a peer: kept until they are answered, then sent back.
//!
//! A request wakes whom it is for, and nobody else: its reply is looked at once, so that whoever answers wakes
//! the task that sends answers back. What is answered meanwhile goes in one step.

use std::collections::BTreeMap;
use std::future::poll_fn;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Weak};
use std::task::{Context, Poll, Wake, Waker};

use parking_lot::Mutex;
use wharf_runtime::AskError;
use wharf_runtime::wire::{AnswerError, Exchange, ImportedReply, RightRef};

use super::convert::{FAR_NOBODY, NOBODY, reason_out};
use super::core::{PeerKey, Shared};
use crate::proto::{AnswerWith, CommandError, Reason};
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

/// The replies of one life of a peer. Clones are the same; with the last of them the repliers are told that
/// nobody waits.
#[derive(Clone)]
pub(super) struct Answers(Arc<Replies>);

struct Replies {
    exchange: Arc<dyn Exchange>,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    last: u64,
    open: BTreeMap<u64, Arc<Request>>,
    /// Those to look at.
    woken: Vec<Arc<Request>>,
    /// The task that sends them back, when it sleeps.
    task: Option<Waker>,
}

/// One request: the waker of its reply.
struct Request {
    replies: Weak<Replies>,
    number: u64,
    right: RightRef,
    /// Locked to look at it, and never across anything else.
    reply: Mutex<Option<Reply>>,
}

enum Reply {
    Open(ImportedReply),
    Answered(Answer),
}

impl Wake for Request {
    fn wake(self: Arc<Self>) {
        if let Some(replies) = self.replies.upgrade() {
            replies.look_at(self);
        }
    }
}

impl Replies {
    fn look_at(&self, request: Arc<Request>) {
        let mut state = self.state.lock();
        state.woken.push(request);
        let task = state.task.take();
        drop(state);
        if let Some(task) = task {
            task.wake();
        }
    }

    fn poll_woken(&self, cx: &Context<'_>) -> Poll<Vec<Arc<Request>>> {
        let mut state = self.state.lock();
        if !state.woken.is_empty() {
            return Poll::Ready(std::mem::take(&mut state.woken));
        }
        let old = state.task.replace(cx.waker().clone());
        drop(state);
        drop(old);
        Poll::Pending
    }

    /// What a request was answered with, once.
    fn answer_to(&self, request: &Arc<Request>) -> Option<Answer> {
        let mut reply = request.reply.lock();
        let mut answer = None;
        if let Reply::Open(open) = reply.as_mut()? {
            let waker = Waker::from(Arc::clone(request));
            answer = Some(poll_reply(open, &mut Context::from_waker(&waker), &self.exchange)?);
        }
        let left = reply.take();
        drop(reply);
        let noted = self.state.lock().open.remove(&request.number);
        drop(noted);
        match left {
            Some(Reply::Answered(answer)) => Some(answer),
            _ => answer,
        }
    }
}

impl Drop for Replies {
    fn drop(&mut self) {
        let state = self.state.get_mut();
        let (open, task) = (std::mem::take(&mut state.open), state.task.take());
        for request in open.into_values() {
            // A reply has its waker, which is the request: so each lets go of its reply.
            let left = request.reply.lock().take();
            drop(left);
        }
        // It sees that there is nothing to carry any more.
        if let Some(task) = task {
            task.wake();
        }
    }
}

impl Answers {
    pub(super) fn new(exchange: Arc<dyn Exchange>) -> Self {
        Self(Arc::new(Replies { exchange, state: Mutex::default() }))
    }

    /// Awaits the answer that goes back under `right`.
    pub(super) fn await_one(&self, right: RightRef, reply: ImportedReply) {
        let replies = &self.0;
        let mut state = replies.state.lock();
        state.last += 1;
        let request = Arc::new(Request {
            replies: Arc::downgrade(replies),
            number: state.last,
            right,
            reply: Mutex::new(Some(Reply::Open(reply))),
        });
        state.open.insert(request.number, Arc::clone(&request));
        drop(state);
        if let Some(answer) = replies.answer_to(&request) {
            *request.reply.lock() = Some(Reply::Answered(answer));
            replies.look_at(request);
        }
    }

    /// Carries them back, for as long as there are replies to come.
    pub(super) fn carry(
        &self,
        shared: Weak<Shared>,
        key: PeerKey,
    ) -> impl Future<Output = ()> + Send + use<> {
        let replies = Arc::downgrade(&self.0);
        async move {
            loop {
                let woken = poll_fn(|cx| match replies.upgrade() {
                    Some(replies) => replies.poll_woken(cx).map(Some),
                    None => Poll::Ready(None),
                });
                let Some(woken) = woken.await else { return };
                let (Some(replies), Some(shared)) = (replies.upgrade(), shared.upgrade()) else { return };
                let answers: Vec<(RightRef, Answer)> = woken
                    .iter()
                    .filter_map(|request| Some((request.right, replies.answer_to(request)?)))
                    .collect();
                shared.answer(&key, answers.iter().map(|(right, answer)| (*right, answer.with())));
            }
        }
    }
}

/// What a reply was answered with; else its waker is set.
fn poll_reply(
    reply: &mut ImportedReply,
    cx: &mut Context<'_>,
    exchange: &Arc<dyn Exchange>,
) -> Option<Answer> {
    let mut bytes = Vec::with_capacity(FIRST_BYTES);
    // How an answer becomes bytes is the program's code. What it answers is lost then, and no other answer.
    let polled = catch_unwind(AssertUnwindSafe(|| reply.poll(cx, &mut bytes, exchange)));
    let answered = match polled {
        Ok(Poll::Ready(answered)) => answered,
        Ok(Poll::Pending) => return None,
        Err(_) => {
            tracing::error!(target: "wharf::net", "an answer was not sent: to put it into bytes panicked");
            return Some(Answer::Dropped);
        }
    };
    Some(match answered {
        Ok(()) => Answer::Value(bytes),
        Err(AnswerError::Unanswered(AskError::Down(reason))) => Answer::Down(reason_out(&reason)),
        Err(AnswerError::Unanswered(_)) => Answer::Dropped,
        Err(AnswerError::NoConnection) => Answer::Down(Reason::NoConnection),
        Err(error) => {
            tracing::warn!(target: "wharf::net", %error, "an answer was not sent");
            Answer::Dropped
        }
    })
}

impl Shared {
    fn answer<'a>(&self, key: &PeerKey, answers: impl Iterator<Item = (RightRef, AnswerWith<'a>)>) {
        let mut unsent = Vec::new();
        let mut core = self.lock();
        for (right, with) in answers {
            let right = WireRight { number: right.number, authenticator: right.authenticator };
            let sent = core.with(self, key, |it, tables| {
                match it.answer(tables, NOBODY, FAR_NOBODY, right, with) {
                    // An answer that is too long is none, and the asker must not wait for it.
                    Err(error @ CommandError::Encode(_)) => {
                        it.answer(tables, NOBODY, FAR_NOBODY, right, AnswerWith::Dropped)?;
                        Err(error)
                    }
                    other => other,
                }
            });
            unsent.extend(sent.err());
        }
        drop(core);
        for error in unsent {
            if matches!(error, CommandError::Encode(_)) {
                tracing::warn!(target: "wharf::net", node = %self.me.name, peer = %key.0, %error, "an answer was not sent");
            } else {
                tracing::debug!(target: "wharf::net", node = %self.me.name, peer = %key.0, %error, "an answer was not sent");
            }
        }
    }

    /// Tells a peer's askers, whose message was lost with these rights, all the same.
    pub(super) fn answer_all(&self, key: &PeerKey, rights: &[RightRef], with: AnswerWith<'_>) {
        self.answer(key, rights.iter().map(|right| (*right, with)));
    }
}
