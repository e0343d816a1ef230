//! What can be reached: what was exported, under its name, as what it is.

use wharf::net::{ExportError, FarLookupError, SpawnOnError};
use wharf::{Mailbox, Wire};

use super::common::{Msg, Two, adder, run};

#[derive(Debug, Wire)]
enum Other {
    Nothing,
}

#[test]
fn only_what_is_exported_is_found_and_only_as_what_it_is() {
    run(async {
        let (two, near, _) = Two::with_adder().await;
        two.right.node().register("hidden", &near).unwrap();
        let hidden = two.left.lookup::<Msg>("hidden@right").await;
        assert!(matches!(hidden, Err(FarLookupError::NotFound { .. })), "{hidden:?}");
        let wrong = two.left.lookup::<Other>("adder@right").await;
        assert!(matches!(wrong, Err(FarLookupError::WrongType { .. })), "{wrong:?}");
        assert!(two.right.unexport("adder") && !two.right.unexport("adder"));
        assert!(matches!(two.left.lookup::<Msg>("adder@right").await, Err(FarLookupError::NotFound { .. })));
        two.stop().await;
    });
}

#[test]
fn a_name_is_one_live_actors_and_free_when_that_ends() {
    run(async {
        let (two, near, _) = Two::with_adder().await;
        let other = two.right.node().spawn_fn(adder);
        assert!(matches!(two.right.export("adder", &other), Err(ExportError::Taken { .. })));
        assert_eq!(two.right.export("adder", &near), Ok(()));
        assert!(matches!(two.right.export("", &other), Err(ExportError::BadName { .. })));
        near.stop();
        near.stopped().await;
        assert!(matches!(two.right.export("late", &near), Err(ExportError::NoProc { .. })));
        assert_eq!(two.right.export("adder", &other), Ok(()));
        let found = two.left.lookup::<Msg>("adder@right").await.unwrap();
        assert_eq!(found.id(), other.id());
        // A name of one's own node is found without a connection.
        assert_eq!(two.right.lookup::<Msg>("adder@right").await.unwrap(), other);
        two.stop().await;
    });
}

#[test]
fn an_actor_is_spawned_on_another_node_by_an_exported_factory_alone() {
    run(async {
        let (two, _, _) = Two::with_adder().await;
        let denied = two.left.spawn_on::<Msg, u64>("right", "adder from", 40).await;
        assert!(matches!(denied, Err(SpawnOnError::Denied { .. })), "{denied:?}");
        two.right
            .export_factory("adder from", |node, from: u64| {
                if from > 100 {
                    return Err("too much");
                }
                let pid = node.spawn_fn(adder);
                pid.try_send(Msg::Add(from)).map_err(|_| "full")?;
                Ok(pid)
            })
            .unwrap();
        let far = two.left.spawn_on::<Msg, u64>("right", "adder from", 40).await.unwrap();
        assert_eq!(far.id().node(), two.right.node().id());
        far.send(Msg::Add(2)).await.unwrap();
        assert_eq!(far.ask(Msg::Total).await, Ok(42));
        let refused = two.left.spawn_on::<Msg, u64>("right", "adder from", 400).await;
        let Err(SpawnOnError::Failed { reason, .. }) = refused else { panic!("{refused:?}") };
        assert_eq!(reason, "too much");
        let wrong = two.left.spawn_on::<Msg, String>("right", "adder from", "x".to_owned()).await;
        assert!(matches!(wrong, Err(SpawnOnError::Failed { .. })), "{wrong:?}");
        let wrong = two.left.spawn_on::<Other, u64>("right", "adder from", 4).await;
        assert!(matches!(wrong, Err(SpawnOnError::Failed { .. })), "{wrong:?}");
        two.stop().await;
    });
}

#[test]
fn who_only_sends_is_known_by_its_pid() {
    run(async {
        let (two, _, far) = Two::with_adder().await;
        let sender = two.left.node().spawn_fn(async move |mut mailbox: Mailbox<Msg>| {
            far.send(Msg::Forward(mailbox.pid().clone(), 9)).await.unwrap();
            let Some(Msg::Add(n)) = mailbox.receive().await else { panic!("no answer") };
            assert_eq!(n, 9);
            // As whom it was sent.
            assert_eq!(mailbox.sender(), Some(far.id()));
        });
        assert!(sender.stopped().await.is_normal());
        two.stop().await;
    });
}
