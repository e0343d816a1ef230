//! A call that nobody awaits is not made.
#![deny(unused_must_use)]
struct Counter(u64);

#[wharf::actor]
impl Counter {
    async fn add(&mut self, by: u64) -> u64 {
        self.0 += by;
        self.0
    }
    #[one_way]
    async fn reset(&mut self) {
        self.0 = 0;
    }
}

fn main() {
    wharf::block_on(async {
        let counter = wharf::spawn(Counter(0));
        counter.add(1);
        counter.reset();
    });
}
