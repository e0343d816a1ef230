//! Messages travel to another node only if they say so.
struct Counter(u64);

#[wharf::actor]
impl Counter {
    async fn add(&mut self, by: u64) -> u64 {
        self.0 += by;
        self.0
    }
}

fn main() {
    wharf::wire::fingerprint::<CounterMsg>();
}
