//! What a method keeps over an await moves between threads, too. Each such method is told of.
struct Counter(u64);

#[wharf::actor]
impl Counter {
    async fn add(&mut self, by: u64) -> u64 {
        let by = std::rc::Rc::new(by);
        wharf::yield_now().await;
        self.0 += *by;
        self.0
    }

    async fn reset(&mut self) {
        let old = std::cell::RefCell::new(&mut self.0);
        let shared = &old;
        wharf::yield_now().await;
        **shared.borrow_mut() = 0;
    }
}

#[wharf::protocol]
trait Bank {
    async fn deposit(&mut self, amount: u64) -> u64;
}

struct Teller(u64);

#[wharf::actor]
impl Bank for Teller {
    async fn deposit(&mut self, amount: u64) -> u64 {
        let amount = std::rc::Rc::new(amount);
        wharf::yield_now().await;
        self.0 += *amount;
        self.0
    }
}

fn main() {}
