//! `accepts`: what an actor refuses waits, in order, and is offered again.

use wharf::prelude::*;

/// A door: refuses to be opened while it is locked.
struct Door {
    locked: bool,
    seen: Vec<u32>,
}

enum DoorMsg {
    Unlock,
    Open(u32),
    Seen(Reply<Vec<u32>>),
}

impl Actor for Door {
    type Msg = DoorMsg;

    fn accepts(&self, msg: &DoorMsg) -> bool {
        !(self.locked && matches!(msg, DoorMsg::Open(_)))
    }

    async fn handle(&mut self, msg: DoorMsg, _: &mut Context<DoorMsg>) -> Result<(), ExitReason> {
        match msg {
            DoorMsg::Unlock => self.locked = false,
            DoorMsg::Open(n) => {
                self.seen.push(n);
                // It locks itself behind each third.
                self.locked = self.seen.len().is_multiple_of(3);
            }
            DoorMsg::Seen(reply) => drop(reply.send(self.seen.clone())),
        }
        Ok(())
    }
}

#[test]
fn what_an_actor_refuses_waits_in_order_and_is_offered_again_before_what_came_later() {
    wharf::block_on(async {
        let door = spawn(Door { locked: true, seen: Vec::new() });
        for n in 0..7 {
            door.send(DoorMsg::Open(n)).await.unwrap();
        }
        assert!(door.ask(DoorMsg::Seen).await.unwrap().is_empty());
        door.send(DoorMsg::Unlock).await.unwrap();
        assert_eq!(door.ask(DoorMsg::Seen).await.unwrap(), [0, 1, 2]);
        door.send(DoorMsg::Open(7)).await.unwrap();
        door.send(DoorMsg::Unlock).await.unwrap();
        assert_eq!(door.ask(DoorMsg::Seen).await.unwrap(), [0, 1, 2, 3, 4, 5]);
        door.send(DoorMsg::Unlock).await.unwrap();
        assert_eq!(door.ask(DoorMsg::Seen).await.unwrap(), [0, 1, 2, 3, 4, 5, 6, 7]);
    });
}

#[test]
fn a_stop_is_reached_though_refused_messages_wait() {
    wharf::block_on(async {
        let door = spawn(Door { locked: true, seen: Vec::new() });
        door.send(DoorMsg::Open(1)).await.unwrap();
        door.stop();
        let mut watcher = door.node().guest::<()>();
        watcher.monitor(&door);
        assert!(matches!(watcher.next().await, Some(wharf::Event::Down(_))));
    });
}
