//! Running a test from a seed, and what it says when it fails.

use std::fmt;
use std::future::Future;
use std::hash::{BuildHasher, RandomState};
use std::panic::Location;

use wharf_runtime::explore::TraceEvent;
use wharf_runtime::explore::guided::{self, Guided, Plan};
use wharf_runtime::{panic_hook, type_name};

use super::capture::Capture;
use super::node::TestNode;
use super::trace::Chart;
use crate::telemetry::CrashRecord;

/// What the test is called among the actors.
pub(super) const GUEST: &str = "test";
/// The variable that sets the seed.
const SEED: &str = "WHARF_SEED";
/// The variable that sets how many turns, and messages, a test may have.
const STEPS: &str = "WHARF_STEPS";
/// How many there may be, unless the variable says otherwise.
const DEFAULT_STEPS: u64 = 100_000;

/// Runs `body` as a guest of a new node that lives on this thread, under virtual time, with every
/// choice drawn from a seed: `seed`, or the one in the environment variable `WHARF_SEED`, or one
/// drawn at random. `name` is the test's, for the line that runs it again.
///
/// The node ends with the body; what actors would have done after it does not happen. A test that
/// goes round for ever is ended after 100,000 turns or messages, or as many as the variable
/// `WHARF_STEPS` says.
///
/// `#[wharf::test]` calls this.
///
/// # Panics
/// When the test fails: the body panics, or an expectation fails, or actors wait for each other in a
/// circle, or the body waits for what can't come, or the turns run out. The message says what
/// happened, with the seed, a line that runs the test again with it, the actors that crashed, and the
/// last 20 events as a Mermaid sequence diagram.
///
/// # Examples
/// ```
/// use wharf::prelude::*;
/// let total = wharf::testkit::run("a_sum", Some(7), |t| async move {
///     assert_eq!(t.seed(), 7);
///     let adder = t.spawn_fn(async |mut mailbox: Mailbox<(u32, Reply<u32>)>| {
///         let mut sum = 0;
///         while let Some((n, reply)) = mailbox.receive().await {
///             sum += n;
///             let _ = reply.send(sum);
///         }
///     });
///     adder.ask(|reply| (1, reply)).await.unwrap();
///     adder.ask(|reply| (2, reply)).await.unwrap()
/// });
/// assert_eq!(total, 3);
/// ```
#[track_caller]
pub fn run<F, Fut, R>(name: &str, seed: Option<u64>, body: F) -> R
where
    F: FnOnce(TestNode) -> Fut,
    Fut: Future<Output = R> + 'static,
{
    panic_hook::install();
    let seed = seed.or_else(|| from_environment(SEED)).unwrap_or_else(random_seed);
    let steps = from_environment(STEPS).unwrap_or(DEFAULT_STEPS);
    let plan = Plan { seed, steps, guest: GUEST, names: name_of_type, site: Location::caller() };
    let capture = Capture::default();
    let Guided { result, events } = guided::run(plan, capture.clone(), |node, guide| {
        body(TestNode::new(node, guide, capture.clone(), seed))
    });
    match result {
        Ok(output) => output,
        Err(message) => panic!("{}", Failed { name, seed, message, crashes: capture.crashes(), events }),
    }
}

#[track_caller]
fn from_environment(variable: &str) -> Option<u64> {
    let text = std::env::var(variable).ok()?;
    match text.trim().parse() {
        Ok(number) => Some(number),
        Err(_) => panic!(
            "the environment variable {variable} is `{text}`: it takes a number from 0 to {}",
            u64::MAX
        ),
    }
}

/// Short, since people type it.
fn random_seed() -> u64 {
    RandomState::new().hash_one(0_u8) >> 32
}

/// The name of an [`Actor`](crate::Actor)'s type, out of that of the future that runs it.
fn name_of_type(future: &'static str) -> Option<&'static str> {
    type_name::actor_of(future).map(type_name::short).map(type_name::without_arguments)
}

/// What is said of a test that failed.
struct Failed<'a> {
    name: &'a str,
    seed: u64,
    message: String,
    crashes: Vec<CrashRecord>,
    events: Vec<TraceEvent>,
}

impl fmt::Display for Failed<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { name, seed, message, crashes, events } = self;
        writeln!(f, "test `{name}` failed: {message}")?;
        if let Some(help) = help(message) {
            writeln!(f, "help: {help}")?;
        }
        writeln!(f, "\nseed: {seed}\nrerun: {SEED}={seed} cargo test {name}\n")?;
        for crash in crashes {
            writeln!(f, "{crash}\n")?;
        }
        write!(f, "{}", Chart(events))
    }
}

/// What to do about a failure that is not the program's.
fn help(message: &str) -> Option<String> {
    if message.contains("Tokio 1.x runtime") {
        let text = "a seeded test has no tokio runtime: use `wharf::sleep` and actors, or test sockets under \
                    `wharf::block_on`";
        return Some(text.to_owned());
    }
    message
        .starts_with("more than ")
        .then(|| format!("if it only takes long, set the environment variable {STEPS} to a larger number"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_actor_is_named_by_its_type_whatever_is_around_it() {
        let named = [
            ("wharf::actor::run<bank::teller::Teller>::{{closure}}", "Teller"),
            ("wharf::actor::run<Teller>::{{closure}}", "Teller"),
            (
                "core::pin::Pin<alloc::boxed::Box<wharf::actor::run<a::Pool<b::Job<u8>>>::{{closure}}>>",
                "Pool",
            ),
        ];
        for (future, name) in named {
            assert_eq!(name_of_type(future), Some(name));
        }
        assert_eq!(name_of_type("bank::main::{{closure}}"), None);
    }
}
