//! How two strangers find out that they belong to one cluster, and who they are.
//!
//! Both know a key of 32 bytes, and each proves it by HMAC-SHA256 over all that was said before: both
//! nonces, the version, what the transport says of itself (`binding`), and its own role, so that no
//! proof serves twice or for the other side. Names are said only to who has proved itself.

use std::fmt;
use std::time::Duration;

use hmac::{Hmac, KeyInit, Mac};
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

use super::config::Config;
use super::ids::{Identity, NodeName};
use crate::wire::{
    self, DecodeError, Decoder, FORMAT_VERSION, Frame, FrameKind, Greeting, Limits, NONCE_BYTES, Payload,
    Proof, Refusal, WireIdentity,
};

/// The secret of a cluster. Whoever has it is a member. `Debug` does not show it.
#[derive(Clone)]
pub struct ClusterKey([u8; 32]);

impl ClusterKey {
    /// A key of 32 random bytes. A password is none: what travels allows to try words against it.
    #[must_use]
    pub const fn new(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }
}

impl fmt::Debug for ClusterKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ClusterKey")
    }
}

/// What one handshake needs to know.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Introduction {
    /// Who this node is.
    pub me: Identity,
    /// The cluster's secret.
    pub key: ClusterKey,
    /// Lowest version of the format that is spoken.
    pub lowest_version: u16,
    /// Highest version of the format that is spoken.
    pub highest_version: u16,
    /// What both ends know of their transport and no one between them does, as a TLS exporter's
    /// value; empty where there is nothing of the kind.
    pub binding: Vec<u8>,
    /// The node that has to answer, for who calls; `None` accepts any.
    pub expected: Option<NodeName>,
}

impl Introduction {
    /// With the versions that this crate speaks, no binding, and any answerer.
    #[must_use]
    pub const fn new(me: Identity, key: ClusterKey) -> Self {
        Self {
            me,
            key,
            lowest_version: FORMAT_VERSION,
            highest_version: FORMAT_VERSION,
            binding: Vec::new(),
            expected: None,
        }
    }
}

/// Why there is no connection.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum HandshakeError {
    /// This node refused.
    #[error("refused the peer: {0}")]
    Refusing(Refusal),
    /// The peer refused.
    #[error("the peer refused: {refusal}")]
    Refused {
        /// Why.
        refusal: Refusal,
        /// Whether it proved to be a member. If not, it may be anyone who says so.
        proven: bool,
    },
    /// It took too long.
    #[error("the handshake took longer than {limit:?}")]
    Timeout {
        /// The time allowed.
        limit: Duration,
    },
    /// The stranger sent more than a handshake has.
    #[error("the stranger sent more than {limit} bytes")]
    TooMuch {
        /// The most allowed.
        limit: usize,
    },
    /// The transport was closed.
    #[error("the transport was closed during the handshake")]
    Closed,
    /// The stranger's bytes are no frames.
    #[error(transparent)]
    Bytes(#[from] DecodeError),
    /// The stranger's frame has no place here.
    #[error("the stranger sent a {kind} frame out of place")]
    OutOfPlace {
        /// What it sent.
        kind: FrameKind,
    },
    /// The peer's name or limits are none.
    #[error("the peer's {0} makes no sense")]
    BadIdentity(&'static str),
    /// The caller gave it up, as another connection took its place.
    #[error("another connection took its place")]
    Abandoned,
}

/// Two nodes that know each other: what a connection begins with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Acquaintance {
    /// The peer.
    pub peer: Identity,
    /// Version of the format that both speak.
    pub version: u16,
    /// Longest frame that the peer accepts and this node sends.
    pub frame_bytes: u32,
    /// How long the peer waits for a byte.
    pub silence: Duration,
    /// A number that no other connection of these nodes has.
    pub connection: u64,
}

/// How far a handshake has come.
#[derive(Clone, Debug, PartialEq, Eq)]
#[must_use = "it may be the caller's turn"]
pub enum Progress {
    /// More bytes are needed.
    More,
    /// The peer has proved itself. Now [`accept`](Handshake::accept) or [`refuse`](Handshake::refuse).
    Identified(Identity),
    /// It is done. What is left of the input is the connection's.
    Done(Acquaintance),
}

/// One side of a handshake.
///
/// ```text
///  dialler:   ASKING -- challenge --> PROVING -- welcome --> DECIDING -- accept() --> INTRODUCED
///                                                                           |  accept --> DONE
///  listener:  LISTENING -- hello --> CHALLENGING -- proof --> WELCOMING -- introduce --> DECIDING
///                                                                           |  accept() --> DONE
///  any state: refuse(), a refusal, too many bytes, too much time, a broken frame --> FAILED
/// ```
#[derive(Debug)]
pub struct Handshake {
    introduction: Introduction,
    role: Role,
    state: State,
    nonce: [u8; NONCE_BYTES],
    transcript: Sha256,
    decoder: Decoder,
    out: Vec<u8>,
    received: usize,
    limit: usize,
    frame_bytes: u32,
    silence: Duration,
    timeout: Duration,
    deadline: Duration,
    version: u16,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Role {
    Dialler,
    Listener,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum State {
    Asking,
    Proving,
    Introduced(Acquaintance),
    Listening,
    Challenging,
    Welcoming,
    Deciding(Acquaintance),
    Done,
    Failed(HandshakeError),
}

impl Role {
    const fn other(self) -> Self {
        match self {
            Self::Dialler => Self::Listener,
            Self::Listener => Self::Dialler,
        }
    }

    const fn label(self) -> &'static [u8] {
        match self {
            Self::Dialler => b"dialler",
            Self::Listener => b"listener",
        }
    }
}

impl Handshake {
    /// The side that calls. `nonce` must be random, and is never used again.
    #[must_use]
    pub fn dial(
        now: Duration,
        introduction: Introduction,
        nonce: [u8; NONCE_BYTES],
        config: &Config,
    ) -> Self {
        let mut this = Self::new(now, introduction, nonce, config, Role::Dialler, State::Asking);
        let (lowest, highest) = (this.introduction.lowest_version, this.introduction.highest_version);
        this.say(&Greeting::Hello { lowest, highest, nonce });
        this
    }

    /// The side that is called. `nonce` must be random, and is never used again.
    #[must_use]
    pub fn listen(
        now: Duration,
        introduction: Introduction,
        nonce: [u8; NONCE_BYTES],
        config: &Config,
    ) -> Self {
        Self::new(now, introduction, nonce, config, Role::Listener, State::Listening)
    }

    /// Takes bytes from the transport.
    ///
    /// Moves `input` past what it used, which is nothing while it is the caller's turn to decide.
    ///
    /// # Errors
    /// When there will be no connection. From then on every call returns the same error; what
    /// [`poll_transmit`](Self::poll_transmit) still has tells the peer why, where it may know.
    pub fn handle_bytes(&mut self, now: Duration, input: &mut &[u8]) -> Result<Progress, HandshakeError> {
        self.handle_timeout(now)?;
        if matches!(self.state, State::Deciding(_) | State::Done) {
            return Ok(Progress::More);
        }
        let mut decoder = std::mem::replace(&mut self.decoder, Decoder::new(Limits::STRANGER));
        let progress = self.read(&mut decoder, input);
        self.decoder = decoder;
        progress.map_err(|error| self.fail(error))
    }

    /// The clock has moved on.
    ///
    /// # Errors
    /// As [`handle_bytes`](Self::handle_bytes); when the time is up.
    pub fn handle_timeout(&mut self, now: Duration) -> Result<(), HandshakeError> {
        if let State::Failed(error) = &self.state {
            return Err(error.clone());
        }
        if now >= self.deadline && self.state != State::Done {
            return Err(self.fail(HandshakeError::Timeout { limit: self.timeout }));
        }
        Ok(())
    }

    /// The caller agrees to the peer: the listener is done.
    ///
    /// `None` for the dialler, who still waits, and when it is not the caller's turn.
    pub fn accept(&mut self) -> Option<Acquaintance> {
        let State::Deciding(acquaintance) = self.state.clone() else { return None };
        match self.role {
            Role::Dialler => {
                let name = self.introduction.me.name.clone();
                let identity = self.identity(&name);
                let proof = self.prove(b"introduces", &identity_bytes(&identity), self.role);
                self.say(&Greeting::Introduce { proof, identity });
                self.state = State::Introduced(acquaintance);
                None
            }
            Role::Listener => {
                let proof = self.prove(b"accepts", &[], self.role);
                self.say(&Greeting::Accept(proof));
                self.state = State::Done;
                Some(acquaintance)
            }
        }
    }

    /// The caller does not want the peer.
    pub fn refuse(&mut self, refusal: Refusal) {
        self.fail(HandshakeError::Refusing(refusal));
    }

    /// Appends what has to be sent to `out`; `false` if there is nothing.
    pub fn poll_transmit(&mut self, out: &mut Vec<u8>) -> bool {
        out.append(&mut self.out);
        !out.is_empty()
    }

    /// When [`handle_timeout`](Self::handle_timeout) has to be called.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<Duration> {
        (!matches!(self.state, State::Done | State::Failed(_))).then_some(self.deadline)
    }

    /// Memory that a stranger makes this side hold.
    #[must_use]
    pub fn held_bytes(&self) -> usize {
        self.decoder.buffer_bytes() + self.out.capacity()
    }

    fn new(
        now: Duration,
        introduction: Introduction,
        nonce: [u8; NONCE_BYTES],
        config: &Config,
        role: Role,
        state: State,
    ) -> Self {
        let mut transcript = Sha256::new();
        transcript.update(b"wharf handshake");
        transcript.update((introduction.binding.len() as u64).to_le_bytes());
        transcript.update(&introduction.binding);
        Self {
            introduction,
            role,
            state,
            nonce,
            transcript,
            decoder: Decoder::new(Limits::STRANGER),
            out: Vec::new(),
            received: 0,
            limit: config.handshake_bytes,
            frame_bytes: config.frame_bytes,
            silence: config.silence,
            timeout: config.handshake,
            deadline: now + config.handshake,
            version: 0,
        }
    }

    fn read(&mut self, decoder: &mut Decoder, input: &mut &[u8]) -> Result<Progress, HandshakeError> {
        loop {
            let whole = *input;
            // Not one byte more than a handshake may have is looked at.
            let allowed = self.limit.saturating_sub(self.received);
            let mut part = &whole[..whole.len().min(allowed)];
            let frame = decoder.poll_frame(&mut part)?;
            let used = whole.len().min(allowed) - part.len();
            self.received += used;
            *input = &whole[used..];
            let Some(frame) = frame else {
                return if input.is_empty() {
                    Ok(Progress::More)
                } else {
                    Err(HandshakeError::TooMuch { limit: self.limit })
                };
            };
            let progress = self.hear(&frame)?;
            if progress != Progress::More {
                return Ok(progress);
            }
        }
    }

    fn hear(&mut self, frame: &Frame<'_>) -> Result<Progress, HandshakeError> {
        let Frame::Greeting(greeting) = frame else {
            return Err(HandshakeError::OutOfPlace { kind: frame.kind() });
        };
        if let Greeting::Refuse { refusal, proof } = *greeting {
            let expected = self.prove(b"refuses", &refusal_bytes(refusal), self.role.other());
            return Err(HandshakeError::Refused { refusal, proven: same(expected, proof) });
        }
        match (self.state.clone(), *greeting) {
            (State::Listening, Greeting::Hello { lowest, highest, .. }) => {
                self.record(frame);
                self.version = self.common_version(lowest, highest)?;
                self.say(&Greeting::Challenge { version: self.version, nonce: self.nonce });
                self.state = State::Challenging;
                Ok(Progress::More)
            }
            (State::Asking, Greeting::Challenge { version, .. }) => {
                self.record(frame);
                self.version = self.common_version(version, version)?;
                let proof = self.prove(b"proves", &[], self.role);
                self.say(&Greeting::Proof(proof));
                self.state = State::Proving;
                Ok(Progress::More)
            }
            (State::Challenging, Greeting::Proof(proof)) => {
                self.verify(b"proves", &[], proof)?;
                self.record(frame);
                let name = self.introduction.me.name.clone();
                let identity = self.identity(&name);
                let proof = self.prove(b"welcomes", &identity_bytes(&identity), self.role);
                self.say(&Greeting::Welcome { proof, identity });
                self.state = State::Welcoming;
                Ok(Progress::More)
            }
            (State::Proving, Greeting::Welcome { proof, identity }) => {
                self.verify(b"welcomes", &identity_bytes(&identity), proof)?;
                self.record(frame);
                self.identify(&identity)
            }
            (State::Welcoming, Greeting::Introduce { proof, identity }) => {
                self.verify(b"introduces", &identity_bytes(&identity), proof)?;
                self.record(frame);
                self.identify(&identity)
            }
            (State::Introduced(acquaintance), Greeting::Accept(proof)) => {
                self.verify(b"accepts", &[], proof)?;
                self.state = State::Done;
                Ok(Progress::Done(acquaintance))
            }
            _ => Err(HandshakeError::OutOfPlace { kind: frame.kind() }),
        }
    }

    fn common_version(&self, lowest: u16, highest: u16) -> Result<u16, HandshakeError> {
        let (ours, most) = (self.introduction.lowest_version, self.introduction.highest_version);
        let common = highest.min(most);
        if common < lowest.max(ours) {
            let refusal = Refusal::Version { lowest: ours, highest: most };
            return Err(HandshakeError::Refusing(refusal));
        }
        Ok(common)
    }

    fn identify(&mut self, identity: &WireIdentity<'_>) -> Result<Progress, HandshakeError> {
        let name = std::str::from_utf8(identity.name.0).ok().and_then(NodeName::new);
        let name = name.ok_or(HandshakeError::BadIdentity("name"))?;
        if identity.frame_bytes < Limits::STRANGER.frame_bytes || identity.silence_millis < 4 {
            return Err(HandshakeError::BadIdentity("limit"));
        }
        let me = &self.introduction.me;
        if name == me.name {
            let oneself = identity.incarnation == me.incarnation;
            let refusal = if oneself { Refusal::Oneself } else { Refusal::SameName };
            return Err(HandshakeError::Refusing(refusal));
        }
        if self.introduction.expected.as_ref().is_some_and(|expected| *expected != name) {
            return Err(HandshakeError::Refusing(Refusal::UnexpectedName));
        }
        let peer = Identity { name, incarnation: identity.incarnation, number: identity.number };
        let hash: [u8; 32] = self.transcript.clone().finalize().into();
        let [first, ..] = hash.as_chunks::<8>().0 else { return Err(HandshakeError::BadIdentity("hash")) };
        self.state = State::Deciding(Acquaintance {
            peer: peer.clone(),
            version: self.version,
            frame_bytes: self.frame_bytes.min(identity.frame_bytes),
            silence: Duration::from_millis(identity.silence_millis.into()),
            connection: u64::from_le_bytes(*first),
        });
        Ok(Progress::Identified(peer))
    }

    fn identity<'n>(&self, name: &'n NodeName) -> WireIdentity<'n> {
        WireIdentity {
            name: Payload(name.as_str().as_bytes()),
            incarnation: self.introduction.me.incarnation,
            number: self.introduction.me.number,
            frame_bytes: self.frame_bytes,
            silence_millis: u32::try_from(self.silence.as_millis()).unwrap_or(u32::MAX),
        }
    }

    /// Sends a greeting, which becomes part of what was said.
    fn say(&mut self, greeting: &Greeting<'_>) {
        let start = self.out.len();
        // A greeting is a few hundred bytes and has no limit to pass.
        let encoded = wire::encode(&Frame::Greeting(*greeting), &Limits::PEER, &mut self.out);
        debug_assert!(encoded.is_ok());
        self.transcript.update(&self.out[start..]);
    }

    /// Makes a received greeting part of what was said. One frame has one encoding.
    fn record(&mut self, frame: &Frame<'_>) {
        let mut bytes = Vec::new();
        let encoded = wire::encode(frame, &Limits::PEER, &mut bytes);
        debug_assert!(encoded.is_ok());
        self.transcript.update(&bytes);
    }

    fn prove(&self, what: &[u8], extra: &[u8], role: Role) -> Proof {
        let said = self.transcript.clone().finalize();
        let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(&self.introduction.key.0) else {
            // HMAC takes keys of any length.
            return Proof::NONE;
        };
        for part in [role.label(), b" ", what, &said, extra] {
            mac.update(part);
        }
        Proof(mac.finalize().into_bytes().into())
    }

    fn verify(&self, what: &[u8], extra: &[u8], proof: Proof) -> Result<(), HandshakeError> {
        if same(self.prove(what, extra, self.role.other()), proof) {
            return Ok(());
        }
        Err(HandshakeError::Refusing(Refusal::WrongKey))
    }

    /// Ends it, and tells the peer if the reason is this node's and it may know.
    fn fail(&mut self, error: HandshakeError) -> HandshakeError {
        if let (HandshakeError::Refusing(refusal), false) = (&error, matches!(self.state, State::Failed(_))) {
            let proven = matches!(self.state, State::Deciding(_) | State::Proving | State::Welcoming)
                && *refusal != Refusal::WrongKey;
            let proof = if proven {
                self.prove(b"refuses", &refusal_bytes(*refusal), self.role)
            } else {
                Proof::NONE
            };
            self.say(&Greeting::Refuse { refusal: *refusal, proof });
        }
        self.state = State::Failed(error.clone());
        error
    }
}

fn same(first: Proof, second: Proof) -> bool {
    first.0.ct_eq(&second.0).into()
}

fn identity_bytes(identity: &WireIdentity<'_>) -> Vec<u8> {
    let mut bytes = Vec::new();
    wire::put_identity(identity, &mut bytes);
    bytes
}

fn refusal_bytes(refusal: Refusal) -> Vec<u8> {
    let mut bytes = Vec::new();
    wire::put_refusal(refusal, &mut bytes);
    bytes
}

#[cfg(test)]
#[path = "tests/handshake.rs"]
mod tests;
