//! What can go wrong with a transport.

use std::io;

use super::address::Address;

/// A transport could not listen, call or take a call. The source is what the operating system says, where it
/// was asked.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TransportError {
    /// Something listens there already.
    #[error("{address} is in use")]
    InUse {
        /// Where.
        address: Address,
        /// What the operating system says.
        source: Option<io::Error>,
    },
    /// Nobody listens there.
    #[error("nobody listens at {address}")]
    Refused {
        /// Where.
        address: Address,
        /// What the operating system says.
        source: Option<io::Error>,
    },
    /// This program may not.
    #[error("not allowed at {address}: {reason}")]
    Denied {
        /// Where.
        address: Address,
        /// What forbids it.
        reason: String,
        /// What the operating system says.
        source: Option<io::Error>,
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
            io::ErrorKind::AddrInUse => Self::InUse { address, source: Some(source) },
            io::ErrorKind::ConnectionRefused | io::ErrorKind::NotFound => {
                Self::Refused { address, source: Some(source) }
            }
            io::ErrorKind::PermissionDenied => {
                Self::Denied { address, reason: source.to_string(), source: Some(source) }
            }
            _ => Self::Io { address, source },
        }
    }

    /// Whether it may be otherwise soon, so that taking calls should go on after a pause: there are no
    /// descriptors left, say. Only when the listener itself is none any more there is no use in that.
    #[must_use]
    pub fn is_temporary(&self) -> bool {
        match self {
            Self::Denied { .. } => true,
            // EBADF, EINVAL and ENOTSOCK are about the listener.
            Self::Io { source, .. } => !source.raw_os_error().is_some_and(|code| [9, 22, 88].contains(&code)),
            _ => false,
        }
    }
}

/// Whether an error of `accept` is about the one who called, who has gone: the next call can be taken at
/// once.
pub(super) fn is_about_caller(error: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionAborted, ConnectionReset, Interrupted};
    matches!(error.kind(), ConnectionAborted | ConnectionReset | Interrupted)
}

#[cfg(test)]
mod tests {
    use std::error::Error;

    use super::*;

    fn address() -> Address {
        "tcp://h:80".parse().unwrap()
    }

    fn of_kind(kind: io::ErrorKind) -> TransportError {
        TransportError::from_io(&address(), kind.into())
    }

    #[test]
    fn what_the_operating_system_said_is_kept() {
        use io::ErrorKind::{AddrInUse, ConnectionRefused, NotFound, PermissionDenied, TimedOut};
        for kind in [AddrInUse, ConnectionRefused, NotFound, PermissionDenied, TimedOut] {
            let error = of_kind(kind);
            let source = error.source().and_then(|source| source.downcast_ref::<io::Error>());
            assert_eq!(source.map(io::Error::kind), Some(kind), "{error}");
        }
        assert!(matches!(of_kind(AddrInUse), TransportError::InUse { .. }));
        assert!(matches!(of_kind(ConnectionRefused), TransportError::Refused { .. }));
        assert!(matches!(of_kind(PermissionDenied), TransportError::Denied { .. }));
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn taking_calls_goes_on_unless_the_listener_is_none_any_more() {
        let of_code = |code| TransportError::from_io(&address(), io::Error::from_raw_os_error(code));
        // EMFILE, ENFILE, ENOBUFS, ENOMEM, EPERM, EPROTO, ENETDOWN, ECONNABORTED.
        for code in [24, 23, 105, 12, 1, 71, 100, 103] {
            assert!(of_code(code).is_temporary(), "{code}");
        }
        // A transport's own error is about whoever called.
        assert!(
            TransportError::Io { address: address(), source: io::Error::other("bad hello") }.is_temporary()
        );
        for code in [9, 22, 88] {
            assert!(!of_code(code).is_temporary(), "{code}");
        }
        // Only that a caller has gone is no reason to pause.
        assert!(is_about_caller(&io::Error::from_raw_os_error(103)));
        assert!(!is_about_caller(&io::Error::from_raw_os_error(24)));
    }
}
