//! An actor does not take another's messages, whether by stub or by hand.
struct Counter(u64);

#[wharf::actor]
impl Counter {
    async fn add(&mut self, by: u64) -> u64 {
        self.0 += by;
        self.0
    }
}

struct Lamp(bool);

#[wharf::actor]
impl Lamp {
    async fn toggle(&mut self) {
        self.0 = !self.0;
    }
}

fn toggle(lamp: &impl wharf::Destination<LampMsg>) {
    drop(lamp.toggle());
}

fn main() {
    wharf::block_on(async {
        let counter = wharf::spawn(Counter(0));
        let _ = counter.toggle().await;
        toggle(&counter);
        let _ = counter.send(LampMsg::Toggle { reply: wharf::Reply::none() }).await;
    });
}
