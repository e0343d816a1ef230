//! What is in a part of a message that travels is to blame, and not what is around it.
use wharf::{Pid, Reply};

struct Counter(u64);

#[wharf::actor]
impl Counter {
    async fn add(&mut self, by: u64) -> u64 {
        self.0 += by;
        self.0
    }
}

struct Job;

#[wharf::protocol]
trait Watches {
    async fn watch(&mut self, counter: Pid<CounterMsg>);
    async fn jobs(&mut self, waiting: Vec<(u64, Option<Job>)>) -> Result<Job, String>;
}

#[derive(wharf::Wire)]
enum Message {
    Take(Reply<Job>),
    Later(Option<Reply<u64>>),
}

fn main() {}
