//! An actor that names a protocol implements it.
#[wharf::protocol]
trait Bank {
    async fn deposit(&mut self, amount: u64) -> u64;
}

struct Teller;

#[wharf::actor(Bank)]
impl Teller {
    async fn greet(&mut self) {}
}

fn main() {}
