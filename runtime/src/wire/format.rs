//! How messages that travel become bytes on their way to a far actor.

use std::sync::Arc;

use crate::remote::{Encode, Remote};

use super::{Exchange, NotEncoded, Wire};

/// The encoding of pids that came in through an [`Exchange`]: [`encode`](super::encode), through the
/// `Arc<dyn Exchange>` that the connection has as its [context](Remote::context).
#[derive(Clone, Copy, Debug, Default)]
pub struct Format;

impl<M: Wire> Encode<M> for Format {
    fn encode(message: M, remote: &dyn Remote, bytes: &mut Vec<u8>) -> Result<(), M> {
        let Some(exchange) = remote.context().downcast_ref::<Arc<dyn Exchange>>() else {
            tracing::error!(target: "wharf::wire", message = M::NAME, "the connection has no exchange: not encoded");
            return Err(message);
        };
        super::encode(message, bytes, exchange).map_err(|NotEncoded { error, message }| {
            tracing::warn!(target: "wharf::wire", message = M::NAME, %error, "not encoded");
            message
        })
    }
}
