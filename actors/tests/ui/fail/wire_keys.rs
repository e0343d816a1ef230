//! What messages that travel may be given is listed.
struct Worker;

#[wharf::actor(wire, named = "w")]
impl Worker {}

struct Local;

#[wharf::actor(version = 2)]
impl Local {}

#[wharf::protocol(wire)]
trait Works {}

#[derive(wharf::Wire)]
#[wire(size = 3)]
struct Message;

#[derive(wharf::Wire)]
struct Borrowed<'a>(&'a str);

fn main() {}
