//! An actor that speaks a protocol moves between threads, too. (The compiler looks at each `impl` by
//! itself: that of the protocol, that of `Actor`, and each method's.)
#[wharf::protocol]
trait Bank {
    async fn deposit(&mut self, amount: u64) -> u64;
}

struct Teller(std::cell::Cell<*const u64>);

#[wharf::actor]
impl Bank for Teller {
    async fn deposit(&mut self, amount: u64) -> u64 {
        amount
    }
}

fn main() {}
