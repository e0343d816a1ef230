//! Message types that two nodes declare differently.

use wharf::net::{FarLookupError, SpawnOnError, TypeRefusal};
use wharf::{Mailbox, Pid, Reply, Wire};

use super::common::{Msg, Two, run};

/// As the right node was built.
mod old {
    use wharf::{Reply, Wire};

    #[derive(Debug, Wire)]
    #[wire(name = "shop.Order")]
    pub(super) enum Order {
        Item(u32),
        Sum(Reply<u32>),
    }

    #[derive(Debug, serde::Serialize, serde::Deserialize)]
    pub(super) struct Price(pub(super) u32);

    #[derive(Debug, Wire)]
    #[wire(name = "shop.Priced")]
    pub(super) struct Priced(pub(super) Price);
}

/// As the left node was: a field more, a payload that changed inside, a later version.
mod new {
    use wharf::{Reply, Wire};

    #[derive(Debug, Wire)]
    #[wire(name = "shop.Order")]
    pub(super) enum Order {
        Item(u32, u32),
        Sum(Reply<u32>),
    }

    #[derive(Debug, serde::Serialize, serde::Deserialize)]
    pub(super) struct Price(pub(super) u64);

    #[derive(Debug, Wire)]
    #[wire(name = "shop.Priced")]
    pub(super) struct Priced(pub(super) Price);

    #[derive(Debug, Wire)]
    #[wire(name = "shop.Priced", version = 2)]
    pub(super) struct Later(pub(super) Price);
}

#[derive(Debug, Wire)]
enum Unknown {
    Total(Reply<u64>),
}

async fn orders(mut mailbox: Mailbox<old::Order>) {
    let mut sum = 0;
    while let Some(order) = mailbox.receive().await {
        match order {
            old::Order::Item(item) => sum += item,
            old::Order::Sum(reply) => _ = reply.send(sum),
        }
    }
}

#[test]
fn a_type_that_differs_is_refused_by_name_before_anything_is_sent() {
    run(async {
        let (two, _, adder) = Two::with_adder().await;
        let pid = two.right.node().spawn_fn(orders);
        two.right.export("orders", &pid).unwrap();
        let refused = two.left.lookup::<new::Order>("orders@right").await.unwrap_err();
        let FarLookupError::Differs { name: "shop.Order", node, refusal } = &refused else {
            panic!("{refused}")
        };
        assert_eq!(node, "right");
        assert!(matches!(refusal, TypeRefusal::Differs { version: 1, .. }), "{refusal}");
        assert!(refused.to_string().contains("shop.Order"), "{refused}");
        // What changed inside a payload is noticed, too.
        let pid = two.right.node().spawn_fn(async |mut mailbox: Mailbox<old::Priced>| {
            let Some(old::Priced(old::Price(_))) = mailbox.receive().await else { return };
        });
        two.right.export("priced", &pid).unwrap();
        let refused = two.left.lookup::<new::Priced>("priced@right").await.unwrap_err();
        assert!(matches!(refused, FarLookupError::Differs { name: "shop.Priced", .. }), "{refused}");
        // And nothing else suffers.
        assert_eq!(adder.ask(Msg::Total).await, Ok(0));
        assert_eq!(two.right.node().stats().all_dead(), 0);
        two.stop().await;
    });
}

#[test]
fn another_version_is_another_type_and_refused_by_name() {
    run(async {
        let two = Two::start().await;
        two.left.connect("mem:right").await.unwrap();
        let pid = two.right.node().spawn_fn(async |mut mailbox: Mailbox<old::Priced>| {
            let Some(old::Priced(old::Price(_))) = mailbox.receive().await else { return };
        });
        two.right.export("priced", &pid).unwrap();
        let refused = two.left.lookup::<new::Later>("priced@right").await.unwrap_err();
        let FarLookupError::Differs { name: "shop.Priced", refusal, .. } = &refused else {
            panic!("{refused}")
        };
        assert_eq!(*refusal, TypeRefusal::NoCommonVersion);
        two.stop().await;
    });
}

#[test]
fn messages_of_one_version_never_go_out_as_another() {
    run(async {
        let two = Two::start().await;
        two.left.connect("mem:right").await.unwrap();
        let pid = two.right.node().spawn_fn(async |mut mailbox: Mailbox<old::Priced>| {
            let mut sum = 0;
            while let Some(old::Priced(old::Price(price))) = mailbox.receive().await {
                sum += price;
            }
            assert_eq!(sum, 3);
        });
        two.right.export("priced", &pid).unwrap();
        // This node knows both versions, the other one only the first.
        let same: Pid<old::Priced> = two.left.lookup("priced@right").await.unwrap();
        let refused = two.left.lookup::<new::Later>("priced@right").await.unwrap_err();
        assert!(matches!(refused, FarLookupError::Differs { name: "shop.Priced", .. }), "{refused}");
        same.send(old::Priced(old::Price(3))).await.unwrap();
        let stopped = same.stopped();
        same.stop();
        assert!(stopped.await.is_normal());
        two.stop().await;
    });
}

#[test]
fn a_type_that_the_other_node_does_not_have_finds_nobody() {
    run(async {
        let (two, _, _) = Two::with_adder().await;
        let nobody = two.left.lookup::<Unknown>("nobody@right").await;
        assert!(matches!(nobody, Err(FarLookupError::NotFound { .. })), "{nobody:?}");
        let wrong = two.left.lookup::<Unknown>("adder@right").await;
        let Err(FarLookupError::WrongType { found, wanted, .. }) = wrong else { panic!("{wrong:?}") };
        assert_eq!((found.as_str(), wanted), (Msg::NAME, Unknown::NAME));
        two.stop().await;
    });
}

#[test]
fn a_factory_is_called_only_with_what_it_was_built_for() {
    run(async {
        let two = Two::start().await;
        two.left.connect("mem:right").await.unwrap();
        two.right
            .export_factory("orders", |node, price: old::Price| {
                let pid = node.spawn_fn(orders);
                pid.try_send(old::Order::Item(price.0)).map_err(|_| "full")?;
                Ok::<_, &str>(pid)
            })
            .unwrap();
        let pid: Pid<old::Order> = two.left.spawn_on("right", "orders", old::Price(7)).await.unwrap();
        assert_eq!(pid.ask(old::Order::Sum).await, Ok(7));
        let differs = two.left.spawn_on::<new::Order, _>("right", "orders", old::Price(7)).await;
        assert!(matches!(differs, Err(SpawnOnError::Failed { .. })), "{differs:?}");
        let differs = two.left.spawn_on::<old::Order, _>("right", "orders", new::Price(7)).await;
        assert!(matches!(differs, Err(SpawnOnError::Failed { .. })), "{differs:?}");
        two.stop().await;
    });
}
