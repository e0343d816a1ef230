//! `serde` for pids: they pass through the connection of the message that they are in.

use serde::de::{Deserialize, Deserializer, Error as _};
use serde::ser::{Error as _, Serialize, Serializer};

use crate::cell::pid::Pid;
use crate::id::{ActorId, NodeId};

use super::Wire;
use super::exchange::{MessageType, PidRef, typed, with_current};
use super::exported::ExportedPid;
use super::shape;

const ELSEWHERE: &str = "a pid can be serialised only in a message on its way to another node";
const FROM_ELSEWHERE: &str = "a pid can be deserialised only in a message that comes from another node";

/// Node, slot, generation, authenticator.
type Parts = (u32, u32, u32, u64);

impl<M: Wire> Serialize for Pid<M> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let exported = with_current(|exchange| exchange.export_pid(ExportedPid::of(self)));
        let at = exported.ok_or_else(|| S::Error::custom(ELSEWHERE))?.map_err(S::Error::custom)?;
        let parts: Parts = (at.id.node().number(), at.id.slot(), at.id.generation(), at.authenticator);
        parts.serialize(serializer)
    }
}

impl<'de, M: Wire> Deserialize<'de> for Pid<M> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        if shape::is_tracing() {
            // What it looks like: the message type's name. There is no pid to be had.
            shape::note_pid(M::NAME, M::VERSION);
            return Err(D::Error::custom("a pid has no shape"));
        }
        let (node, slot, generation, authenticator) = Parts::deserialize(deserializer)?;
        let node = NodeId::new(node).ok_or_else(|| D::Error::custom("no node has the number 0"))?;
        let at = PidRef { id: ActorId::new(node, slot, generation), authenticator };
        let imported = with_current(|exchange| typed(&exchange.import_pid(at, MessageType::of::<M>())?));
        imported.ok_or_else(|| D::Error::custom(FROM_ELSEWHERE))?.map_err(D::Error::custom)
    }
}
