//! Frames that wait for the transport, as bytes: control first, then all else in order.

use crate::wire::{self, EncodeError, Frame, FrameKind, Lane, Limits};

/// Bytes of the length before each frame.
const LENGTH_BYTES: usize = 4;

/// Two queues of encoded frames.
#[derive(Debug)]
pub(crate) struct Outbox {
    limits: Limits,
    /// The end of the handshake: without it the peer makes nothing of what follows.
    greeting: Vec<u8>,
    control: Queue,
    ordinary: Queue,
}

#[derive(Debug, Default)]
struct Queue {
    bytes: Vec<u8>,
    /// Where the first frame not yet taken begins.
    start: usize,
}

impl Outbox {
    /// `frame_bytes` is the longest frame that the peer accepts.
    pub(crate) fn new(frame_bytes: u32) -> Self {
        let mut limits = Limits::PEER;
        limits.frame_bytes = frame_bytes;
        Self { limits, greeting: Vec::new(), control: Queue::default(), ordinary: Queue::default() }
    }

    /// Frames that go out before all others, encoded already.
    pub(crate) fn begin_with(&mut self, frames: Vec<u8>) {
        self.greeting = frames;
    }

    /// Queues a frame in its lane.
    pub(crate) fn push(&mut self, frame: &Frame<'_>) -> Result<(), EncodeError> {
        // A goodbye is the last frame of all, so it goes behind what is queued.
        let kind = frame.kind();
        let queue = match kind.lane() {
            Lane::Control if kind != FrameKind::Goodbye => &mut self.control,
            _ => &mut self.ordinary,
        };
        wire::encode(frame, &self.limits, &mut queue.bytes)
    }

    /// Appends whole frames to `out`, to about `most` bytes: at least one if there is any.
    pub(crate) fn take(&mut self, most: usize, out: &mut Vec<u8>) -> bool {
        let before = out.len();
        out.append(&mut self.greeting);
        self.control.take(most, before, out);
        self.ordinary.take(most, before, out);
        out.len() > before
    }

    /// Longest frame that the peer accepts.
    pub(crate) const fn frame_bytes(&self) -> u32 {
        self.limits.frame_bytes
    }

    /// Drops what was queued, and keeps what goes out before all others.
    pub(crate) fn clear(&mut self) {
        self.control = Queue::default();
        self.ordinary = Queue::default();
    }

    /// Bytes that wait.
    pub(crate) fn len(&self) -> usize {
        self.greeting.len() + self.control.len() + self.ordinary.len()
    }
}

impl Queue {
    fn len(&self) -> usize {
        self.bytes.len() - self.start
    }

    fn take(&mut self, most: usize, before: usize, out: &mut Vec<u8>) {
        let mut end = self.start;
        while let Some(length) = self.bytes.get(end..).and_then(|rest| rest.first_chunk::<LENGTH_BYTES>()) {
            let frame = LENGTH_BYTES + u32::from_le_bytes(*length) as usize;
            let taken = out.len() - before + end - self.start;
            if taken > 0 && taken + frame > most {
                break;
            }
            end += frame;
        }
        out.extend_from_slice(&self.bytes[self.start..end]);
        self.start = end;
        if self.start == self.bytes.len() {
            self.bytes.clear();
            self.start = 0;
        } else if self.start > self.bytes.len() / 2 {
            self.bytes.drain(..self.start);
            self.start = 0;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::{Decoder, GoodbyeCause};

    fn kinds(bytes: &[u8]) -> Vec<FrameKind> {
        let (mut decoder, mut input) = (Decoder::new(Limits::PEER), bytes);
        let mut kinds = Vec::new();
        while let Some(frame) = decoder.poll_frame(&mut input).unwrap() {
            kinds.push(frame.kind());
        }
        kinds
    }

    #[test]
    fn control_overtakes_what_waits_and_a_goodbye_is_last() {
        let mut outbox = Outbox::new(1000);
        outbox.push(&Frame::Gone { slot: 1, generation: 1 }).unwrap();
        outbox.push(&Frame::Goodbye { cause: GoodbyeCause::Stopping }).unwrap();
        outbox.push(&Frame::Heartbeat { number: 1, seen: 0 }).unwrap();
        let mut out = Vec::new();
        assert!(outbox.take(1000, &mut out));
        assert_eq!(kinds(&out), [FrameKind::Heartbeat, FrameKind::Gone, FrameKind::Goodbye]);
        assert!(!outbox.take(1000, &mut out) && outbox.len() == 0);
    }

    #[test]
    fn the_end_of_a_handshake_is_not_dropped_with_the_rest() {
        let mut outbox = Outbox::new(1000);
        let mut greeting = Vec::new();
        wire::encode(&Frame::Gone { slot: 1, generation: 1 }, &Limits::PEER, &mut greeting).unwrap();
        outbox.begin_with(greeting);
        outbox.push(&Frame::Heartbeat { number: 1, seen: 0 }).unwrap();
        outbox.clear();
        outbox.push(&Frame::Goodbye { cause: GoodbyeCause::BrokenProtocol }).unwrap();
        let mut out = Vec::new();
        assert!(outbox.take(1000, &mut out));
        assert_eq!(kinds(&out), [FrameKind::Gone, FrameKind::Goodbye]);
        assert_eq!(outbox.len(), 0);
    }

    #[test]
    fn a_buffer_holds_whole_frames_and_at_least_one() {
        let mut outbox = Outbox::new(1000);
        for slot in 0..10 {
            outbox.push(&Frame::Gone { slot, generation: 1 }).unwrap();
        }
        let mut all = Vec::new();
        for most in [1, 20, 1000] {
            let mut out = Vec::new();
            assert!(outbox.take(most, &mut out));
            assert_eq!(
                kinds(&out).len(),
                match most {
                    1 => 1,
                    20 => 2,
                    _ => 7,
                }
            );
            all.extend_from_slice(&out);
        }
        assert_eq!(kinds(&all).len(), 10);
    }
}
