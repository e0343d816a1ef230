//! What a generic actor's parameters must be is said on them.
struct Stack<T>(Vec<T>);

#[wharf::actor]
impl<T> Stack<T> {
    async fn push(&mut self, item: T) {
        self.0.push(item);
    }
}

struct Pair<A, B>(A, B);

#[wharf::actor]
impl<A, B> Pair<A, B>
where
    B: Send + 'static,
{
    async fn set(&mut self, b: B) {
        self.1 = b;
    }
}

fn main() {}
