//! What a message needs of its connection: pids and rights pass through it.

use std::any::{TypeId, type_name};
use std::cell::RefCell;
use std::fmt;
use std::sync::Arc;

use crate::cell::pid::{AnyPid, Pid};
use crate::cell::proxy::Proxy;
use crate::id::ActorId;
use crate::mailbox::far;

use super::error::ExchangeError;
use super::exported::ExportedPid;
use super::reply::{ExportedReply, ImportedReply};
use super::{Format, Wire};

/// A pid in the bytes of a message: identity, and the proof that its holder was given it.
///
/// `Debug` leaves the proof out: whoever reads it in a log could use it.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct PidRef {
    /// The actor.
    pub id: ActorId,
    /// Keyed hash over the actor and its message type, made by the actor's node when it exported the
    /// pid.
    pub authenticator: u64,
}

impl fmt::Debug for PidRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PidRef({})", self.id)
    }
}

/// A reply right in the bytes of a message: which, and the proof that its holder was given it.
///
/// `Debug` leaves the proof out: whoever reads it in a log could use it.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct RightRef {
    /// Number that the asker's node gave the right.
    pub number: u64,
    /// Keyed hash that the asker's node made when it exported the right.
    pub authenticator: u64,
}

impl fmt::Debug for RightRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "RightRef({})", self.number)
    }
}

/// One end of a connection, as messages see it.
///
/// It is set around each [`encode`](super::encode) and [`decode`](super::decode), and reached from
/// the `Serialize` and `Deserialize` of pids, which have no argument to pass it in. It is called on
/// whatever thread encodes or decodes, so it must not wait, and not encode or decode by itself.
pub trait Exchange: Send + Sync + 'static {
    /// A pid goes out. The same actor may go out often, also as one of another message type by its
    /// part: the key is both, [`ExportedPid::id`] and the name of [`ExportedPid::message`].
    ///
    /// # Errors
    /// [`ExchangeError::Refused`]: the message is not encoded.
    fn export_pid(&self, pid: ExportedPid) -> Result<PidRef, ExchangeError>;

    /// A pid comes in, of an actor that takes `message`: the pid of an actor here that comes home,
    /// or one that stands for an actor elsewhere. The message type of the first is checked by the caller;
    /// that of the second is for the exchange to know.
    ///
    /// # Errors
    /// [`ExchangeError::Refused`]: the message is not decoded.
    fn import_pid(&self, pid: PidRef, message: MessageType) -> Result<ImportedPid, ExchangeError>;

    /// A reply is about to go out: its place in the bytes.
    ///
    /// # Errors
    /// [`ExchangeError::Refused`]: the message is not encoded.
    fn reserve_right(&self) -> Result<RightRef, ExchangeError>;

    /// A reply has gone out in the place reserved: keep it until the answer comes.
    fn export_reply(&self, right: RightRef, reply: ExportedReply);

    /// The reply of a place reserved stays here: the message was not encoded.
    fn release_right(&self, right: RightRef);

    /// A reply has come in: keep its other half, and poll it for the answer. Dropping it tells the
    /// replier that nobody waits.
    fn import_reply(&self, right: RightRef, reply: ImportedReply);
}

/// The pid that a reference in a message is.
#[derive(Clone, Debug)]
pub enum ImportedPid {
    /// It comes home: as it was exported.
    Home(ExportedPid),
    /// It stands for an actor elsewhere.
    Far(AnyPid),
}

/// A message type that can travel: what two nodes compare, and how bytes become messages of it.
#[derive(Clone, Copy)]
pub struct MessageType {
    name: &'static str,
    version: u16,
    max_bytes: usize,
    rust: fn() -> TypeId,
    rust_name: fn() -> &'static str,
    fingerprint: fn() -> u64,
}

impl MessageType {
    /// The one of `M`.
    #[must_use]
    pub fn of<M: Wire>() -> Self {
        Self {
            name: M::NAME,
            version: M::VERSION,
            max_bytes: M::MAX_BYTES,
            rust: TypeId::of::<M>,
            rust_name: type_name::<M>,
            fingerprint: super::fingerprint::<M>,
        }
    }

    /// [`Wire::NAME`].
    #[must_use]
    pub const fn name(&self) -> &'static str {
        self.name
    }

    /// [`Wire::VERSION`].
    #[must_use]
    pub const fn version(&self) -> u16 {
        self.version
    }

    /// [`Wire::MAX_BYTES`].
    #[must_use]
    pub const fn max_bytes(&self) -> usize {
        self.max_bytes
    }

    /// [`fingerprint`](super::fingerprint) of the type. It takes some 20 microseconds: keep it, under
    /// [`MessageType::type_id`].
    #[must_use]
    pub fn fingerprint(&self) -> u64 {
        (self.fingerprint)()
    }

    /// Name of the Rust type, as it stands in a [`Remote`](crate::remote::Remote)'s `send`.
    #[must_use]
    pub fn rust_name(&self) -> &'static str {
        (self.rust_name)()
    }

    /// The Rust type. Types of one name, those of a generic declaration, differ in it.
    #[must_use]
    pub fn type_id(&self) -> TypeId {
        (self.rust)()
    }
}

impl fmt::Debug for MessageType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "MessageType({} v{})", self.name, self.version)
    }
}

/// The pid with its message type. The one place where a pid that came in gets it.
pub(super) fn typed<M: Wire>(pid: &ImportedPid) -> Result<Pid<M>, ExchangeError> {
    let any = match pid {
        ImportedPid::Home(exported) => match exported.downcast() {
            Some(pid) => return Ok(pid),
            None => exported.pid(),
        },
        ImportedPid::Far(any) if Proxy::of(any.header()).is_some() => {
            return Ok(far::typed::<M, Format>(any.clone()));
        }
        ImportedPid::Far(any) => any,
    };
    any.downcast().ok_or_else(|| ExchangeError::WrongMessage {
        id: any.id(),
        found: any.message_name(),
        wanted: type_name::<M>(),
    })
}

/// The connection of the encode or decode that goes on on this thread.
struct Scope {
    exchange: Arc<dyn Exchange>,
    /// What went wrong inside a `Serialize` or `Deserialize`, whose own error has only words.
    fault: Option<ExchangeError>,
}

thread_local! {
    static CURRENT: RefCell<Option<Scope>> = const { RefCell::new(None) };
}

/// Sets what was there before, however its scope ends.
struct Restore(Option<Scope>);

impl Drop for Restore {
    fn drop(&mut self) {
        CURRENT.set(self.0.take());
    }
}

/// Runs `f` with the connection set; gives what [`with_current`] met with, too.
pub(super) fn scope<R>(exchange: &Arc<dyn Exchange>, f: impl FnOnce() -> R) -> (R, Option<ExchangeError>) {
    let scope = Scope { exchange: Arc::clone(exchange), fault: None };
    let _restore = Restore(CURRENT.replace(Some(scope)));
    let result = f();
    let fault = CURRENT.with_borrow_mut(|current| current.as_mut().and_then(|scope| scope.fault.take()));
    (result, fault)
}

/// Runs `f` with the connection that is set. `None` when there is none, and when `f` fails, which is
/// noted then.
pub(super) fn with_current<R>(
    f: impl FnOnce(&dyn Exchange) -> Result<R, ExchangeError>,
) -> Option<Result<R, ExchangeError>> {
    let exchange =
        CURRENT.with_borrow(|current| current.as_ref().map(|scope| Arc::clone(&scope.exchange)))?;
    let result = f(&*exchange);
    if let Err(error) = &result {
        CURRENT.with_borrow_mut(|current| {
            if let Some(scope) = current {
                scope.fault = Some(error.clone());
            }
        });
    }
    Some(result)
}
