//! An answer moves to another thread.
use std::rc::Rc;

struct Counter(u64);

#[wharf::actor]
impl Counter {
    async fn total(&mut self) -> Rc<u64> {
        Rc::new(self.0)
    }
}

fn main() {
    wharf::block_on(async {
        let counter = wharf::spawn(Counter(0));
        let _ = counter.total().await;
    });
}
