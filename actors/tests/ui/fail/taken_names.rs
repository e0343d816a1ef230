//! A pid's own methods would hide these stubs.
struct Mailer;

#[wharf::actor]
impl Mailer {
    async fn send(&mut self) {}
    async fn stop(&mut self) {}
    async fn clone(&mut self) {}
}

fn main() {}
