//! What is in an argument moves to another thread, too.
struct Job(std::rc::Rc<u64>);

struct Worker;

#[wharf::actor]
impl Worker {
    async fn work(&mut self, job: Job, at: u64) {
        drop((job, at));
    }
}

fn main() {}
