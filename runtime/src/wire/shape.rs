//! What types look like: a `Deserializer` that makes values up and records what it was asked for.
//!
//! A type's `Deserialize` asks for its parts one by one. An enum shows one variant at a time, so the
//! tracer runs it again until nothing new comes; what it has seen is a tree, kept between the runs. A
//! part that refuses what it is given hides those after it, so in the next run it comes last, where
//! the format of the parent allows. Inside of itself a type is only named.

mod node;
mod trace;

use std::cell::RefCell;
use std::fmt::Write as _;

use serde::de::DeserializeOwned;

use self::node::Node;
use self::trace::{Run, Trace};

/// How often a type is run at most: as many variants of one enum can be seen.
const MAX_RUNS: usize = 1024;

thread_local! {
    /// Pids that were asked for while a type is traced; `None` when none is.
    static TRACED: RefCell<Option<Option<String>>> = const { RefCell::new(None) };
}

/// Whether what asks is being traced.
pub(super) fn is_tracing() -> bool {
    TRACED.with_borrow(Option::is_some)
}

/// Notes that a pid was asked for.
pub(super) fn note_pid(name: &str, version: u16) {
    TRACED.with_borrow_mut(|traced| {
        if let Some(pid) = traced {
            *pid = Some(format!("pid<{name} {version}>"));
        }
    });
}

/// The pid that the last part asked for.
fn take_pid() -> Option<String> {
    TRACED.with_borrow_mut(|traced| traced.as_mut()?.take())
}

struct Restore(Option<Option<String>>);

impl Drop for Restore {
    fn drop(&mut self) {
        TRACED.set(self.0.take());
    }
}

/// What `T` looks like, as text.
pub(super) fn of<T: DeserializeOwned>() -> String {
    let _restore = Restore(TRACED.replace(Some(None)));
    let mut root = Node::default();
    for _ in 0..MAX_RUNS {
        let mut run = Run::default();
        let outcome = T::deserialize(Trace::new(&mut root, &mut run));
        root.settle(outcome.is_ok(), &mut run);
        if !run.found_new() {
            break;
        }
    }
    let mut text = String::new();
    root.render(&mut text);
    text
}

/// Records what a message looks like. [`fingerprint`](super::fingerprint) makes it; the code of
/// `#[derive(Wire)]` uses it.
#[derive(Debug)]
pub struct Tracer {
    text: String,
}

impl Tracer {
    pub(super) fn new(name: &str, version: u16, declaration: u64) -> Self {
        Self { text: format!("{name} {version} {declaration:x}") }
    }

    /// A variant, or a method's message: its parts follow.
    pub fn variant(&mut self, name: &str) {
        self.note(&format!("\n{name}"));
    }

    /// A part of the last variant: what it looks like follows, by its [`Field::trace`](super::Field::trace).
    pub fn field(&mut self, name: &str) {
        self.note(&format!("\n {name}: "));
    }

    /// A message of another type, the only part of the last variant.
    pub fn part<M: super::Wire>(&mut self) {
        self.group(&format!("{} {} {:x}", M::NAME, M::VERSION, M::FINGERPRINT), M::trace);
    }

    pub(super) fn note(&mut self, text: &str) {
        self.text.push_str(text);
    }

    pub(super) fn group(&mut self, name: &str, inside: impl FnOnce(&mut Self)) {
        let _ = write!(self.text, "{name}<");
        inside(self);
        self.text.push('>');
    }

    pub(super) fn finish(self) -> u64 {
        hash(&self.text)
    }
}

/// FNV-1a of 64 bits. It finds mistakes, not enemies.
#[must_use]
pub const fn hash(text: &str) -> u64 {
    let bytes = text.as_bytes();
    let (mut hash, mut at) = (0xcbf2_9ce4_8422_2325_u64, 0);
    while at < bytes.len() {
        hash = (hash ^ bytes[at] as u64).wrapping_mul(0x0000_0100_0000_01b3);
        at += 1;
    }
    hash
}
