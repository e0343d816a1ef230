//! What an attribute takes is listed.
struct Counter(u64);

#[wharf::actor(local, capacity = 4)]
impl Counter {
    #[oneway]
    async fn reset(&mut self) {}
    #[one_way(now)]
    async fn clear(&mut self) {}
}

#[wharf::protocol(Other)]
trait Bank {}

#[wharf::main(workers = 3)]
async fn main() {}

#[wharf::test(sed = 7)]
async fn test() {}
