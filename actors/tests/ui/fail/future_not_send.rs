//! What a method keeps over an await moves between threads, too.
struct Counter(u64);

#[wharf::actor]
impl Counter {
    async fn add(&mut self, by: u64) -> u64 {
        let by = std::rc::Rc::new(by);
        wharf::yield_now().await;
        self.0 += *by;
        self.0
    }
}

fn main() {}
