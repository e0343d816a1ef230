//! A message moves to another thread.
struct Counter(u64);

#[wharf::actor]
impl Counter {
    async fn add(&mut self, by: std::rc::Rc<u64>) -> u64 {
        self.0 += *by;
        self.0
    }
}

fn main() {}
