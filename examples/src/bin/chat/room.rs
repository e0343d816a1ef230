//! The room: who is in it, and who hears what.

use std::collections::BTreeMap;

use wharf::MonitorRef;
use wharf::prelude::*;

use crate::listen::Line;

/// What the room is told.
pub(crate) enum RoomMsg {
    /// Somebody wants to come in, under a name.
    Enter { name: Line, member: Pid<Line>, reply: Reply<Result<Vec<Line>, NameTaken>> },
    /// A member says something.
    Say { name: Line, text: String },
}

/// Somebody has the name already.
#[derive(Debug)]
pub(crate) struct NameTaken;

/// The room's state.
pub(crate) struct Room {
    members: BTreeMap<Line, Pid<Line>>,
    /// Which monitor watches whom.
    watched: BTreeMap<MonitorRef, Line>,
}

impl Room {
    pub(crate) const fn new() -> Self {
        Self { members: BTreeMap::new(), watched: BTreeMap::new() }
    }

    /// Says a line to all but one.
    fn broadcast(&self, line: &Line, but: &Line) {
        for (name, member) in self.members.iter().filter(|(name, _)| *name != but) {
            // Never `send().await`: a member who does not read would hold up all the others.
            if let Err(error) = member.try_send(line.clone())
                && error.is_full()
            {
                tracing::info!("{name} does not read: shown out");
                member.kill();
            }
        }
    }
}

impl Actor for Room {
    type Msg = RoomMsg;

    async fn handle(&mut self, msg: RoomMsg, cx: &mut Context<RoomMsg>) -> Result<(), ExitReason> {
        match msg {
            RoomMsg::Enter { name, reply, .. } if self.members.contains_key(&name) => {
                let _ = reply.send(Err(NameTaken));
            }
            RoomMsg::Enter { name, member, reply } => {
                // From here on a `Down` tells how it ends: a hang-up, a panic, a kill.
                self.watched.insert(cx.monitor(&member), name.clone());
                let present = self.members.keys().cloned().collect();
                if reply.send(Ok(present)).is_ok() {
                    self.broadcast(&format!("* {name} came in").into(), &name);
                    self.members.insert(name, member);
                }
            }
            RoomMsg::Say { name, text } => self.broadcast(&format!("{name}: {text}").into(), &name),
        }
        Ok(())
    }

    async fn handle_down(&mut self, down: Down, _: &mut Context<RoomMsg>) -> Result<(), ExitReason> {
        if let Some(name) = self.watched.remove(&down.monitor)
            && self.members.remove(&name).is_some()
        {
            self.broadcast(&format!("* {name} left").into(), &name);
        }
        Ok(())
    }
}
