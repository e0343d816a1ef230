//! The frames of the handshake as values.

use std::fmt;

use super::frame::{FrameKind, Payload};

/// Bytes of a nonce.
pub const NONCE_BYTES: usize = 32;

/// Bytes of a proof: HMAC-SHA256.
pub const PROOF_BYTES: usize = 32;

/// A proof that its maker knows the cluster's key. `Debug` leaves it out.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Proof(pub [u8; PROOF_BYTES]);

impl Proof {
    /// No proof: from one who has not shown who it is, or does not know whom it speaks to.
    pub const NONE: Self = Self([0; PROOF_BYTES]);
}

impl fmt::Debug for Proof {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Proof")
    }
}

/// A step of the handshake.
///
/// ```text
///  dialler                         listener
///     | -- hello -------------------> |   versions, nonce
///     | <------------- challenge ---- |   version, nonce
///     | -- proof -------------------> |   the dialler knows the key
///     | <--------------- welcome ---- |   so does the listener, which is so-and-so
///     | -- introduce ---------------> |   so is the dialler
///     | <---------------- accept ---- |
/// ```
/// Either may end it with a refusal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Greeting<'a> {
    /// A stranger would like to connect.
    Hello {
        /// Lowest version of the format that it speaks.
        lowest: u16,
        /// Highest version of the format that it speaks.
        highest: u16,
        /// Bytes that were never used before.
        nonce: [u8; NONCE_BYTES],
    },
    /// It shall prove itself.
    Challenge {
        /// The version of all that follows.
        version: u16,
        /// Bytes that were never used before.
        nonce: [u8; NONCE_BYTES],
    },
    /// The dialler's proof.
    Proof(Proof),
    /// The listener's proof and identity.
    Welcome {
        /// The proof, over the identity too.
        proof: Proof,
        /// Who it is.
        identity: WireIdentity<'a>,
    },
    /// The dialler's identity.
    Introduce {
        /// Proof that it is the same dialler that speaks.
        proof: Proof,
        /// Who it is.
        identity: WireIdentity<'a>,
    },
    /// The connection stands.
    Accept(Proof),
    /// It will not.
    Refuse {
        /// Why.
        refusal: Refusal,
        /// Proof of who says so, once there is one; else [`Proof::NONE`].
        proof: Proof,
    },
}

impl Greeting<'_> {
    pub(crate) const fn kind(&self) -> FrameKind {
        match self {
            Self::Hello { .. } => FrameKind::Hello,
            Self::Challenge { .. } => FrameKind::Challenge,
            Self::Proof(_) => FrameKind::Proof,
            Self::Welcome { .. } => FrameKind::Welcome,
            Self::Introduce { .. } => FrameKind::Introduce,
            Self::Accept(_) => FrameKind::Accept,
            Self::Refuse { .. } => FrameKind::Refuse,
        }
    }
}

/// Who a node is and what it accepts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WireIdentity<'a> {
    /// Its name.
    pub name: Payload<'a>,
    /// Drawn at random when it started.
    pub incarnation: u128,
    /// The number in its actors' ids.
    pub number: u32,
    /// Longest frame that it accepts.
    pub frame_bytes: u32,
    /// Milliseconds without a byte after which it gives a peer up.
    pub silence_millis: u32,
}

/// Why a handshake ends without a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Refusal {
    /// No version of the format is common to both.
    Version {
        /// Lowest that the refuser speaks.
        lowest: u16,
        /// Highest that the refuser speaks.
        highest: u16,
    },
    /// The proof is wrong: the two nodes have different keys.
    WrongKey,
    /// The node called itself.
    Oneself,
    /// Another node has the name of the refuser.
    SameName,
    /// The listener is not the node that the dialler wanted.
    UnexpectedName,
    /// There is a connection between these two incarnations.
    AlreadyConnected,
    /// Both called at the same time, and the other call goes on.
    BothDialled,
    /// A later incarnation of the node has been seen.
    Superseded,
    /// The refuser has as many peers or strangers as it may.
    Busy,
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Version { lowest, highest } => {
                return write!(f, "no common format version: the refuser speaks {lowest} to {highest}");
            }
            Self::WrongKey => "the cluster keys differ",
            Self::Oneself => "a node called itself",
            Self::SameName => "two nodes have the same name",
            Self::UnexpectedName => "another node than the one wanted answered",
            Self::AlreadyConnected => "the two are connected already",
            Self::BothDialled => "both called, and the other call goes on",
            Self::Superseded => "a later incarnation of the node is known",
            Self::Busy => "too many connections",
        })
    }
}
