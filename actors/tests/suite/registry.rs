//! Names of actors, and what is said when one is taken, unknown, or of another type.

use wharf::prelude::*;
use wharf::{LookupError, RegisterError};

use crate::explored::in_many_orders;
use crate::log::logged;

struct Clerk;

enum ClerkMsg {
    File(Reply<u8>),
}

impl Actor for Clerk {
    type Msg = ClerkMsg;

    async fn handle(&mut self, msg: ClerkMsg, _: &mut Context<ClerkMsg>) -> Result<(), ExitReason> {
        let ClerkMsg::File(reply) = msg;
        let _ = reply.send(1);
        Ok(())
    }
}

#[test]
fn a_name_that_is_taken_says_who_holds_it_and_stays_with_its_holder() {
    in_many_orders(async |mailbox: Mailbox<()>| {
        let node = mailbox.node();
        let first = Spawn::on(&node).name("clerk").try_spawn(Clerk).unwrap();
        let second = node.spawn(Clerk);
        let taken = RegisterError::Taken { name: "clerk".into(), holder: first.id() };
        assert_eq!(taken.to_string(), format!("the name `clerk` belongs to {}", first.id()));
        assert_eq!(node.register("clerk", &second), Err(taken.clone()));
        assert_eq!(Spawn::on(&node).name("clerk").try_spawn(Clerk).unwrap_err(), taken);
        let process = Spawn::on(&node).name("clerk").try_spawn_fn(async |_: Mailbox<u8>| ());
        assert_eq!(process.unwrap_err(), taken);
        // An actor may have several names.
        node.register("second clerk", &second).unwrap();
        node.register("second of two", &second).unwrap();
        assert_eq!(node.lookup::<ClerkMsg>("second of two").unwrap(), second);
        assert_eq!(node.lookup::<ClerkMsg>("clerk").unwrap().ask(ClerkMsg::File).await, Ok(1));
    });
}

#[test]
fn a_spawn_that_does_not_ask_whether_its_name_is_taken_goes_on_without_it_and_logs_who_holds_it() {
    let events = logged("wharf::registry", || {
        in_many_orders(async |mailbox: Mailbox<()>| {
            let node = mailbox.node();
            let first = Spawn::on(&node).name("clerk").spawn(Clerk);
            let second = Spawn::on(&node).name("clerk").spawn(Clerk);
            assert_eq!(second.ask(ClerkMsg::File).await, Ok(1));
            assert_eq!(node.lookup::<ClerkMsg>("clerk").unwrap(), first);
        });
    });
    assert!(!events.is_empty());
    for event in events {
        assert_eq!(event.level, "WARN");
        assert!(event.message.starts_with("the name `clerk` belongs to <1."), "{}", event.message);
    }
}

#[test]
fn a_name_is_free_again_when_its_actor_is_seen_to_have_ended() {
    in_many_orders(async |mut mailbox: Mailbox<()>| {
        let node = mailbox.node();
        let first = Spawn::on(&node).name("clerk").spawn(Clerk);
        mailbox.monitor(&first);
        first.stop();
        assert!(mailbox.next().await.is_some());
        let gone = node.register("another", &first).unwrap_err();
        assert_eq!(gone.to_string(), format!("{first} has ended and can't be named `another`"));
        Spawn::on(&node).name("clerk").try_spawn(Clerk).unwrap();
    });
}

#[test]
fn a_lookup_with_another_message_type_says_which_was_wanted_and_which_found() {
    in_many_orders(async |mailbox: Mailbox<()>| {
        let node = mailbox.node();
        Spawn::on(&node).name("clerk").spawn(Clerk);
        let error = node.lookup::<Reply<u8>>("clerk").unwrap_err();
        let (found, wanted) = (std::any::type_name::<ClerkMsg>(), std::any::type_name::<Reply<u8>>());
        assert_eq!(error, LookupError::WrongType { name: "clerk".into(), found, wanted });
        assert_eq!(
            error.to_string(),
            "`clerk` takes messages of type `suite::registry::ClerkMsg`, \
             not `wharf_runtime::cell::reply::Reply<u8>`"
        );
    });
}

#[test]
fn a_lookup_of_an_unknown_name_names_it() {
    in_many_orders(async |mailbox: Mailbox<()>| {
        let node = mailbox.node();
        let error = node.lookup::<ClerkMsg>("clark").unwrap_err();
        assert_eq!(error.to_string(), "no actor is named `clark`");
        let clerk = Spawn::on(&node).name("clerk").spawn(Clerk);
        assert_eq!(node.unregister("clerk").map(|pid| pid.id()), Some(clerk.id()));
        assert!(node.lookup::<ClerkMsg>("clerk").is_err());
        assert!(clerk.is_alive());
    });
}
