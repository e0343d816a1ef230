//! The frames as values.

use std::fmt;

use super::error::FragmentFault;
use super::greeting::Greeting;
use super::limits::Limits;

/// One unit of the wire format. Payloads are borrowed from the bytes it was read from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Frame<'a> {
    /// A message for an actor.
    Send {
        /// Sender, receiver and place in their order.
        pair: Pair,
        /// Number of the message's type in the table exchanged at connection.
        type_number: u32,
        /// The encoded message.
        payload: Payload<'a>,
    },
    /// A system message for an actor.
    Signal {
        /// Sender, receiver and place in their order.
        pair: Pair,
        /// What is said.
        signal: Signal<WireReason<'a>>,
    },
    /// The use of a reply right. The right itself came inside a payload.
    Reply {
        /// For which two the order counts; it need not be who asked and who was asked.
        pair: Pair,
        /// The right that is used up.
        right: WireRight,
        /// The answer.
        answer: Answer<'a>,
    },
    /// Room in a mailbox, granted to the peer's node on top of what it has.
    Credit {
        /// The mailbox that has room.
        mailbox: WirePid,
        /// Messages that may be sent to it.
        messages: u32,
        /// Bytes of payload that may be sent to it.
        bytes: u64,
    },
    /// One message may be sent to a mailbox that holds none: it is handed over, and [`Frame::Taken`] says so.
    HandOver {
        /// The mailbox.
        mailbox: WirePid,
        /// Bytes of payload that it may have.
        bytes: u64,
    },
    /// What became of the first message not yet told of that was to be handed over.
    Taken {
        /// The mailbox.
        mailbox: WirePid,
        /// Whether it was lost, and not handed over.
        lost: bool,
    },
    /// Someone waits for room in a mailbox of the peer's.
    Want {
        /// The mailbox.
        mailbox: WirePid,
        /// Messages that wait, beyond what credit is there for.
        messages: u32,
        /// Bytes of payload that they have.
        bytes: u64,
    },
    /// Asks the peer to give back the credit for a mailbox that it does not use.
    Recall {
        /// The mailbox.
        mailbox: WirePid,
    },
    /// Gives credit back, after a recall.
    Returned {
        /// The mailbox.
        mailbox: WirePid,
        /// Messages that will not be sent on this credit.
        messages: u32,
        /// Bytes of payload that will not be sent on this credit.
        bytes: u64,
    },
    /// Proposes a number for a type of message that is to be sent.
    TypeOffer {
        /// The number: they are given out from 0 on, without gaps, by each side.
        number: u32,
        /// Name of the type.
        name: Payload<'a>,
        /// Versions that the offerer can encode, ten bytes each: version and fingerprint, least
        /// significant byte first, falling versions.
        versions: Payload<'a>,
    },
    /// Says whether messages of an offered type are accepted.
    TypeAnswer {
        /// The offer's number.
        number: u32,
        /// The answer.
        verdict: TypeVerdict,
    },
    /// Asks something of the peer's node rather than of an actor.
    Request {
        /// Number of the request, for its outcome.
        number: u64,
        /// What is asked.
        request: Request<'a>,
    },
    /// Answers a request.
    Outcome {
        /// The request's number.
        number: u64,
        /// The answer.
        outcome: Outcome<'a>,
    },
    /// An actor of the sending node's has ended, and nothing more comes from it: whatever is
    /// remembered about it can be forgotten.
    Gone {
        /// Its slot.
        slot: u32,
        /// Its generation.
        generation: u32,
    },
    /// Who a node is whose actors are named in payloads from here on, and where it can be reached.
    Node {
        /// The number that it has in those payloads.
        number: u32,
        /// Its name.
        name: Payload<'a>,
        /// Drawn at random when it started.
        incarnation: u128,
        /// The number in its actors' ids.
        own_number: u32,
        /// Addresses, with a zero byte between two.
        addresses: Payload<'a>,
    },
    /// Part of the handshake, before anything else.
    Greeting(Greeting<'a>),
    /// A sign of life.
    Heartbeat {
        /// Counts the heartbeats sent on this connection, from 1.
        number: u64,
        /// Number of the last heartbeat that came from the peer, 0 for none.
        seen: u64,
    },
    /// A piece of a message too large for the ordinary lane.
    Fragment(Fragment<'a>),
    /// The last frame of a connection, and why it ends.
    Goodbye {
        /// Why.
        cause: GoodbyeCause,
    },
}

impl Frame<'_> {
    /// Which kind this is.
    #[must_use]
    pub const fn kind(&self) -> FrameKind {
        match self {
            Self::Send { .. } => FrameKind::Send,
            Self::Signal { .. } => FrameKind::Signal,
            Self::Reply { .. } => FrameKind::Reply,
            Self::Credit { .. } => FrameKind::Credit,
            Self::Heartbeat { .. } => FrameKind::Heartbeat,
            Self::Fragment(_) => FrameKind::Fragment,
            Self::Goodbye { .. } => FrameKind::Goodbye,
            Self::Want { .. } => FrameKind::Want,
            Self::Recall { .. } => FrameKind::Recall,
            Self::Returned { .. } => FrameKind::Returned,
            Self::TypeOffer { .. } => FrameKind::TypeOffer,
            Self::TypeAnswer { .. } => FrameKind::TypeAnswer,
            Self::Request { .. } => FrameKind::Request,
            Self::Outcome { .. } => FrameKind::Outcome,
            Self::Gone { .. } => FrameKind::Gone,
            Self::Node { .. } => FrameKind::Node,
            Self::HandOver { .. } => FrameKind::HandOver,
            Self::Taken { .. } => FrameKind::Taken,
            Self::Greeting(greeting) => greeting.kind(),
        }
    }
}

/// The kinds of frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum FrameKind {
    /// [`Frame::Send`]
    Send,
    /// [`Frame::Signal`]
    Signal,
    /// [`Frame::Reply`]
    Reply,
    /// [`Frame::Credit`]
    Credit,
    /// [`Frame::Heartbeat`]
    Heartbeat,
    /// [`Frame::Fragment`]
    Fragment,
    /// [`Frame::Goodbye`]
    Goodbye,
    /// [`Frame::Want`]
    Want,
    /// [`Frame::Recall`]
    Recall,
    /// [`Frame::Returned`]
    Returned,
    /// [`Frame::TypeOffer`]
    TypeOffer,
    /// [`Frame::TypeAnswer`]
    TypeAnswer,
    /// [`Frame::Request`]
    Request,
    /// [`Frame::Outcome`]
    Outcome,
    /// [`Frame::Gone`]
    Gone,
    /// [`Frame::Node`]
    Node,
    /// [`Frame::HandOver`]
    HandOver,
    /// [`Frame::Taken`]
    Taken,
    /// [`Greeting::Hello`]
    Hello,
    /// [`Greeting::Challenge`]
    Challenge,
    /// [`Greeting::Proof`]
    Proof,
    /// [`Greeting::Welcome`]
    Welcome,
    /// [`Greeting::Introduce`]
    Introduce,
    /// [`Greeting::Accept`]
    Accept,
    /// [`Greeting::Refuse`]
    Refuse,
}

impl FrameKind {
    /// The lane that frames of this kind travel in.
    #[must_use]
    pub const fn lane(self) -> Lane {
        match self {
            Self::Send
            | Self::Signal
            | Self::Reply
            | Self::TypeOffer
            | Self::TypeAnswer
            | Self::Request
            | Self::Outcome
            | Self::Gone
            | Self::Node
            | Self::Taken => Lane::Ordinary,
            Self::Credit
            | Self::HandOver
            | Self::Heartbeat
            | Self::Goodbye
            | Self::Want
            | Self::Recall
            | Self::Returned
            | Self::Hello
            | Self::Challenge
            | Self::Proof
            | Self::Welcome
            | Self::Introduce
            | Self::Accept
            | Self::Refuse => Lane::Control,
            Self::Fragment => Lane::Bulk,
        }
    }
}

impl fmt::Display for FrameKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Send => "send",
            Self::Signal => "signal",
            Self::Reply => "reply",
            Self::Credit => "credit",
            Self::Heartbeat => "heartbeat",
            Self::Fragment => "fragment",
            Self::Goodbye => "goodbye",
            Self::Want => "want",
            Self::Recall => "recall",
            Self::Returned => "returned",
            Self::TypeOffer => "type offer",
            Self::TypeAnswer => "type answer",
            Self::Request => "request",
            Self::Outcome => "outcome",
            Self::Gone => "gone",
            Self::Node => "node",
            Self::HandOver => "hand over",
            Self::Taken => "taken",
            Self::Hello => "hello",
            Self::Challenge => "challenge",
            Self::Proof => "proof",
            Self::Welcome => "welcome",
            Self::Introduce => "introduce",
            Self::Accept => "accept",
            Self::Refuse => "refuse",
        })
    }
}

/// What a frame waits behind.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Lane {
    /// What keeps the connection alive: goes first.
    Control,
    /// Messages and signals, in the order of their pair.
    Ordinary,
    /// Pieces of large messages, one between other frames.
    Bulk,
}

/// Two actors, and a place in the order of all that the first sends the second.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pair {
    /// Counts the frames from `from` to `to` on this connection.
    pub sequence: u64,
    /// Who sends.
    pub from: WirePid,
    /// Who receives.
    pub to: WirePid,
}

/// A pid on the wire: identity, and the proof that its holder was given it.
///
/// `Debug` leaves the proof out: whoever reads it in a log could use it. `==` compares it in
/// variable time: check a peer's proof with a comparison made for secrets.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct WirePid {
    /// Index of the node in the table exchanged at connection.
    pub node: u32,
    /// Index in that node's table of cells.
    pub slot: u32,
    /// How many actors have had the slot, this one included.
    pub generation: u32,
    /// Keyed hash that the actor's node made when it exported the pid.
    pub authenticator: u64,
}

impl fmt::Debug for WirePid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "<{}.{}.{}>", self.node, self.slot, self.generation)
    }
}

/// A reply right on the wire: which, and the proof that its holder was given it.
///
/// As with [`WirePid`], `Debug` leaves the proof out and `==` is not for checking it.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct WireRight {
    /// Number that the asker's node gave the right.
    pub number: u64,
    /// Keyed hash that the asker's node made when it exported the right.
    pub authenticator: u64,
}

impl fmt::Debug for WireRight {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "WireRight({})", self.number)
    }
}

/// Bytes that the envelope carries and does not look into. `Debug` shows only how many.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Payload<'a>(pub &'a [u8]);

impl fmt::Debug for Payload<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Payload({} bytes)", self.0.len())
    }
}

/// A system message.
///
/// Unlinking is OTP's two-step protocol: a link ends for its asker when the ack with the same
/// number has come, so that an exit already under way is recognised as late. The receiver of an unlink
/// must answer before it sends anything else there, and also when it knows of no link.
///
/// `R` is how an exit reason is held: [`WireReason`] in a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Signal<R> {
    /// `from` ended, or wants `to` to end.
    Exit {
        /// Which of the two.
        cause: ExitCause,
        /// Why.
        reason: R,
    },
    /// `from`, which `to` monitors, has ended.
    Down {
        /// The monitor's number.
        number: u64,
        /// Why.
        reason: R,
    },
    /// `from` links itself to `to`.
    Link,
    /// `from` ends its link to `to`.
    Unlink {
        /// Number of this unlinking, for the ack.
        number: u64,
    },
    /// `from` has seen the unlink of `to`.
    UnlinkAck {
        /// Number of the unlinking.
        number: u64,
    },
    /// `from` starts to monitor `to`.
    Monitor {
        /// Number that `from` gave the monitor.
        number: u64,
    },
    /// `from` stops monitoring `to`.
    Demonitor {
        /// The monitor's number.
        number: u64,
    },
    /// `from` wants `to` to end once it has handled what was sent before.
    Stop,
}

impl<R> Signal<R> {
    /// The same with another form of the reason.
    pub fn map_reason<'s, T>(&'s self, map: impl FnOnce(&'s R) -> T) -> Signal<T> {
        match self {
            Self::Exit { cause, reason } => Signal::Exit { cause: *cause, reason: map(reason) },
            Self::Down { number, reason } => Signal::Down { number: *number, reason: map(reason) },
            Self::Link => Signal::Link,
            Self::Unlink { number } => Signal::Unlink { number: *number },
            Self::UnlinkAck { number } => Signal::UnlinkAck { number: *number },
            Self::Monitor { number } => Signal::Monitor { number: *number },
            Self::Demonitor { number } => Signal::Demonitor { number: *number },
            Self::Stop => Signal::Stop,
        }
    }
}

/// What an exit signal comes of. The receiver treats the two differently, as in OTP.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ExitCause {
    /// A linked actor ended.
    Link,
    /// An actor asked for it.
    Request,
}

/// Why an actor ended. What goes with it, a `D`, is opaque.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Reason<D> {
    /// It came to its end by itself.
    Normal,
    /// It was asked to stop as part of an orderly shutdown.
    Shutdown,
    /// As `Shutdown`, with a value of the program's own.
    ShutdownWith(D),
    /// A kill that came through a link, as it was sent.
    Kill,
    /// It was killed.
    Killed,
    /// Its code panicked.
    Panicked(D),
    /// Its code returned an error.
    Failed(D),
    /// A value of the program's own.
    Custom(D),
    /// There is, or was, no such actor.
    NoProc,
    /// The connection to its node is gone; it may still live.
    NoConnection,
}

/// An exit reason in a frame.
pub type WireReason<'a> = Reason<Payload<'a>>;

impl<D> Reason<D> {
    /// The same with another form of what goes with it.
    pub fn map_detail<'s, T>(&'s self, map: impl FnOnce(&'s D) -> T) -> Reason<T> {
        match self {
            Self::Normal => Reason::Normal,
            Self::Shutdown => Reason::Shutdown,
            Self::ShutdownWith(detail) => Reason::ShutdownWith(map(detail)),
            Self::Kill => Reason::Kill,
            Self::Killed => Reason::Killed,
            Self::Panicked(detail) => Reason::Panicked(map(detail)),
            Self::Failed(detail) => Reason::Failed(map(detail)),
            Self::Custom(detail) => Reason::Custom(map(detail)),
            Self::NoProc => Reason::NoProc,
            Self::NoConnection => Reason::NoConnection,
        }
    }
}

/// How a reply right was used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Answer<'a> {
    /// With this encoded value.
    Value(Payload<'a>),
    /// It was dropped, so that no answer will come.
    Dropped,
    /// Whoever was asked has ended, with this reason.
    Down(WireReason<'a>),
}

/// Whether a type of message is accepted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum TypeVerdict {
    /// It is, in this version: the highest that both know.
    Agreed {
        /// The version.
        version: u16,
    },
    /// Nothing of that name is known.
    Unknown,
    /// The name is known, and none of the versions.
    NoCommonVersion,
    /// The highest common version means something else here.
    Differs {
        /// The version.
        version: u16,
        /// Its fingerprint at whoever answers.
        fingerprint: u64,
    },
}

/// What is asked of a node.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Request<'a> {
    /// The pid that is registered under a name.
    Lookup {
        /// The name.
        name: Payload<'a>,
        /// Name of the type of message that the asker means to send there.
        type_name: Payload<'a>,
    },
    /// A new actor.
    Spawn {
        /// Name of an exported factory.
        factory: Payload<'a>,
        /// What it is called with, encoded.
        args: Payload<'a>,
    },
}

/// Answer to a [`Request`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Outcome<'a> {
    /// This actor.
    Found(WirePid),
    /// There is none of that name, or no such factory.
    Absent,
    /// The asker may not.
    Denied,
    /// It was tried, and failed like this.
    Failed(Payload<'a>),
}

/// A piece of a message: of the bytes that [`encode_message`](super::encode_message) makes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fragment<'a> {
    /// Number of the message among those that the sender cut up on this connection.
    pub message: u64,
    /// Where in the message the data belongs.
    pub start: u64,
    /// Bytes of the whole message. The piece that reaches it is the last.
    pub total: u64,
    /// The piece.
    pub data: Payload<'a>,
}

impl Fragment<'_> {
    /// Whether it is one that may be sent.
    pub(crate) fn check(&self, limits: &Limits) -> Result<(), FragmentFault> {
        let got = self.data.0.len() as u64;
        if got == 0 {
            return Err(FragmentFault::Empty);
        }
        if got > u64::from(limits.fragment_bytes) {
            return Err(FragmentFault::TooLong { got, limit: limits.fragment_bytes });
        }
        if self.total > limits.message_bytes {
            return Err(FragmentFault::MessageTooLong { got: self.total, limit: limits.message_bytes });
        }
        match self.start.checked_add(got) {
            Some(end) if end <= self.total => Ok(()),
            _ => Err(FragmentFault::PastEnd { start: self.start, got, total: self.total }),
        }
    }
}

/// Why a connection ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum GoodbyeCause {
    /// The node stops.
    Stopping,
    /// The peer broke the protocol.
    BrokenProtocol,
    /// Nothing was heard from the peer for too long.
    Silent,
    /// Another connection to the peer, or to a later incarnation of it, takes this one's place.
    Superseded,
    /// More waits for the peer than may.
    Overloaded,
}
