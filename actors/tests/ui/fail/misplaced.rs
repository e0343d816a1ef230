//! Each attribute stands on what it is for.
#[wharf::actor]
struct Counter(u64);

#[wharf::protocol]
struct Bank;

struct View<'a>(&'a str);

#[wharf::actor]
impl<'a> View<'a> {}

#[wharf::main]
fn main() {}
