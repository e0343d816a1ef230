//! The trait with the stubs is imported where they are used.
mod counter {
    pub struct Counter(pub u64);

    #[wharf::actor]
    impl Counter {
        pub async fn add(&mut self, by: u64) -> u64 {
            self.0 += by;
            self.0
        }
    }
}

fn main() {
    wharf::block_on(async {
        let counter = wharf::spawn(counter::Counter(0));
        let _ = counter.add(1).await;
    });
}
