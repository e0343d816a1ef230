//! Nobody gets what a one-way method returns.
struct Counter(u64);

#[wharf::actor]
impl Counter {
    #[one_way]
    async fn add(&mut self, by: u64) -> u64 {
        self.0 += by;
        self.0
    }
}

fn main() {}
