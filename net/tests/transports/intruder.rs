//! A caller that speaks bytes: with or without the key, as far as it likes.

use std::io;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use wharf_net::proto::{
    ClusterKey, Config, Handshake, HandshakeError, Identity, Introduction, NodeName, Progress,
};
use wharf_net::transport::{Address, Duplex};
use wharf_net::wire::{Decoder, Frame, GoodbyeCause, Greeting, Limits, Refusal, encode};

use crate::grounds::Ground;

/// No time passes in its handshakes.
const NOW: Duration = Duration::from_secs(50);

pub(crate) struct Intruder {
    duplex: Duplex,
    /// What it heard after a handshake.
    heard: Vec<u8>,
}

/// What one side said in a handshake, a step at a time.
pub(crate) type Said = Vec<Vec<u8>>;

/// Who an intruder says that it is: nobody else.
pub(crate) fn identity(name: &str) -> Identity {
    static LAST: AtomicU32 = AtomicU32::new(1_000_000);
    let number = LAST.fetch_add(1, Ordering::Relaxed);
    Identity { name: NodeName::new(name).unwrap(), incarnation: number.into(), number }
}

pub(crate) fn frame(frame: &Frame<'_>) -> Vec<u8> {
    let mut bytes = Vec::new();
    encode(frame, &Limits::PEER, &mut bytes).unwrap();
    bytes
}

pub(crate) fn hello() -> Vec<u8> {
    frame(&Frame::Greeting(Greeting::Hello { lowest: 1, highest: 1, nonce: [3; 32] }))
}

impl Intruder {
    pub(crate) async fn call(ground: &impl Ground, at: &Address) -> Self {
        Self { duplex: ground.transport().dial(at).await.unwrap(), heard: Vec::new() }
    }

    /// The end of a connection that somebody else made.
    pub(crate) const fn taken(duplex: Duplex) -> Self {
        Self { duplex, heard: Vec::new() }
    }

    pub(crate) async fn say(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.duplex.writer.write_all(bytes).await?;
        self.duplex.writer.flush().await
    }

    /// Says nothing more, and goes on listening.
    pub(crate) async fn fall_silent(&mut self) {
        // It may be cut off already.
        _ = self.duplex.writer.shutdown().await;
    }

    /// All that is said to it until it is cut off.
    pub(crate) async fn until_cut(&mut self) -> Vec<u8> {
        let mut all = std::mem::take(&mut self.heard);
        // An error is an end, too.
        _ = self.duplex.reader.read_to_end(&mut all).await;
        all
    }

    /// Waits for some answer.
    pub(crate) async fn hear(&mut self) -> Vec<u8> {
        let mut bytes = vec![0; 4096];
        let count = self.duplex.reader.read(&mut bytes).await.unwrap();
        bytes.truncate(count);
        bytes
    }

    /// Shows who it is, as an honest caller does; gives what it said.
    pub(crate) async fn shake(&mut self, me: Identity, key: [u8; 32]) -> Result<Said, HandshakeError> {
        let introduction = Introduction::new(me, ClusterKey::new(key));
        self.carry_out(Handshake::dial(NOW, introduction, [9; 32], &Config::default())).await
    }

    /// Shows who it is to who has called it.
    pub(crate) async fn answer(&mut self, me: Identity, key: [u8; 32]) -> Result<Said, HandshakeError> {
        let introduction = Introduction::new(me, ClusterKey::new(key));
        self.carry_out(Handshake::listen(NOW, introduction, [9; 32], &Config::default())).await
    }

    async fn carry_out(&mut self, mut handshake: Handshake) -> Result<Said, HandshakeError> {
        let (mut said, mut done) = (Said::new(), false);
        loop {
            let mut out = Vec::new();
            if handshake.poll_transmit(&mut out) {
                self.say(&out).await.map_err(|_| HandshakeError::Closed)?;
                said.push(out);
            }
            if done {
                return Ok(said);
            }
            let bytes = self.hear().await;
            if bytes.is_empty() {
                return Err(HandshakeError::Closed);
            }
            let mut input = &bytes[..];
            while !input.is_empty() && !done {
                done = match handshake.handle_bytes(NOW, &mut input)? {
                    Progress::More => false,
                    Progress::Identified(_) => handshake.accept().is_some(),
                    Progress::Done(_) => true,
                };
            }
            // What is left is the connection's.
            self.heard = input.to_vec();
        }
    }

    /// One that is a member.
    pub(crate) async fn member(ground: &impl Ground, at: &Address, me: Identity, key: [u8; 32]) -> Self {
        let mut intruder = Self::call(ground, at).await;
        intruder.shake(me, key).await.unwrap();
        intruder
    }
}

/// What was said to a stranger as a reason, if anything was.
pub(crate) fn refusal_in(mut heard: &[u8]) -> Option<Refusal> {
    let mut decoder = Decoder::new(Limits::PEER);
    while let Some(frame) = decoder.poll_frame(&mut heard).unwrap() {
        if let Frame::Greeting(Greeting::Refuse { refusal, .. }) = frame {
            return Some(refusal);
        }
    }
    None
}

/// What was said to a member as the cause of the end.
pub(crate) fn goodbye_in(mut heard: &[u8]) -> Option<GoodbyeCause> {
    let mut decoder = Decoder::new(Limits::PEER);
    while let Some(frame) = decoder.poll_frame(&mut heard).unwrap() {
        if let Frame::Goodbye { cause } = frame {
            return Some(cause);
        }
    }
    None
}
