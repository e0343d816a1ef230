//! Each message has a name of its own.
struct Counter(u64);

#[wharf::actor]
impl Counter {
    async fn add(&mut self) {}
    async fn add_1(&mut self) {}
    async fn add1(&mut self) {}
}

#[wharf::protocol]
trait Bank {
    async fn deposit(&mut self);
    async fn deposit(&mut self);
}

fn main() {}
