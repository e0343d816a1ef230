//! A message moves to another thread. The calls of it are not to blame.
use std::cell::RefCell;
use std::rc::Rc;
use std::sync::Arc;

struct Counter(u64);

#[wharf::actor]
impl Counter {
    async fn add(&mut self, by: Rc<u64>) -> u64 {
        self.0 += *by;
        self.0
    }

    async fn share(&mut self, with: Arc<RefCell<Vec<u64>>>) {
        with.borrow_mut().push(self.0);
    }
}

fn main() {
    wharf::block_on(async {
        let counter = wharf::spawn(Counter(0));
        let _ = counter.add(Rc::new(1)).await;
    });
}
