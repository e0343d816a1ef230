//! An actor moves between threads.
struct Counter(std::rc::Rc<u64>);

#[wharf::actor]
impl Counter {
    async fn total(&mut self) -> u64 {
        *self.0
    }
}

fn main() {}
