//! A pid can't be narrowed to what is no part of its actor's messages.
use wharf::Pid;

#[wharf::protocol]
trait Bank {
    async fn deposit(&mut self, amount: u64) -> u64;
}

struct Lamp(bool);

#[wharf::actor]
impl Lamp {
    async fn toggle(&mut self) {
        self.0 = !self.0;
    }
}

fn takes_a_bank(_: Pid<BankMsg>) {}

fn main() {
    wharf::block_on(async {
        let lamp = wharf::spawn(Lamp(false));
        let _ = lamp.narrow::<BankMsg>();
        takes_a_bank(lamp.narrow());
        takes_a_bank(lamp);
    });
}
