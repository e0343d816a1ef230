//! Everything at once, from a seed: actors that spawn, send, ask, link, watch, stop and kill each
//! other. At the end all is accounted for.

use std::any::type_name;
use std::future::{Future, poll_fn};
use std::pin::pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::task::Poll;
use std::time::Duration;

use wharf_runtime::{
    ActorId, Capacity, DeadLetter, Event, ExitReason, Hooks, Mailbox, Node, Overflow, Pid, Reply, Spawn,
    panic_hook,
};

use crate::common::{Random, Tally, Token, eventually, give_way, multi, single};

/// Tells a rover to do something.
enum Order {
    Act(#[allow(dead_code, reason = "counts its drop")] Token),
    Wait(#[allow(dead_code, reason = "counts its drop")] Token),
}

/// Asks an oracle.
struct Question(#[allow(dead_code, reason = "counts its drop")] Token, Reply<u64>);

/// What the node tells of births, deaths and dead letters.
#[derive(Clone, Default)]
struct Records(Arc<Mutex<Book>>);

#[derive(Clone, Default)]
struct Book {
    spawned: Vec<ActorId>,
    ended: Vec<ActorId>,
    dead_orders: u64,
}

impl Hooks for Records {
    fn actor_spawned(&self, id: ActorId, _: &'static str) {
        self.0.lock().unwrap().spawned.push(id);
    }

    fn actor_exited(&self, id: ActorId, _: &ExitReason) {
        self.0.lock().unwrap().ended.push(id);
    }

    fn dead_letter(&self, letter: &DeadLetter) {
        if letter.message == type_name::<Order>() {
            self.0.lock().unwrap().dead_orders += 1;
        }
    }
}

/// What all actors share.
#[derive(Clone)]
struct World {
    node: Node,
    tally: Tally,
    rovers: Arc<Mutex<Vec<Pid<Order>>>>,
    oracles: Arc<Mutex<Vec<Pid<Question>>>>,
    figures: Arc<Figures>,
}

#[derive(Default)]
struct Figures {
    /// Actions left: the end of it all.
    left: AtomicU64,
    /// Orders accepted.
    accepted: AtomicU64,
    /// Orders received.
    orders: AtomicU64,
    /// Questions received.
    questions: AtomicU64,
    births: AtomicU64,
}

fn count(figure: &AtomicU64) -> u64 {
    figure.fetch_add(1, Ordering::SeqCst)
}

impl World {
    fn random(&self, seed: u64) -> Random {
        Random::new(seed << 32 | count(&self.figures.births))
    }

    fn options(&self, random: &mut Random) -> Spawn {
        let capacity = match random.below(4) {
            0 => Capacity::Zero,
            1 => Capacity::Bounded(1),
            2 => Capacity::Bounded(16),
            _ => Capacity::Unbounded,
        };
        let overflow = if random.below(4) == 0 { Overflow::DropNewest } else { Overflow::Reject };
        let spawn = Spawn::on(&self.node).capacity(capacity).overflow(overflow);
        if random.below(3) == 0 { spawn.link() } else { spawn }
    }

    fn spawn_rover(&self, random: &mut Random) {
        let (world, state, seed) = (self.clone(), self.tally.token(), random.next());
        let pid = self.options(random).spawn_fn(async move |mailbox: Mailbox<Order>| {
            let _state = state;
            world.rove(mailbox, seed).await
        });
        add(&self.rovers, pid, random);
    }

    fn spawn_oracle(&self, random: &mut Random) {
        let (world, state, seed) = (self.clone(), self.tally.token(), random.next());
        let pid = self.options(random).spawn_fn(async move |mailbox: Mailbox<Question>| {
            let _state = state;
            world.answer(mailbox, seed).await
        });
        add(&self.oracles, pid, random);
    }

    async fn rove(self, mut mailbox: Mailbox<Order>, seed: u64) -> ExitReason {
        let mut random = self.random(seed);
        mailbox.trap_exit(coin(&mut random));
        while let Some(event) = mailbox.next().await {
            let Event::Message(order) = event else { continue };
            count(&self.figures.orders);
            let Order::Act(_) = order else { continue };
            for _ in 0..3 {
                if let Some(reason) = self.act(&mut mailbox, &mut random).await {
                    return reason;
                }
            }
        }
        ExitReason::Normal
    }

    async fn answer(self, mut mailbox: Mailbox<Question>, seed: u64) -> ExitReason {
        let mut random = self.random(seed);
        let mut kept = Vec::new();
        while let Some(Question(token, reply)) = mailbox.receive().await {
            count(&self.figures.questions);
            match random.below(16) {
                0..10 => drop(reply.send(random.next())),
                10 | 11 => drop(reply),
                12 | 13 => kept.push((token, reply)),
                14 => return ExitReason::custom("no more answers"),
                _ => panic!("unanswerable"),
            }
        }
        ExitReason::Normal
    }

    async fn act(&self, mailbox: &mut Mailbox<Order>, random: &mut Random) -> Option<ExitReason> {
        let left = &self.figures.left;
        if left.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| left.checked_sub(1)).is_err() {
            return None;
        }
        let peer = pick(&self.rovers, random)?;
        match random.below(40) {
            0..18 => self.send(&peer, random).await,
            18..22 => self.ask(random).await,
            22..25 => self.spawn_rover(random),
            25 => self.spawn_oracle(random),
            26 | 27 => mailbox.link(&peer),
            28 => mailbox.unlink(&peer),
            29 | 30 => {
                let monitor = mailbox.monitor(&peer);
                if coin(random) {
                    mailbox.demonitor(monitor);
                }
            }
            31 => peer.kill(),
            32 => peer.exit(ExitReason::custom("go")),
            33 => peer.stop(),
            34 => wharf_runtime::yield_now().await,
            35 => {
                let _ = self.node.register(format!("rover {}", random.below(8)), &peer);
            }
            36 => self.receive_selectively(mailbox).await,
            37 => return Some(ExitReason::custom("tired")),
            38 => panic!("as planned"),
            _ => {
                mailbox.trap_exit(coin(random));
            }
        }
        None
    }

    async fn send(&self, peer: &Pid<Order>, random: &mut Random) {
        let token = self.tally.token();
        let order = if coin(random) { Order::Act(token) } else { Order::Wait(token) };
        let sent = match random.below(4) {
            0 => peer.try_send(order).is_ok(),
            1 => match peer.try_reserve() {
                Ok(permit) => permit.send(order).is_ok(),
                Err(_) => false,
            },
            _ => peer.send(order).await.is_ok(),
        };
        if sent {
            count(&self.figures.accepted);
        }
    }

    async fn ask(&self, random: &mut Random) {
        let Some(oracle) = pick(&self.oracles, random) else { return };
        let token = self.tally.token();
        let ask = oracle.ask(|reply| Question(token, reply)).timeout(Duration::from_millis(1));
        let _ = ask.await;
    }

    async fn receive_selectively(&self, mailbox: &mut Mailbox<Order>) {
        let mut receive = pin!(mailbox.receive_match(|order| matches!(order, Order::Wait(_))));
        let received = poll_fn(|cx| Poll::Ready(receive.as_mut().poll(cx)));
        if let Poll::Ready(Ok(Some(Order::Wait(_)))) = received.await {
            count(&self.figures.orders);
        }
    }
}

/// Adds an actor to those that others know, of which there are at most 40.
fn add<M>(known: &Mutex<Vec<Pid<M>>>, pid: Pid<M>, random: &mut Random) {
    let mut known = known.lock().unwrap();
    known.push(pid);
    let place = random.below(known.len());
    let old = (known.len() > 40).then(|| known.swap_remove(place));
    drop(known);
    if let Some(old) = old {
        old.stop();
    }
}

fn pick<M>(known: &Mutex<Vec<Pid<M>>>, random: &mut Random) -> Option<Pid<M>> {
    let known = known.lock().unwrap();
    (!known.is_empty()).then(|| known[random.below(known.len())].clone())
}

/// Forgets the dead, and counts the rest.
fn living<M>(known: &Mutex<Vec<Pid<M>>>) -> usize {
    let mut known = known.lock().unwrap();
    known.retain(Pid::is_alive);
    known.len()
}

fn coin(random: &mut Random) -> bool {
    random.below(2) == 0
}

/// Keeps the world going until its actions are spent.
async fn drive(world: &World, records: &Records, random: &mut Random) {
    let figures = &world.figures;
    let read = |figure: &AtomicU64| figure.load(Ordering::SeqCst);
    let (mut turns, mut idle) = (0, 0);
    while read(&figures.left) > 0 {
        if living(&world.rovers) < 20 {
            world.spawn_rover(random);
        }
        if living(&world.oracles) < 8 {
            world.spawn_oracle(random);
        }
        // Orders that nobody has received yet: enough to go on with, but no flood.
        let (accepted, orders) = (read(&figures.accepted), read(&figures.orders));
        let waiting = accepted.saturating_sub(orders + records.0.lock().unwrap().dead_orders);
        if waiting < 100
            && let Some(rover) = pick(&world.rovers, random)
            && rover.try_send(Order::Act(world.tally.token())).is_ok()
        {
            count(&figures.accepted);
        }
        let now = world.node.stats().turns;
        idle = if now == turns { idle + 1 } else { 0 };
        turns = now;
        assert!(idle < 1_000_000, "the world stands still: {:?}", world.node.stats());
        give_way().await;
    }
}

fn run(tokio: &tokio::runtime::Runtime, seed: u64) {
    panic_hook::install();
    let (records, tally) = (Records::default(), Tally::default());
    tokio.block_on(async {
        let node = Node::builder().hooks(records.clone()).start().unwrap();
        let world = World {
            node: node.clone(),
            tally: tally.clone(),
            rovers: Arc::default(),
            oracles: Arc::default(),
            figures: Arc::default(),
        };
        world.figures.left.store(20_000, Ordering::SeqCst);
        drive(&world, &records, &mut Random::new(seed)).await;
        let end_all = || {
            for pid in node.actors() {
                pid.kill();
            }
            node.stats().live == 0
        };
        eventually("all are gone", end_all).await;
        assert!(node.actors().is_empty());
        assert!(node.stop().await.is_clean());
        let stats = node.stats();
        let read = |figure: &AtomicU64| figure.load(Ordering::SeqCst);
        let (orders, questions) = (read(&world.figures.orders), read(&world.figures.questions));
        assert_eq!(stats.handled, orders + questions, "seed {seed}: handled");
        let book = records.0.lock().unwrap().clone();
        assert_eq!(read(&world.figures.accepted), orders + book.dead_orders, "seed {seed}: {stats:?}");

        let (mut spawned, mut ended) = (book.spawned, book.ended);
        spawned.sort_unstable();
        ended.sort_unstable();
        assert!(spawned == ended, "seed {seed}: {} lived, {} ended", spawned.len(), ended.len());
        assert_eq!(stats.spawned, spawned.len() as u64);
        spawned.dedup();
        assert_eq!(spawned.len(), ended.len(), "seed {seed}: no id was given out twice");
    });
    assert!(tally.is_even(), "seed {seed}: {} of {} dropped", tally.dropped(), tally.made());
}

#[test]
fn a_wild_world_on_two_threads_leaves_nothing_unaccounted() {
    let tokio = multi();
    for seed in 1..=6 {
        run(&tokio, seed);
    }
}

#[test]
fn a_wild_world_on_one_thread_leaves_nothing_unaccounted() {
    let tokio = single();
    for seed in 101..=104 {
        run(&tokio, seed);
    }
}
