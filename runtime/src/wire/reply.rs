//! Replies between nodes: the halves that a connection keeps, without their types.

use std::fmt;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use crate::cell::reply::{Answer, Reply, Unanswered};
use crate::error::AskError;

use super::decoder::Decoder;
use super::encoder::Encoder;
use super::error::{AnswerError, DecodeError, EncodeError};
use super::exchange::{Exchange, RightRef};
use super::field::Field;
use super::shape::Tracer;

/// A reply that was sent to another node: whoever asked here waits for what the peer answers.
///
/// Dropped, it tells the asker [`AskError::NoConnection`], of whom it asked.
#[must_use = "the asker is told that there is no connection when it is dropped"]
pub struct ExportedReply(Box<dyn Exported>);

impl ExportedReply {
    fn of<T: Field>(reply: Reply<T>, max_bytes: usize) -> Self {
        Self(Box::new(Out { reply: Some(reply), max_bytes }))
    }

    /// Answers with the bytes that [`ImportedReply::poll`] made of a value.
    ///
    /// # Errors
    /// The bytes are no answer: the asker was told [`AskError::NoConnection`], and the peer is to blame.
    pub fn answer(mut self, bytes: &[u8], exchange: &Arc<dyn Exchange>) -> Result<(), DecodeError> {
        self.0.answer(bytes, exchange)
    }

    /// Tells the asker that there is no answer, and why.
    pub fn fail(mut self, why: AskError) {
        self.0.fail(Unanswered::Failed(Box::new(why)));
    }

    /// Whether somebody still waits for the answer.
    #[must_use]
    pub fn is_wanted(&self) -> bool {
        self.0.is_wanted()
    }
}

impl Drop for ExportedReply {
    fn drop(&mut self) {
        self.0.fail(Unanswered::NoConnection);
    }
}

impl fmt::Debug for ExportedReply {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ExportedReply").field("wanted", &self.is_wanted()).finish()
    }
}

/// Each of the first two ends it.
trait Exported: Send + Sync {
    fn answer(&mut self, bytes: &[u8], exchange: &Arc<dyn Exchange>) -> Result<(), DecodeError>;
    fn fail(&mut self, why: Unanswered);
    fn is_wanted(&self) -> bool;
}

struct Out<T> {
    reply: Option<Reply<T>>,
    max_bytes: usize,
}

impl<T: Field> Exported for Out<T> {
    fn answer(&mut self, bytes: &[u8], exchange: &Arc<dyn Exchange>) -> Result<(), DecodeError> {
        let (value, imports) = super::read(bytes, self.max_bytes, exchange, T::read)?;
        if let Some(reply) = self.reply.take() {
            imports.keep();
            // Nobody may wait any more, which is as good.
            drop(reply.send(value));
        }
        Ok(())
    }

    fn fail(&mut self, why: Unanswered) {
        if let Some(reply) = self.reply.take() {
            reply.fail(why);
        }
    }

    fn is_wanted(&self) -> bool {
        self.reply.as_ref().is_some_and(Reply::is_wanted)
    }
}

/// The other half of a reply that came from another node: what is answered here goes back to the
/// peer.
///
/// Poll it until it is ready; no task is needed. Dropped, it tells the replier that nobody waits.
#[must_use = "the answer is lost with it"]
pub struct ImportedReply(Box<dyn Imported>);

impl ImportedReply {
    fn of<T: Field>(answer: Answer<T>, max_bytes: usize) -> Self {
        Self(Box::new(In { answer, max_bytes }))
    }

    /// The answer, once: its bytes are appended to `out`. Pending for ever after. Until then the
    /// waker of the last poll is woken when it comes.
    ///
    /// # Errors
    /// [`AnswerError`]: what the asker is to be told instead, or that the answer is no message.
    pub fn poll(
        &mut self,
        cx: &mut Context<'_>,
        out: &mut Vec<u8>,
        exchange: &Arc<dyn Exchange>,
    ) -> Poll<Result<(), AnswerError>> {
        self.0.poll(cx, out, exchange)
    }
}

impl fmt::Debug for ImportedReply {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ImportedReply").finish_non_exhaustive()
    }
}

trait Imported: Send + Sync {
    fn poll(
        &mut self,
        cx: &mut Context<'_>,
        out: &mut Vec<u8>,
        exchange: &Arc<dyn Exchange>,
    ) -> Poll<Result<(), AnswerError>>;
}

struct In<T> {
    answer: Answer<T>,
    max_bytes: usize,
}

impl<T: Field> Imported for In<T> {
    fn poll(
        &mut self,
        cx: &mut Context<'_>,
        out: &mut Vec<u8>,
        exchange: &Arc<dyn Exchange>,
    ) -> Poll<Result<(), AnswerError>> {
        let answer = match ready!(self.answer.poll(cx)) {
            Ok(answer) => answer,
            Err(Unanswered::NoReply) => return Poll::Ready(Err(AskError::NoReply.into())),
            Err(Unanswered::Down(reason)) => return Poll::Ready(Err(AskError::Down(reason).into())),
            Err(Unanswered::NodeStopped) => return Poll::Ready(Err(AskError::NodeStopped.into())),
            Err(Unanswered::Failed(why)) => return Poll::Ready(Err((*why).into())),
            Err(Unanswered::NoConnection) => return Poll::Ready(Err(AnswerError::NoConnection)),
        };
        let written = super::write(answer, out, self.max_bytes, exchange, T::write, T::hand_over);
        Poll::Ready(written.map_err(|lost| lost.error.into()))
    }
}

impl<T: Field> Field for Reply<T> {
    fn write(&self, encoder: &mut Encoder<'_>) -> Result<(), EncodeError> {
        let right = if self.is_wanted() { Some(encoder.exchange().reserve_right()?) } else { None };
        encoder.note_right(right);
        encoder.put(&right.map(|right| (right.number, right.authenticator)))
    }

    fn hand_over(self, encoder: &mut Encoder<'_>) {
        if let Some(right) = encoder.next_right() {
            encoder.exchange().export_reply(right, ExportedReply::of(self, encoder.limit()));
        }
    }

    fn read(decoder: &mut Decoder<'_, '_>) -> Result<Self, DecodeError> {
        let Some((number, authenticator)) = decoder.get::<Option<(u64, u64)>>("reply")? else {
            return Ok(Self::none());
        };
        let (reply, answer) = crate::cell::reply::pair();
        let other = ImportedReply::of(answer, decoder.limit());
        decoder.import(RightRef { number, authenticator }, other);
        Ok(reply)
    }

    fn trace(tracer: &mut Tracer) {
        tracer.group("Reply", T::trace);
    }
}
