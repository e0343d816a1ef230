//! Selective receive by `Actor::accepts`.

use wharf::Event;
use wharf::prelude::*;

/// Handles nothing but hundreds.
struct Picky;

impl Actor for Picky {
    type Msg = u32;

    async fn handle(&mut self, _: u32, _: &mut Context<u32>) -> Result<(), ExitReason> {
        Ok(())
    }

    fn accepts(&self, msg: &u32) -> bool {
        msg.is_multiple_of(100)
    }
}

/// It used to end as if nothing were wrong.
#[test]
fn an_actor_that_refuses_more_than_its_save_queue_holds_fails_and_says_so() {
    wharf::block_on(async {
        let picky = Spawn::new().save_limit(2).spawn(Picky);
        let mut me = picky.node().guest::<()>();
        me.monitor(&picky);
        for n in [1, 2, 100, 3] {
            picky.send(n).await.unwrap();
        }
        let Some(Event::Down(down)) = me.next().await else { panic!("no down") };
        let reason = down.reason.to_string();
        assert!(reason.contains("save queue") && reason.contains("2 messages"), "{reason}");
    });
}
