//! The attribute macros of [wharf]; use them through it.
//!
//! [wharf]: https://crates.io/crates/wharf

#![forbid(unsafe_code)]

mod actor;
mod args;
mod checks;
mod diag;
mod entry;
mod interface;
mod method;
mod protocol;
mod wire;

use proc_macro::TokenStream;

/// Makes an actor of a type and its methods.
///
/// On `impl Counter` it makes
/// - the message type `CounterMsg`, an enum with a variant for each method that has `self`;
/// - `impl Actor for Counter`, which calls the methods;
/// - the trait `CounterCalls`, with which a pid has a *stub* for each method. Import it where you
///   call an actor of another module: `use counter::{Counter, CounterCalls}`.
///
/// A stub takes the method's arguments and returns a [`Call`]: await it for the answer, under the
/// node's default deadline (5 seconds); or `.timeout(duration)`, `.send()`, `.try_send()`,
/// `.blocking()`. The methods themselves stay what they are, so that one may call another.
///
/// # What a method may have
/// - `&mut self`, or `&self`; it may be `async` or not. A function without `self` is no message and
///   stays as it is; so is a method in another `impl` block.
/// - Arguments that own their data and are `Send`: they become fields of the message.
/// - `cx: &mut Context<CounterMsg>`: the actor's own side. No part of the message.
/// - `reply: Reply<R>`: the method answers later, through it, and returns nothing; the call yields `R`.
/// - `#[one_way]`: no answer. The stub returns a [`SendTo`]: awaiting it waits only for room.
/// - Documentation, `#[cfg]` and `#[deprecated]`: they go to the variant and to the stub as well.
/// - A `Result`: it is part of the answer, so that a call ends in `.await??`. An error that nobody
///   awaits goes to `on_error`.
///
/// The hooks of `Actor` may stand in the same block: `started`, `accepts`, `handle_down`,
/// `handle_exit`, `on_error`, `stopped`, with the signatures that they have there.
///
/// The message type and the trait are as visible as the most visible method: for a `pub` actor write
/// `pub async fn`.
///
/// # Protocols
/// `#[wharf::actor] impl Bank for Teller` makes an actor that speaks one protocol, made by
/// [`macro@protocol`], and has no other messages. `#[wharf::actor(Bank, Admin)] impl Teller` makes one
/// that speaks several beside its own messages: it needs an `impl Bank for Teller` and an
/// `impl Admin for Teller`, and `BankCalls` and `AdminCalls` work on its pid, too. The message type of a
/// generic protocol, `Shelf<T>`, must be where the protocol is: `use shelf::{Shelf, ShelfMsg}`.
///
/// # Keys
/// - `wire`: the messages may travel to another node. Each argument and answer must be able to: see
///   [`macro@Wire`]. So must the protocols that it speaks, which they are. Without it nothing is asked
///   but `Send`, and nothing is made for it.
/// - `name`, `version`, `max_bytes`, beside `wire`: as for [`macro@Wire`].
/// - `crate = path`: where wharf is, if not at `::wharf`.
///
/// # Examples
/// ```
/// use wharf::prelude::*;
///
/// struct Counter {
///     total: u64,
/// }
///
/// #[wharf::actor]
/// impl Counter {
///     /// Adds `by` and answers with the new total.
///     async fn add(&mut self, by: u64) -> u64 {
///         self.total += by;
///         self.total
///     }
///     #[one_way]
///     async fn reset(&mut self) {
///         self.total = 0;
///     }
/// }
///
/// #[wharf::main]
/// async fn main() -> wharf::Result<()> {
///     let counter = wharf::spawn(Counter { total: 3 });
///     counter.reset().await?;
///     assert_eq!(counter.add(5).await?, 5);
///     Ok(())
/// }
/// ```
///
/// Generic, and with an answer that comes later:
/// ```
/// use wharf::prelude::*;
///
/// struct Slot<T> {
///     value: Option<T>,
///     waiting: Option<Reply<T>>,
/// }
///
/// #[wharf::actor]
/// impl<T: Send + 'static> Slot<T> {
///     fn new() -> Self {
///         Self { value: None, waiting: None }
///     }
///     async fn put(&mut self, value: T) {
///         match self.waiting.take() {
///             Some(reply) => drop(reply.send(value)),
///             None => self.value = Some(value),
///         }
///     }
///     async fn take(&mut self, reply: Reply<T>) {
///         match self.value.take() {
///             Some(value) => drop(reply.send(value)),
///             None => self.waiting = Some(reply),
///         }
///     }
/// }
///
/// wharf::block_on(async {
///     let slot = wharf::spawn(Slot::new());
///     let (taken, put) = futures::join!(slot.take(), slot.put("a coin"));
///     assert_eq!((taken, put), (Ok("a coin"), Ok(())));
/// });
/// ```
///
/// [`Call`]: ../wharf/struct.Call.html
/// [`SendTo`]: ../wharf/struct.SendTo.html
#[proc_macro_attribute]
pub fn actor(args: TokenStream, item: TokenStream) -> TokenStream {
    actor::expand(args.into(), item.into()).into()
}

/// Makes an interface of a trait: messages and stubs without an actor.
///
/// On `trait Bank` it makes the message type `BankMsg` and the trait of stubs `BankCalls`, and it
/// makes each `async fn` of the trait one whose future is `Send`. All methods take `&mut self` or
/// `&self`. A client needs only the protocol; who implements it writes
/// `#[wharf::actor] impl Bank for Teller`, or speaks several ([`macro@actor`]).
///
/// Methods may have what methods of an actor may have. Their context is `cx: &mut Context<Self::Msg>`.
///
/// The messages of a protocol may travel to another node, so each argument and answer must be able to:
/// see [`macro@Wire`]. Where that can't be, make it methods of an actor.
///
/// # Keys
/// - `name`, `version`, `max_bytes`: as for [`macro@Wire`].
/// - `crate = path`: where wharf is, if not at `::wharf`.
///
/// # Examples
/// ```
/// use wharf::prelude::*;
///
/// #[wharf::protocol]
/// pub trait Bank {
///     /// Pays in, and answers with the balance.
///     async fn deposit(&mut self, amount: u64) -> u64;
///     /// Pays out, and answers with the balance.
///     async fn withdraw(&mut self, amount: u64) -> Result<u64, String>;
/// }
///
/// struct PiggyBank(u64);
///
/// #[wharf::actor]
/// impl Bank for PiggyBank {
///     async fn deposit(&mut self, amount: u64) -> u64 {
///         self.0 += amount;
///         self.0
///     }
///     async fn withdraw(&mut self, amount: u64) -> Result<u64, String> {
///         self.0 = self.0.checked_sub(amount).ok_or("too little in it")?;
///         Ok(self.0)
///     }
/// }
///
/// #[wharf::main]
/// async fn main() -> wharf::Result<()> {
///     let bank: Pid<BankMsg> = wharf::spawn(PiggyBank(0));
///     assert_eq!(bank.deposit(5).await?, 5);
///     assert_eq!(bank.withdraw(2).await?, Ok(3));
///     assert!(bank.withdraw(4).await?.is_err());
///     Ok(())
/// }
/// ```
#[proc_macro_attribute]
pub fn protocol(args: TokenStream, item: TokenStream) -> TokenStream {
    protocol::expand(args.into(), item.into()).into()
}

/// Runs an `async fn main` as a guest of a new node.
///
/// The body is polled on the calling thread, so it need not be `Send`. It has a pid, may spawn, send
/// and receive. When it returns the node stops in order; then the process ends with what it
/// returned, as with any `fn main`.
///
/// # Keys
/// - `crate = path`: where wharf is, if not at `::wharf`.
///
/// # Examples
/// ```
/// use wharf::prelude::*;
///
/// #[wharf::main]
/// async fn main() -> wharf::Result<()> {
///     let echo = wharf::spawn_fn(async |mut mailbox: Mailbox<Reply<u8>>| {
///         while let Some(reply) = mailbox.receive().await {
///             let _ = reply.send(7);
///         }
///     });
///     assert_eq!(echo.ask(|reply| reply).await?, 7);
///     Ok(())
/// }
/// ```
#[proc_macro_attribute]
pub fn main(args: TokenStream, item: TokenStream) -> TokenStream {
    entry::main(args.into(), item.into()).into()
}

/// Runs an `async fn` as a test under the test kit.
///
/// # Keys
/// - `seed = 7`: the run of this seed, always the same.
/// - `crate = path`: where wharf is, if not at `::wharf`.
///
/// # Examples
/// ```rust,test_harness
/// use wharf::testkit::TestNode;
///
/// struct Counter {
///     total: u64,
/// }
///
/// #[wharf::actor]
/// impl Counter {
///     async fn add(&mut self, by: u64) -> u64 {
///         self.total += by;
///         self.total
///     }
/// }
///
/// #[wharf::test(seed = 7)]
/// async fn adds_up(t: TestNode) {
///     let counter = t.spawn(Counter { total: 0 });
///     assert_eq!(counter.add(5).await, Ok(5));
/// }
/// ```
#[proc_macro_attribute]
pub fn test(args: TokenStream, item: TokenStream) -> TokenStream {
    entry::test(args.into(), item.into()).into()
}

/// Says that messages of a type may travel to another node: implements [`Wire`] for a struct or an
/// enum that is written by hand.
///
/// Each field must be able to travel: what implements `Serialize` and `Deserialize` of `serde` and
/// owns its data, a `Pid<M>` of messages that travel, a `Reply<T>`. Type parameters must, too, where
/// the message is used with another node; elsewhere nothing is asked of them.
///
/// # Keys of `#[wire(..)]`
/// - `name = ".."`: what both nodes call it. By default the path of the type, such as
///   `shop::orders::Order`: so renaming or moving the type, or its crate, makes it another message
///   type for peers that have not been rebuilt. Give the old path as the name to keep it.
/// - `version = 2`: which version of it. A new version is a new type beside the old one.
/// - `max_bytes = 1_000_000`: how large a message, or an answer to it, may be; 64 KiB by default.
/// - `crate = path`: where wharf is, if not at `::wharf`.
///
/// # Examples
/// ```
/// use wharf::prelude::*;
///
/// #[derive(wharf::Wire)]
/// #[wire(name = "shop.Order", version = 2)]
/// enum Order {
///     Place { item: String, count: u32, reply: Reply<u64> },
///     Cancel(u64),
/// }
///
/// #[derive(wharf::Wire)]
/// struct Parcel<T> {
///     content: Vec<T>,
/// }
/// ```
///
/// [`Wire`]: ../wharf/wire/trait.Wire.html
#[proc_macro_derive(Wire, attributes(wire))]
pub fn wire(item: TokenStream) -> TokenStream {
    wire::derive(item.into()).into()
}
