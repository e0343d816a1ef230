//! Actors that know each other's pids, generic ones, and protocols in several.
use wharf::prelude::*;
use wharf::wire::fingerprint;

struct Ping(Option<Pid<PongMsg>>);
struct Pong;

#[wharf::actor(wire, name = "game.Ping", version = 2)]
impl Ping {
    async fn meet(&mut self, pong: Pid<PongMsg>, me: Pid<PingMsg>) -> Option<Pid<PongMsg>> {
        drop(me);
        self.0.replace(pong)
    }
}

#[wharf::actor(wire)]
impl Pong {
    #[one_way]
    async fn meet(&mut self, pings: Vec<Pid<PingMsg>>) {
        drop(pings);
    }
    fn later(&mut self, reply: Reply<(Pid<PingMsg>, u8)>) {
        drop(reply);
    }
    #[cfg(any())]
    async fn absent(&mut self, nothing: Nothing) {}
}

#[wharf::protocol]
trait Open {
    async fn open(&mut self, name: String) -> Result<u64, String>;
}

#[wharf::protocol(version = 3, max_bytes = 1 << 20)]
trait Hold<T: Send + 'static> {
    async fn hold(&mut self, item: T) -> Vec<T>;
}

struct Both<T>(Vec<T>);

#[wharf::actor(wire, Open, Hold<T>)]
impl<T: Send + 'static> Both<T> {
    async fn me(&mut self) -> Option<Pid<BothMsg<T>>> {
        None
    }
}

impl<T: Send + 'static> Open for Both<T> {
    async fn open(&mut self, name: String) -> Result<u64, String> {
        Err(name)
    }
}

impl<T: Send + 'static> Hold<T> for Both<T> {
    async fn hold(&mut self, item: T) -> Vec<T> {
        self.0.push(item);
        std::mem::take(&mut self.0)
    }
}

/// Speaks a protocol, and stays here.
struct Local;

#[wharf::actor]
impl Open for Local {
    async fn open(&mut self, _: String) -> Result<u64, String> {
        Ok(1)
    }
}

#[derive(wharf::Wire)]
enum Never {}

#[derive(wharf::Wire)]
struct Unit;

#[derive(wharf::Wire)]
enum Hand<T, const N: usize> {
    Many { all: [T; 3], pid: Option<Pid<Self>>, reply: Reply<Vec<T>> },
    Number(Vec<()>),
}

fn travels<M: wharf::Wire>() {
    fingerprint::<M>();
}

fn main() {
    travels::<PingMsg>();
    travels::<PongMsg>();
    travels::<OpenMsg>();
    travels::<HoldMsg<String>>();
    travels::<BothMsg<u8>>();
    travels::<Never>();
    travels::<Unit>();
}
