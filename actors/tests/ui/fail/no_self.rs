//! A message goes to an actor.
struct Counter(u64);

#[wharf::actor]
impl Counter {
    #[one_way]
    async fn add(by: u64) {}
}

#[wharf::protocol]
trait Bank {
    async fn deposit(amount: u64) -> u64;
}

fn main() {}
