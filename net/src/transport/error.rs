//! What can go wrong with a transport.

use std::io;

use super::address::Address;

/// A transport could not listen, call or take a call.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TransportError {
    /// Something listens there already.
    #[error("{address} is in use")]
    InUse {
        /// Where.
        address: Address,
    },
    /// Nobody listens there.
    #[error("nobody listens at {address}")]
    Refused {
        /// Where.
        address: Address,
    },
    /// This program may not.
    #[error("not allowed at {address}: {reason}")]
    Denied {
        /// Where.
        address: Address,
        /// What forbids it.
        reason: String,
    },
    /// The transport is unknown here, or this platform has none.
    #[error("{address}: there is no transport `{}` here", address.scheme())]
    Unsupported {
        /// Where.
        address: Address,
    },
    /// The address is well formed, and can't be used.
    #[error("{address} can't be used: {reason}")]
    BadAddress {
        /// Where.
        address: Address,
        /// Why.
        reason: String,
    },
    /// The operating system refused for another reason.
    #[error("{address}: {source}")]
    Io {
        /// Where.
        address: Address,
        /// What it says.
        source: io::Error,
    },
}

impl TransportError {
    /// There is no transport of this scheme.
    #[must_use]
    pub const fn unsupported(address: Address) -> Self {
        Self::Unsupported { address }
    }

    /// What the operating system's error means.
    #[must_use]
    pub fn from_io(address: &Address, source: io::Error) -> Self {
        let address = address.clone();
        match source.kind() {
            io::ErrorKind::AddrInUse => Self::InUse { address },
            io::ErrorKind::ConnectionRefused | io::ErrorKind::NotFound => Self::Refused { address },
            io::ErrorKind::PermissionDenied => Self::Denied { address, reason: source.to_string() },
            _ => Self::Io { address, source },
        }
    }

    /// Whether it may be otherwise soon, so that taking calls should go on: a call that was given up, or
    /// no descriptors left.
    #[must_use]
    pub fn is_temporary(&self) -> bool {
        // EMFILE, ENFILE, ENOBUFS, ENOMEM on Linux, which have no kind of their own.
        const FULL: [i32; 4] = [24, 23, 105, 12];
        match self {
            Self::Denied { .. } => true,
            Self::Io { source, .. } => {
                matches!(
                    source.kind(),
                    io::ErrorKind::ConnectionAborted
                        | io::ErrorKind::ConnectionReset
                        | io::ErrorKind::Interrupted
                ) || source.raw_os_error().is_some_and(|code| FULL.contains(&code))
            }
            _ => false,
        }
    }
}
