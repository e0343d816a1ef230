//! A generic message travels if its parameters do.

struct Stack<T>(Vec<T>);

#[wharf::actor(wire)]
impl<T: Send + 'static> Stack<T> {
    async fn push(&mut self, item: T) {
        self.0.push(item);
    }
}

struct File;

fn main() {
    // Here it may be anything.
    wharf::block_on(async { wharf::spawn(Stack(Vec::<File>::new())).push(File).await }).ok();
    wharf::wire::fingerprint::<StackMsg<u8>>();
    wharf::wire::fingerprint::<StackMsg<File>>();
}
