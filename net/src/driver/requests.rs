//! What nodes ask of each other: an actor by name, a new actor by a factory.

use std::sync::Arc;

use tokio::sync::oneshot;
use wharf_runtime::wire::{
    self, Data, DecodeError, EncodeError, Exchange, ExportedPid, Format, NotEncoded, Wire,
};
use wharf_runtime::{ActorId, Node, Pid};

use super::convert::{far_actor, near};
use super::core::{Core, PeerKey, Shared};
use super::error::{ConnectError, ExportError, FarLookupError, SpawnOnError};
use crate::proto::{
    FarPid, NodeAnswer, NodeName, NodeReply, NodeRequest, REQUEST_NAME_BYTES, TypeRefusal, TypeState,
};

/// Most bytes of what a factory is called with.
const ARGUMENT_BYTES: usize = 64 * 1024;

/// Makes actors for other nodes.
pub(super) trait Factory: Send + Sync {
    fn make(
        &self,
        node: &Node,
        message: (&str, u64),
        args: (&[u8], u64),
        exchange: &Arc<dyn Exchange>,
    ) -> Result<ExportedPid, String>;
}

struct Made<F, A, M>(F, std::marker::PhantomData<fn(A) -> M>);

impl<F, A, M, E> Factory for Made<F, A, M>
where
    F: Fn(&Node, A) -> Result<Pid<M>, E> + Send + Sync,
    A: Data,
    M: Wire,
    E: std::fmt::Display,
{
    fn make(
        &self,
        node: &Node,
        (name, message_print): (&str, u64),
        (args, args_print): (&[u8], u64),
        exchange: &Arc<dyn Exchange>,
    ) -> Result<ExportedPid, String> {
        if name != M::NAME || message_print != wire::fingerprint::<M>() {
            return Err(format!("its actors take `{}`, as this node knows it, and not `{name}`", M::NAME));
        }
        if args_print != wire::fingerprint_of_part::<A>() {
            return Err(format!(
                "it is called with a `{}`, as this node knows it",
                std::any::type_name::<A>()
            ));
        }
        let args = wire::decode_part::<A>(args, ARGUMENT_BYTES, exchange)
            .map_err(|error: DecodeError| format!("its arguments are none: {error}"))?;
        (self.0)(node, args).map(|pid| ExportedPid::of(&pid)).map_err(|error| error.to_string())
    }
}

/// What a spawn request carries beside the factory's name.
type SpawnArgs = (String, u64, u64, Vec<u8>);

impl Core {
    /// The life of the node that a request went to.
    pub(super) fn current_key(&self, peer: &NodeName) -> Option<PeerKey> {
        let (_, connection) = self.proto.connection_to(peer)?;
        Some((peer.clone(), connection.peer().incarnation))
    }
}

impl Shared {
    /// Exports an actor under a name.
    pub(super) fn export_name(&self, name: &str, pid: &ExportedPid) -> Result<(), ExportError> {
        check_name(name)?;
        let named = || name.to_owned();
        if pid.id().node() != self.number || !pid.pid().is_alive() {
            return Err(ExportError::NoProc { name: named() });
        }
        let mut core = self.lock();
        let taken = core.exports.factories.contains_key(name)
            || core.exports.names.get(name).is_some_and(|faces| {
                faces.first().is_some_and(|face| face.id() != pid.id() && face.pid().is_alive())
            });
        if taken {
            return Err(ExportError::Taken { name: named() });
        }
        match core.export_face(self, pid) {
            Ok(Some(_)) => {}
            Ok(None) => return Err(ExportError::NoProc { name: named() }),
            Err(error) => return Err(ExportError::Limit { reason: error.to_string() }),
        }
        let faces = core.exports.names.entry(named()).or_default();
        let mut old = Vec::new();
        if faces.first().is_some_and(|face| face.id() != pid.id()) {
            old = std::mem::take(faces);
        }
        if faces.iter().all(|face| face.message().name() != pid.message().name()) {
            faces.push(pid.clone());
        }
        drop(core);
        drop(old);
        Ok(())
    }

    /// Takes a name away; says whether there was such an actor.
    pub(super) fn unexport_name(&self, name: &str) -> bool {
        let left = self.lock().exports.names.remove(name);
        left.is_some()
    }

    pub(super) fn export_factory<A, M, F, E>(&self, name: &str, factory: F) -> Result<(), ExportError>
    where
        A: Data,
        M: Wire,
        F: Fn(&Node, A) -> Result<Pid<M>, E> + Send + Sync + 'static,
        E: std::fmt::Display + 'static,
    {
        check_name(name)?;
        let named = || name.to_owned();
        let mut core = self.lock();
        if core.exports.factories.contains_key(name) || core.exports.names.contains_key(name) {
            return Err(ExportError::Taken { name: named() });
        }
        core.proto.tables.factories.insert(name.into());
        core.exports.factories.insert(named(), Arc::new(Made::<F, A, M>(factory, std::marker::PhantomData)));
        Ok(())
    }

    /// A peer asks something of this node.
    pub(super) fn requested(&self, key: &PeerKey, number: u64, request: NodeRequest) {
        let answer = match request {
            NodeRequest::Lookup { name, type_name } => self.look_up(&name, &type_name),
            NodeRequest::Spawn { factory, args } => self.spawn_for(key, &factory, &args).map(Some),
        };
        let mut core = self.lock();
        let found = answer.and_then(|face| match face {
            Some(face) => match core.export_face(self, &face) {
                Ok(Some(_)) => Ok(Some(near(face.id()))),
                Ok(None) => Ok(None),
                Err(error) => Err(error.to_string()),
            },
            None => Ok(None),
        });
        let reply = match &found {
            Ok(Some(actor)) => NodeReply::Found(*actor),
            Ok(None) => NodeReply::Absent,
            Err(reason) => NodeReply::Failed(reason.as_bytes()),
        };
        let sent = core.with(self, key, |it, tables| it.answer_request(tables, number, reply));
        drop(core);
        if let Err(error) = sent {
            tracing::debug!(target: "wharf::net", node = %self.me.name, peer = %key.0, %error, "a request was not answered");
        }
    }

    /// Who is exported under a name. `Err`: the actor takes other messages.
    fn look_up(&self, name: &str, type_name: &str) -> Result<Option<ExportedPid>, String> {
        let core = self.lock();
        let faces = core.exports.names.get(name).map(Vec::as_slice).unwrap_or_default();
        let mut alive = faces.iter().filter(|face| face.pid().is_alive()).peekable();
        let Some(first) = alive.peek().map(|face| face.message().name()) else { return Ok(None) };
        match alive.find(|face| face.message().name() == type_name) {
            Some(face) => Ok(Some(face.clone())),
            None => Err(first.to_owned()),
        }
    }

    fn spawn_for(&self, key: &PeerKey, name: &str, args: &[u8]) -> Result<ExportedPid, String> {
        let core = self.lock();
        let factory = core.exports.factories.get(name).cloned();
        let exchange = core.peers.get(key).map(|peer| Arc::clone(peer.far.exchange()));
        drop(core);
        let (Some(factory), Some(exchange)) = (factory, exchange) else {
            return Err("there is no such factory any more".to_owned());
        };
        let decoded = wire::decode_part::<SpawnArgs>(args, 2 * ARGUMENT_BYTES, &exchange);
        let (message, message_print, args_print, args) = decoded.map_err(|error| error.to_string())?;
        let made = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            factory.make(&self.node, (&message, message_print), (&args, args_print), &exchange)
        }));
        made.unwrap_or_else(|_| Err("it panicked".to_owned()))
    }

    fn begin_request(
        &self,
        peer: &NodeName,
        request: &NodeRequest,
        asker: oneshot::Sender<NodeAnswer>,
    ) -> Result<Option<(PeerKey, u64)>, String> {
        let mut core = self.lock();
        let Some(key) = core.current_key(peer) else { return Ok(None) };
        let number = match core.with(self, &key, |it, _| it.request(request)) {
            Ok(number) => number,
            Err(crate::proto::CommandError::NoConnection) => return Ok(None),
            Err(error) => return Err(error.to_string()),
        };
        core.requests.insert((key.clone(), number), asker);
        Ok(Some((key, number)))
    }

    /// Asks a peer's node, and awaits its answer; `None` when there is no connection, or none any more.
    async fn request(
        &self,
        peer: &NodeName,
        request: NodeRequest,
    ) -> Result<Option<(PeerKey, NodeAnswer)>, String> {
        let (sender, receiver) = oneshot::channel();
        let Some((key, number)) = self.begin_request(peer, &request, sender)? else { return Ok(None) };
        let mut cancel = CancelRequest { shared: self, key: &key, number, done: false };
        let answer = receiver.await.ok();
        cancel.done = true;
        drop(cancel);
        Ok(answer.map(|answer| (key, answer)))
    }

    /// What a peer's node thinks of a type, when it has said so.
    async fn settled(&self, key: &PeerKey, name: &str) -> Option<TypeState> {
        self.wait_for(|| match self.lock().agree(self, key, name) {
            Ok(TypeState::Asked) => None,
            Ok(state) => Some(Some(state)),
            Err(_) => Some(None),
        })
        .await
    }

    fn found<M: Wire>(&self, key: &PeerKey, pid: FarPid) -> Option<Pid<M>> {
        let mut core = self.lock();
        let peer = core.peers.get(key)?;
        let id: ActorId = far_actor(peer.number, pid.id);
        let connection = peer.connection.clone();
        core.import(self, key, id, pid.authenticator, wire::MessageType::of::<M>());
        drop(core);
        Some(connection.pid::<M, Format>(id))
    }

    /// The actor that is exported under a name at another node.
    pub(super) async fn far_lookup<M: Wire>(&self, text: &str) -> Result<Pid<M>, FarLookupError> {
        let split = text.rsplit_once('@').and_then(|(name, node)| Some((name, NodeName::new(node)?)));
        let Some((name, node)) = split else { return Err(FarLookupError::NoNode { text: text.to_owned() }) };
        let (name, at) = (name.to_owned(), node.to_string());
        if node == self.me.name {
            return match self.look_up(&name, M::NAME) {
                Ok(face) => {
                    let pid = face.and_then(|face| face.downcast());
                    pid.ok_or(FarLookupError::NotFound { name, node: at })
                }
                Err(found) => Err(FarLookupError::WrongType { name, node: at, found, wanted: M::NAME }),
            };
        }
        self.connected(&node).await?;
        let cut = || FarLookupError::NoConnection { node: at.clone() };
        let key = {
            let mut core = self.lock();
            core.declare(wire::MessageType::of::<M>());
            core.current_key(&node).ok_or_else(cut)?
        };
        match self.settled(&key, M::NAME).await {
            // A node that does not know the type may still have nothing of the name: it says so.
            None => return Err(cut()),
            Some(TypeState::Refused(
                refusal @ (TypeRefusal::Differs { .. } | TypeRefusal::NoCommonVersion),
            )) => {
                return Err(FarLookupError::Differs { name: M::NAME, node: at, refusal });
            }
            // Agreed on for another version, which this program has beside it.
            Some(TypeState::Agreed { version, .. }) if version != M::VERSION => {
                let refusal = TypeRefusal::NoCommonVersion;
                return Err(FarLookupError::Differs { name: M::NAME, node: at, refusal });
            }
            Some(_) => {}
        }
        let request = NodeRequest::Lookup { name: name.as_str().into(), type_name: M::NAME.into() };
        let answer = self.request(&node, request).await;
        match answer.map_err(|reason| FarLookupError::Limit { reason })? {
            Some((key, NodeAnswer::Found(pid))) => self.found(&key, pid).ok_or_else(cut),
            Some((_, NodeAnswer::Absent | NodeAnswer::Denied)) => {
                Err(FarLookupError::NotFound { name, node: at })
            }
            Some((_, NodeAnswer::Failed(found))) => {
                let found = String::from_utf8_lossy(&found).into_owned();
                Err(FarLookupError::WrongType { name, node: at, found, wanted: M::NAME })
            }
            Some((_, NodeAnswer::NoConnection)) | None => Err(cut()),
        }
    }

    /// A new actor at another node.
    pub(super) async fn spawn_on<M: Wire, A: Data>(
        &self,
        node: &str,
        factory: &str,
        args: A,
    ) -> Result<Pid<M>, SpawnOnError> {
        let no_address = || ConnectError::NoAddress { node: node.to_owned() };
        let peer = NodeName::new(node).ok_or_else(no_address)?;
        self.connected(&peer).await?;
        let cut = || SpawnOnError::NoConnection { node: node.to_owned() };
        let exchange = {
            let core = self.lock();
            let key = core.current_key(&peer).ok_or_else(cut)?;
            core.peers.get(&key).map(|peer| Arc::clone(peer.far.exchange())).ok_or_else(cut)?
        };
        let unencoded = |error: EncodeError| SpawnOnError::Encode(error);
        let mut bytes = Vec::new();
        wire::encode_part(args, &mut bytes, ARGUMENT_BYTES, &exchange)
            .map_err(|NotEncoded { error, .. }| unencoded(error))?;
        let whole: SpawnArgs =
            (M::NAME.to_owned(), wire::fingerprint::<M>(), wire::fingerprint_of_part::<A>(), bytes);
        let mut args = Vec::new();
        wire::encode_part(whole, &mut args, 2 * ARGUMENT_BYTES, &exchange)
            .map_err(|NotEncoded { error, .. }| unencoded(error))?;
        let request = NodeRequest::Spawn { factory: factory.into(), args: args.into() };
        let answer = self.request(&peer, request).await;
        let (at, factory) = (node.to_owned(), factory.to_owned());
        match answer.map_err(|reason| SpawnOnError::Limit { reason })? {
            Some((key, NodeAnswer::Found(pid))) => self.found(&key, pid).ok_or_else(cut),
            Some((_, NodeAnswer::Absent | NodeAnswer::Denied)) => {
                Err(SpawnOnError::Denied { node: at, factory })
            }
            Some((_, NodeAnswer::Failed(reason))) => {
                let reason = String::from_utf8_lossy(&reason).into_owned();
                Err(SpawnOnError::Failed { node: at, factory, reason })
            }
            Some((_, NodeAnswer::NoConnection)) | None => Err(cut()),
        }
    }
}

fn check_name(name: &str) -> Result<(), ExportError> {
    if (1..=REQUEST_NAME_BYTES).contains(&name.len()) {
        Ok(())
    } else {
        Err(ExportError::BadName { name: name.to_owned() })
    }
}

/// A request whose asker went away is forgotten.
struct CancelRequest<'a> {
    shared: &'a Shared,
    key: &'a PeerKey,
    number: u64,
    done: bool,
}

impl Drop for CancelRequest<'_> {
    fn drop(&mut self) {
        if self.done {
            return;
        }
        let mut core = self.shared.lock();
        core.requests.remove(&(self.key.clone(), self.number));
        _ = core.with(self.shared, self.key, |it, _| {
            it.cancel_request(self.number);
            Ok(())
        });
    }
}
