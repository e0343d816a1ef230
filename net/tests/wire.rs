//! The wire format from outside: its document, its golden bytes, its promises.

#![allow(clippy::unwrap_used, reason = "a test's helpers may fail the test")]

#[path = "wire/examples.rs"]
mod examples;
#[path = "wire/format.rs"]
mod format;
#[path = "wire/hostile.rs"]
mod hostile;
#[path = "wire/shapes.rs"]
mod shapes;
#[path = "wire/stream.rs"]
mod stream;
