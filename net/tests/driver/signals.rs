//! Links, monitors and exits between nodes.

use wharf_runtime::{Event, ExitReason, Mailbox, Notice};

use crate::common::{Msg, Two, run};

#[test]
fn a_far_monitor_tells_why_after_all_messages() {
    run(async {
        let (two, _, far) = Two::with_adder().await;
        let seen = two.left.node().spawn_fn(async move |mut mailbox: Mailbox<Msg>| {
            let monitor = mailbox.monitor(&far);
            far.send(Msg::Fail("done".to_owned())).await.unwrap();
            loop {
                match mailbox.receive_event().await {
                    Event::Notice(Notice::Down(down)) => {
                        assert_eq!(down.monitor, monitor);
                        assert_eq!(down.subject, far.id());
                        assert_eq!(down.reason, ExitReason::failed("done"));
                        return;
                    }
                    Event::Stop => panic!("stopped before the down"),
                    _ => {}
                }
            }
        });
        assert_eq!(seen.stopped().await, ExitReason::Normal);
        two.stop().await;
    });
}
