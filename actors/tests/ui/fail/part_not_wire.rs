//! Parts of a message that travels must be able to.
struct Job;

struct Worker;

#[wharf::actor(wire)]
impl Worker {
    #[one_way]
    async fn work(&mut self, job: Job) {
        drop(job);
    }
}

#[wharf::protocol]
trait Works {
    async fn work(&mut self, job: Job);
}

#[derive(wharf::Wire)]
enum Message {
    Work(Job),
}

fn main() {}
