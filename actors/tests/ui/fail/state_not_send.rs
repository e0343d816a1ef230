//! An actor moves between threads.
struct Counter(std::rc::Rc<u64>);

#[wharf::actor]
impl Counter {
    async fn total(&mut self) -> u64 {
        *self.0
    }

    async fn later(&mut self) -> u64 {
        wharf::yield_now().await;
        *self.0
    }
}

fn main() {
    wharf::block_on(async {
        let counter = wharf::spawn(Counter(std::rc::Rc::new(0)));
        let _ = counter.total().await;
    });
}
