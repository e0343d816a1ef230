//! smoke
use wharf_runtime::*;
use std::time::Duration;
#[test]
fn ping() {
    block_on(async {
        let node = Node::current().unwrap();
        let pid = node.spawn_fn(async |mut m: Mailbox<(u32, Reply<u32>)>| {
            while let Some((n, r)) = m.receive().await { let _ = r.send(n + 1); }
        });
        for i in 0..10000 { assert_eq!(pid.ask(|r| (i, r)).await, Ok(i + 1)); }
        pid.stop();
        assert!(pid.stopped().await.is_normal());
        sleep(Duration::from_millis(3)).await;
    });
}
