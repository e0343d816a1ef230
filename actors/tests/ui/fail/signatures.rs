//! All errors of one block are told at once.
struct Counter(u64);

#[wharf::actor]
impl Counter {
    async fn rename(&mut self, name: &str, aliases: Vec<&'static str>) {}
    async fn apply(&mut self, change: impl Fn(u64) -> u64) {}
    async fn finish(self) {}
    async fn boxed(self: Box<Self>) {}
    async fn convert<T>(&mut self, value: T) {}
    async fn pair(&mut self, (a, b): (u8, u8)) {}
    async fn name(&mut self) -> &str {
        "counter"
    }
    async fn answer(&mut self, reply: u64) {}
    #[one_way]
    async fn both(&mut self, reply: wharf::Reply<u64>) {}
    async fn handle(&mut self) {}
    async fn fine(&mut self) {}
}

fn main() {
    let _ = |counter: wharf::Pid<CounterMsg>| drop(counter.fine());
}
