//! Stubs: what `#[wharf::actor]` and `#[wharf::protocol]` make.

use std::future::{Future, poll_fn};
use std::pin::pin;
use std::task::Poll;
use std::time::Duration;

use futures::future::join_all;
use wharf::prelude::*;
use wharf::{Call, CallTimeout, Destination, Event, SendTo, Unheard};

/// Knows all kinds of methods.
struct Counter {
    total: u64,
    waiting: Vec<Reply<u64>>,
    errors: Vec<String>,
}

impl Counter {
    fn new(total: u64) -> Self {
        Self { total, waiting: Vec::new(), errors: Vec::new() }
    }
}

#[wharf::actor]
impl Counter {
    const STEP: u64 = 10;

    /// Adds `by` and answers with the new total.
    async fn add(&mut self, by: u64) -> u64 {
        wharf::yield_now().await;
        self.total += by;
        for reply in self.waiting.drain(..) {
            let _ = reply.send(self.total);
        }
        self.total
    }

    /// Not async, and calls another.
    fn total(&self) -> u64 {
        self.total
    }

    async fn step(&mut self) -> u64 {
        self.add(Self::STEP).await
    }

    /// Answers after the next `add`.
    async fn changed(&mut self, reply: Reply<u64>) {
        self.waiting.push(reply);
    }

    async fn forget(&mut self) {
        self.waiting.clear();
    }

    async fn who_asks(&mut self, cx: &mut Context<CounterMsg>) -> Option<ActorId> {
        cx.sender()
    }

    #[one_way]
    async fn reset(&mut self, to: u64, cx: &mut Context<CounterMsg>) {
        assert_eq!(cx.pid().id(), cx.id());
        self.total = to;
    }

    #[one_way]
    fn parse_later(&mut self, text: String) -> Result<(), std::num::ParseIntError> {
        self.total = text.parse()?;
        Ok(())
    }

    fn parse(&mut self, text: String) -> Result<u64, std::num::ParseIntError> {
        self.total = text.parse()?;
        Ok(self.total)
    }

    /// Its error has no `Display`.
    fn odd(&mut self) -> Result<u64, Odd> {
        if self.total.is_multiple_of(2) { Ok(self.total) } else { Err(Odd(self.total)) }
    }

    fn errors(&mut self) -> Vec<String> {
        self.errors.clone()
    }

    /// Answers that it has begun, and handles nothing more.
    async fn hang(&mut self, reply: Reply<()>) {
        let _ = reply.send(());
        std::future::pending::<()>().await;
    }

    async fn r#type(&mut self, r#fn: u8, _unused: u8) -> u8 {
        r#fn
    }

    fn other(&mut self, others: Vec<Self>) -> u64 {
        self.total += others.iter().map(|other| other.total).sum::<u64>();
        self.total
    }

    #[cfg(any())]
    async fn absent(&mut self, what: Nothing) -> Nothing {
        what
    }

    async fn on_error(&mut self, error: Unheard, _: &mut Context<CounterMsg>) -> Result<(), ExitReason> {
        self.errors.push(error.to_string());
        Ok(())
    }
}

#[derive(Debug)]
struct Odd(#[allow(dead_code, reason = "seen through `Debug`")] u64);

#[test]
fn a_call_that_is_awaited_yields_the_answer() {
    wharf::block_on(async {
        let counter = spawn(Counter::new(3));
        assert_eq!(counter.add(5).await, Ok(8));
        assert_eq!(counter.total().await, Ok(8));
        assert_eq!(counter.step().await, Ok(18));
        assert_eq!(counter.r#type(7, 0).await, Ok(7));
        assert_eq!(counter.other(vec![Counter::new(2)]).await, Ok(20));
    });
}

#[test]
fn a_call_can_be_sent_tried_timed_and_made_from_a_thread() {
    wharf::block_on(async {
        let counter = spawn(Counter::new(0));
        counter.add(1).send().await.unwrap();
        counter.add(1).try_send().unwrap();
        assert_eq!(counter.add(1).timeout(Duration::from_secs(9)).await, Ok(3));
        let of_thread = counter.clone();
        let thread = std::thread::spawn(move || {
            of_thread.add(1).send().blocking().unwrap();
            of_thread.reset(9).blocking().unwrap();
            let timed = of_thread.add(1).timeout(Duration::from_secs(9)).blocking().unwrap();
            (timed, of_thread.add(1).blocking().unwrap())
        });
        // The guest must not block its node's thread while the other asks.
        while !thread.is_finished() {
            wharf::yield_now().await;
        }
        assert_eq!(thread.join().unwrap(), (10, 11));
    });
}

#[test]
fn the_context_is_no_part_of_the_message() {
    wharf::block_on(async {
        let counter = spawn(Counter::new(0));
        let me = counter.node().guest::<()>();
        let asked = counter.who_asks().await.unwrap();
        assert!(asked.is_some() && asked != Some(me.pid().id()));
    });
}

#[test]
fn a_one_way_method_is_sent_in_order_with_calls() {
    wharf::block_on(async {
        let counter = spawn(Counter::new(3));
        counter.reset(1).await.unwrap();
        counter.reset(5).try_send().unwrap();
        assert_eq!(counter.total().await, Ok(5));
    });
}

#[test]
fn a_deferred_reply_is_what_the_call_yields() {
    wharf::block_on(async {
        let counter = spawn(Counter::new(0));
        let (changed, added) = futures::join!(counter.changed(), counter.add(4));
        assert_eq!((changed, added), (Ok(4), Ok(4)));
        let (dropped, _) = futures::join!(counter.changed(), counter.forget());
        assert_eq!(dropped, Err(AskError::NoReply));
    });
}

#[test]
fn calls_are_futures_that_can_be_joined_raced_and_kept() {
    wharf::block_on(async {
        let counter = spawn(Counter::new(0));
        let calls: Vec<Call<'_, Pid<CounterMsg>, CounterMsg, u64>> =
            (1..=3).map(|n| counter.add(n)).collect();
        assert_eq!(join_all(calls).await, [Ok(1), Ok(3), Ok(6)]);
        let mut boxed = Box::pin(counter.total());
        assert_eq!(boxed.as_mut().await, Ok(6));
        let mut timed = Box::pin(counter.total().timeout(Duration::from_secs(1)));
        assert_eq!(timed.as_mut().await, Ok(6));
    });
}

#[test]
fn a_call_ends_with_its_timeout() {
    wharf::block_on(async {
        let counter = spawn(Counter::new(0));
        let short = Duration::from_millis(2);
        let late = counter.changed().timeout(short).await;
        assert_eq!(late, Err(AskError::Timeout { to: counter.id(), after: short }));
    });
}

#[test]
fn the_nodes_deadline_is_the_one_of_a_call_without_another() {
    let short = Duration::from_millis(2);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let node = Node::builder().ask_timeout(short).start().unwrap();
        let counter = node.spawn(Counter::new(0));
        let late = counter.changed().await;
        assert_eq!(late, Err(AskError::Timeout { to: counter.id(), after: short }));
        node.stop().await;
    });
}

/// Polls once, and lets go.
async fn poll_once<F: Future>(future: F) {
    let mut future = pin!(future);
    poll_fn(|cx| {
        let _ = future.as_mut().poll(cx);
        Poll::Ready(())
    })
    .await;
}

#[test]
fn a_call_dropped_before_its_first_poll_sends_nothing_and_one_dropped_later_is_handled() {
    wharf::block_on(async {
        let counter = spawn(Counter::new(0));
        drop(counter.add(1));
        drop(counter.add(1).timeout(Duration::from_secs(1)));
        drop(counter.reset(1));
        drop(counter.add(1).send());
        assert_eq!(counter.total().await, Ok(0));
        poll_once(counter.add(1)).await;
        poll_once(counter.add(1).timeout(Duration::from_secs(1))).await;
        assert_eq!(counter.total().await, Ok(2));
    });
}

#[test]
fn a_call_of_one_who_has_ended_says_so_and_a_send_gives_the_arguments_back() {
    wharf::block_on(async {
        let counter = spawn(Counter::new(0));
        counter.stop();
        counter.stopped().await;
        assert_eq!(counter.add(1).await, Err(AskError::Down(ExitReason::NoProc)));
        let error = counter.add(7).send().await.unwrap_err();
        assert!(error.is_closed());
        let Some(CounterMsg::Add { by, reply }) = error.into_message() else { panic!("another message") };
        assert_eq!((by, reply.is_wanted()), (7, false));
        let error = counter.reset(8).await.unwrap_err();
        assert!(matches!(error.into_message(), Some(CounterMsg::Reset { to: 8 })));
        let error = counter.reset(9).try_send().unwrap_err();
        assert!(matches!(error.into_message(), Some(CounterMsg::Reset { to: 9 })));
        let error = counter.reset(3).blocking().unwrap_err();
        assert!(matches!(error.into_message(), Some(CounterMsg::Reset { to: 3 })));
    });
}

#[test]
fn a_call_finds_no_room_where_there_is_none() {
    wharf::block_on(async {
        let counter =
            Spawn::new().capacity(Capacity::Bounded(1)).overflow(Overflow::Reject).spawn(Counter::new(0));
        counter.hang().await.unwrap();
        counter.add(1).try_send().unwrap();
        assert!(counter.add(1).try_send().unwrap_err().is_full());
        assert!(matches!(counter.add(1).await, Err(AskError::Full { limit: 1, .. })));
        assert!(counter.reset(1).await.unwrap_err().is_full());
        counter.kill();
    });
}

#[test]
fn a_send_that_waits_can_be_taken_back() {
    wharf::block_on(async {
        let counter = Spawn::new().capacity(Capacity::Bounded(1)).spawn(Counter::new(0));
        counter.hang().await.unwrap();
        counter.add(1).try_send().unwrap();
        let mut send = pin!(counter.reset(5));
        poll_fn(|cx| {
            assert!(send.as_mut().poll(cx).is_pending());
            Poll::Ready(())
        })
        .await;
        assert!(matches!(send.as_mut().take_back(), Some(CounterMsg::Reset { to: 5 })));
        assert!(send.take_back().is_none());
        counter.kill();
    });
}

#[test]
fn a_result_is_part_of_the_answer() {
    wharf::block_on(async {
        let counter = spawn(Counter::new(0));
        assert_eq!(counter.parse("12".to_owned()).await, Ok(Ok(12)));
        let failed: wharf::Result<u64> = async { Ok(counter.parse("x".to_owned()).await??) }.await;
        assert_eq!(failed.unwrap_err().to_string(), "invalid digit found in string");
        assert_eq!(counter.errors().await, Ok(vec![]));
    });
}

#[test]
fn an_error_that_nobody_awaits_goes_to_on_error() {
    wharf::block_on(async {
        let counter = spawn(Counter::new(1));
        counter.parse("x".to_owned()).send().await.unwrap();
        counter.parse("3".to_owned()).send().await.unwrap();
        counter.parse_later(String::new()).await.unwrap();
        counter.odd().send().await.unwrap();
        // An answer that is no error is simply dropped.
        counter.add(1).send().await.unwrap();
        // Whoever asked has gone.
        poll_once(counter.parse("y".to_owned())).await;
        assert_eq!(
            counter.errors().await.unwrap(),
            [
                "`parse` failed: invalid digit found in string",
                "`parse_later` failed: cannot parse integer from empty string",
                "`odd` failed: Odd(3)",
                "`parse` failed: invalid digit found in string",
            ]
        );
    });
}

/// Has no `on_error` of its own.
struct Careless(u32);

#[wharf::actor]
impl Careless {
    #[one_way]
    fn fail(&mut self) -> Result<(), String> {
        self.0 += 1;
        Err("careless".to_owned())
    }

    fn failures(&mut self) -> u32 {
        self.0
    }
}

#[test]
fn an_error_that_nobody_awaits_does_not_end_the_actor() {
    wharf::block_on(async {
        let careless = spawn(Careless(0));
        careless.fail().await.unwrap();
        assert_eq!(careless.failures().await, Ok(1));
    });
}

/// Ends at the first error.
struct Strict;

#[wharf::actor]
impl Strict {
    #[one_way]
    fn fail(&mut self) -> Result<(), String> {
        Err("strict".to_owned())
    }

    async fn on_error(&mut self, error: Unheard, _: &mut Context<StrictMsg>) -> Result<(), ExitReason> {
        assert_eq!(error.method(), "fail");
        let error = error.downcast::<u8>().unwrap_err();
        assert_eq!(error.downcast_ref::<String>().unwrap(), "strict");
        Err(ExitReason::failed(error.downcast::<String>().unwrap()))
    }
}

#[test]
fn an_error_returned_from_on_error_ends_the_actor() {
    wharf::block_on(async {
        let strict = spawn(Strict);
        let mut watcher = strict.node().guest::<()>();
        watcher.monitor(&strict);
        strict.fail().await.unwrap();
        let Some(Event::Down(down)) = watcher.next().await else { panic!("no down") };
        assert_eq!(down.reason, ExitReason::failed("strict"));
    });
}

/// Generic in what it holds, not in how it makes it.
struct Stack<T, F> {
    items: Vec<T>,
    make: F,
}

#[wharf::actor]
impl<T, F> Stack<T, F>
where
    T: Clone + Send + 'static,
    F: FnMut() -> T + Send + 'static,
{
    fn new(make: F) -> Self {
        Self { items: Vec::new(), make }
    }

    async fn push(&mut self, item: T) -> usize {
        self.items.push(item);
        self.items.len()
    }

    #[one_way]
    async fn push_made(&mut self) {
        let item = (self.make)();
        self.items.push(item);
    }

    async fn pop(&mut self) -> Option<T> {
        self.items.pop()
    }
}

#[test]
fn a_generic_actor_has_generic_messages() {
    wharf::block_on(async {
        let stack: Pid<StackMsg<&str>> = spawn(Stack::new(|| "made"));
        assert_eq!(stack.push("given").await, Ok(1));
        stack.push_made().await.unwrap();
        assert_eq!(stack.pop().await, Ok(Some("made")));
        assert_eq!(stack.pop().await, Ok(Some("given")));
        assert_eq!(stack.pop().await, Ok(None));
    });
}

mod bank {
    use super::*;

    /// Keeps money.
    #[wharf::protocol]
    pub(crate) trait Bank {
        /// Pays in.
        async fn deposit(&mut self, amount: u64) -> u64;
        async fn withdraw(&mut self, amount: u64) -> Result<u64, String>;
        /// With a body of its own.
        async fn deposit_twice(&mut self, amount: u64) -> u64 {
            self.deposit(amount).await;
            self.deposit(amount).await
        }
        #[one_way]
        async fn close(&mut self, cx: &mut Context<Self::Msg>);
        fn audit(&mut self, reply: Reply<String>);
    }

    #[wharf::protocol]
    pub(crate) trait Shelf<T: Clone + Send + 'static> {
        async fn place(&mut self, item: T);
        async fn list(&self) -> Vec<T>;
    }
}

use bank::{Bank, BankCalls, BankMsg, Shelf, ShelfCalls, ShelfMsg};

struct PiggyBank {
    balance: u64,
    failures: u64,
}

#[wharf::actor]
impl Bank for PiggyBank {
    async fn started(&mut self, _: &mut Context<Self::Msg>) -> Result<(), ExitReason> {
        self.balance += 1;
        Ok(())
    }

    async fn deposit(&mut self, amount: u64) -> u64 {
        wharf::yield_now().await;
        self.balance += amount;
        self.balance
    }

    async fn withdraw(&mut self, amount: u64) -> Result<u64, String> {
        self.balance = self.balance.checked_sub(amount).ok_or("too little")?;
        Ok(self.balance)
    }

    async fn close(&mut self, cx: &mut Context<Self::Msg>) {
        cx.stop_with(ExitReason::custom("closed"));
    }

    fn audit(&mut self, reply: Reply<String>) {
        let _ = reply.send(format!("{} and {} failures", self.balance, self.failures));
    }

    async fn on_error(&mut self, error: Unheard, _: &mut Context<BankMsg>) -> Result<(), ExitReason> {
        assert_eq!(error.to_string(), "`withdraw` failed: too little");
        self.failures += 1;
        Ok(())
    }
}

#[test]
fn a_protocol_is_all_a_client_needs() {
    async fn client(bank: &impl Destination<BankMsg>) {
        assert_eq!(bank.deposit(5).await, Ok(6));
        assert_eq!(bank.deposit_twice(2).await, Ok(10));
        assert_eq!(bank.withdraw(3).await, Ok(Ok(7)));
        bank.withdraw(30).send().await.unwrap();
        assert_eq!(bank.audit().await.as_deref(), Ok("7 and 1 failures"));
    }
    wharf::block_on(async {
        let bank = spawn(PiggyBank { balance: 0, failures: 0 });
        client(&bank).await;
        let mut watcher = bank.node().guest::<()>();
        watcher.monitor(&bank);
        bank.close().await.unwrap();
        let Some(Event::Down(down)) = watcher.next().await else { panic!("no down") };
        assert_eq!(down.reason, ExitReason::custom("closed"));
    });
}

/// Speaks two protocols beside its own messages, and is generic.
struct Teller<T> {
    balance: u64,
    shelf: Vec<T>,
    greeted: u32,
}

#[wharf::actor(Bank, Shelf<T>)]
impl<T: Clone + Send + Sync + 'static> Teller<T> {
    async fn greet(&mut self) -> u32 {
        self.greeted += 1;
        self.greeted
    }

    fn fail(&mut self) -> Result<(), String> {
        Err("teller".to_owned())
    }

    async fn on_error(&mut self, error: Unheard, cx: &mut Context<TellerMsg<T>>) -> Result<(), ExitReason> {
        assert!(!error.method().is_empty());
        cx.stop_with(ExitReason::custom(error.to_string()));
        Ok(())
    }
}

impl<T: Clone + Send + Sync + 'static> Bank for Teller<T> {
    async fn deposit(&mut self, amount: u64) -> u64 {
        self.balance += amount;
        self.balance
    }

    async fn withdraw(&mut self, amount: u64) -> Result<u64, String> {
        Err(format!("no {amount}"))
    }

    async fn close(&mut self, cx: &mut Context<Self::Msg>) {
        cx.stop();
    }

    fn audit(&mut self, reply: Reply<String>) {
        let _ = reply.send(String::new());
    }
}

impl<T: Clone + Send + Sync + 'static> Shelf<T> for Teller<T> {
    async fn place(&mut self, item: T) {
        self.shelf.push(item);
    }

    async fn list(&self) -> Vec<T> {
        self.shelf.clone()
    }
}

#[test]
fn an_actor_speaks_several_protocols_beside_its_own_messages() {
    wharf::block_on(async {
        let teller = spawn(Teller { balance: 0, shelf: Vec::new(), greeted: 0 });
        assert_eq!(teller.greet().await, Ok(1));
        assert_eq!(teller.deposit(5).await, Ok(5));
        assert_eq!(teller.place('x').await, Ok(()));
        teller.place('y').send().await.unwrap();
        assert_eq!(teller.list().await, Ok(vec!['x', 'y']));
        teller.send(ShelfMsg::Place { item: 'z', reply: Reply::none() }.into()).await.unwrap();
        assert_eq!(teller.list().timeout(Duration::from_secs(1)).await.unwrap().len(), 3);
        let mut watcher = teller.node().guest::<()>();
        watcher.monitor(&teller);
        teller.withdraw(3).send().await.unwrap();
        let Some(Event::Down(down)) = watcher.next().await else { panic!("no down") };
        assert_eq!(down.reason, ExitReason::custom("`withdraw` failed: no 3".to_owned()));
    });
}

#[test]
fn a_part_that_could_not_be_sent_comes_back_as_the_part() {
    wharf::block_on(async {
        let teller = spawn(Teller::<u8> { balance: 0, shelf: Vec::new(), greeted: 0 });
        teller.fail().await.unwrap().unwrap_err();
        teller.stop();
        teller.stopped().await;
        let part = teller.deposit(5).send().await.unwrap_err().into_message();
        assert!(matches!(part, Some(BankMsg::Deposit { amount: 5, .. })));
        let part = teller.deposit(6).try_send().unwrap_err().into_message();
        assert!(matches!(part, Some(BankMsg::Deposit { amount: 6, .. })));
        let whole = TellerMsg::<u8>::Fail { reply: Reply::none() };
        assert!(TryInto::<BankMsg>::try_into(whole).is_err());
    });
}

/// What takes a bank takes any actor's part that is one.
async fn pay_in(bank: &impl Destination<BankMsg>, amount: u64) -> u64 {
    bank.deposit(amount).await.unwrap()
}

#[test]
fn the_stubs_of_a_protocol_work_on_the_pid_of_the_protocol_alone() {
    wharf::block_on(async {
        let teller = spawn(Teller::<u8> { balance: 10, shelf: Vec::new(), greeted: 0 });
        let piggy = spawn(PiggyBank { balance: 19, failures: 0 });
        let part: Pid<BankMsg> = teller.narrow();
        assert_eq!((part.id(), part.any()), (teller.id(), teller.any()));
        let banks = [part.clone(), piggy.clone()];
        let mut totals = Vec::new();
        for bank in &banks {
            totals.push(pay_in(bank, 1).await);
            bank.deposit(1).send().await.unwrap();
            bank.deposit(1).try_send().unwrap();
            totals.push(bank.deposit(1).timeout(Duration::from_secs(5)).await.unwrap());
        }
        assert_eq!(totals, [11, 14, 21, 24]);
        assert_eq!(part.withdraw(3).await, Ok(Err("no 3".to_owned())));
        let blocking = part.clone();
        let told = wharf::run_blocking(move || blocking.deposit(6).blocking()).await.unwrap();
        assert_eq!(told, Ok(20));
        part.close().await.unwrap();
        part.stopped().await;
        let back = part.deposit(5).send().await.unwrap_err().into_message();
        assert!(matches!(back, Some(BankMsg::Deposit { amount: 5, .. })));
        assert_eq!(part.deposit(5).await, Err(AskError::Down(ExitReason::NoProc)));
    });
}

#[test]
fn a_narrowed_pid_is_watched_and_asked_in_many_orders() {
    crate::explored::in_many_orders(async |mut mailbox: Mailbox<()>| {
        let teller = spawn(Teller::<u8> { balance: 0, shelf: Vec::new(), greeted: 0 });
        let (bank, shelf) = (teller.narrow::<BankMsg>(), teller.narrow::<ShelfMsg<u8>>());
        mailbox.monitor(&bank);
        shelf.place(7).await.unwrap();
        assert_eq!(bank.deposit(1).await, Ok(1));
        assert_eq!(shelf.list().await, Ok(vec![7]));
        bank.close().await.unwrap();
        let Some(Event::Down(down)) = mailbox.next().await else { panic!("no `Down`") };
        assert_eq!(down.subject, teller.id());
    });
}

mod visible {
    pub(super) struct Lamp(pub(super) bool);

    #[wharf::actor]
    impl Lamp {
        /// Whether it burns.
        pub(crate) async fn is_lit(&mut self) -> bool {
            self.0
        }

        async fn toggle(&mut self) {
            self.0 = !self.0;
        }
    }
}

#[test]
fn messages_and_stubs_are_as_visible_as_the_methods() {
    use visible::{Lamp, LampCalls, LampMsg};
    wharf::block_on(async {
        let lamp: Pid<LampMsg> = spawn(Lamp(false));
        lamp.toggle().await.unwrap();
        assert_eq!(lamp.is_lit().await, Ok(true));
        assert_eq!(format!("{:?}", LampMsg::IsLit { reply: Reply::none() }), "IsLit { .. }");
    });
}

mod without_prelude {
    pub(super) struct Bare;

    mod renamed {
        pub(super) use ::wharf as actors;
    }

    #[wharf::actor(crate = renamed::actors)]
    impl Bare {
        pub(super) async fn bare(&mut self) -> core::result::Result<u8, core::fmt::Error> {
            Ok(1)
        }
    }

    // What a module may call as it likes.
    #[allow(dead_code, reason = "in the way on purpose")]
    enum Result {}
    #[allow(dead_code, reason = "in the way on purpose")]
    enum Option {}
    #[allow(dead_code, reason = "in the way on purpose")]
    trait Future {}
}

#[test]
fn what_the_macro_makes_needs_no_imports() {
    use without_prelude::{Bare, BareCalls};
    wharf::block_on(async {
        assert_eq!(spawn(Bare).bare().await, Ok(Ok(1)));
    });
}

/// An actor without messages.
struct Idle;

#[wharf::actor]
impl Idle {
    async fn started(&mut self, cx: &mut Context<IdleMsg>) -> Result<(), ExitReason> {
        cx.stop_with(ExitReason::custom("idle"));
        Ok(())
    }
}

#[test]
fn an_actor_may_have_no_messages() {
    wharf::block_on(async {
        let idle = spawn(Idle);
        idle.stopped().await;
        assert!(!idle.is_alive());
    });
}

/// Takes a message only when it is open.
struct Gate {
    open: bool,
    seen: Vec<u8>,
}

#[wharf::actor]
impl Gate {
    fn accepts(&self, msg: &GateMsg) -> bool {
        self.open || !matches!(msg, GateMsg::Pass { .. })
    }

    #[one_way]
    fn pass(&mut self, who: u8) {
        self.seen.push(who);
    }

    fn open(&mut self) -> usize {
        self.open = true;
        self.seen.len()
    }

    fn seen(&mut self) -> Vec<u8> {
        self.seen.clone()
    }
}

#[test]
fn what_accepts_refuses_waits() {
    wharf::block_on(async {
        let gate = spawn(Gate { open: false, seen: Vec::new() });
        gate.pass(1).await.unwrap();
        gate.pass(2).await.unwrap();
        assert_eq!(gate.open().await, Ok(0));
        assert_eq!(gate.seen().await, Ok(vec![1, 2]));
    });
}

#[wharf::main]
async fn main_of_a_program() -> Result<u64, Box<dyn std::error::Error>> {
    let text = String::from("4");
    let not_send = std::rc::Rc::new(text.parse()?);
    let counter = spawn(Counter::new(*not_send));
    Ok(counter.add(1).await?)
}

#[wharf::main]
async fn main_without_a_type() {
    spawn(Counter::new(0)).add(1).await.unwrap();
}

#[test]
fn main_runs_its_body_as_a_guest_and_returns_what_it_returns() {
    assert_eq!(main_of_a_program().unwrap(), 5);
    main_without_a_type();
}

#[test]
fn calls_are_send_and_not_unpin() {
    fn is_send<T: Send>(value: T) -> T {
        value
    }
    #[allow(dead_code, reason = "compiled, not run")]
    async fn generic<D: Destination<CounterMsg>>(to: D) {
        let _ = to.add(1).await;
        let _ = to.reset(1).await;
    }
    wharf::block_on(async {
        let counter = spawn(Counter::new(0));
        drop(is_send(counter.add(1)));
        drop(is_send(counter.add(1).timeout(Duration::ZERO)));
        drop(is_send(counter.reset(1)));
        drop(is_send(generic(counter.clone())));
        let mine = counter.clone();
        let task = tokio::spawn(async move { mine.add(1).await });
        assert_eq!(task.await.unwrap(), Ok(1));
    });
    trait IfUnpin {
        const UNPIN: bool = false;
    }
    struct Is<T>(std::marker::PhantomData<T>);
    impl<T> IfUnpin for T {}
    impl<T: Unpin> Is<T> {
        #[allow(dead_code, reason = "there only for types that are `Unpin`")]
        const UNPIN: bool = true;
    }
    const {
        assert!(!Is::<Call<'static, Pid<CounterMsg>, CounterMsg, u64>>::UNPIN);
        assert!(!Is::<CallTimeout<'static, Pid<CounterMsg>, CounterMsg, u64>>::UNPIN);
        assert!(!Is::<SendTo<'static, Pid<CounterMsg>, CounterMsg>>::UNPIN);
        assert!(Is::<u8>::UNPIN);
    }
}

/// Keeps things, and speaks one generic protocol.
struct Cupboard<T>(Vec<T>);

#[wharf::actor]
impl<T: Clone + Send + Sync + 'static> Shelf<T> for Cupboard<T> {
    async fn place(&mut self, item: T) {
        self.0.push(item);
    }

    async fn list(&self) -> Vec<T> {
        self.0.clone()
    }
}

#[test]
fn a_generic_protocol_can_be_all_that_an_actor_speaks() {
    wharf::block_on(async {
        let shelf: Pid<ShelfMsg<u8>> = spawn(Cupboard(vec![1]));
        shelf.place(2).await.unwrap();
        assert_eq!(shelf.list().await, Ok(vec![1, 2]));
    });
}
