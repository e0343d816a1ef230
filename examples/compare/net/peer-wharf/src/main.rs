//! `net-wharf server|client ADDRESS ..`: wharf between two processes, over `tcp://` or `unix:`, as its
//! documentation shows it: exported actors, looked up, called through their stubs; default mailboxes, default
//! deadlines, and credit for each mailbox.

mod actors;
mod workloads;

use net_common::{Args, Role};
use wharf::Node;
use wharf::net::{Key, Net};

/// No secret: both ends are this program.
const KEY: [u8; 32] = [7; 32];

/// Joins a new node with others.
fn join(name: &str) -> Net {
    let node = Node::builder().name(name).start().expect("a tokio runtime");
    Net::builder(Key::new(KEY)).join(&node).expect("a node of its own")
}

async fn serve(address: String) {
    let net = join("server");
    actors::export(&net).expect("free names");
    net.listen(&address).await.expect("a free address");
    net_common::ready();
    std::future::pending().await
}

async fn measure(address: String, workload: String, n: u64) {
    let net = join("client");
    assert_eq!(net.connect(&address).await.expect("a server"), "server");
    workloads::run(&net, &workload, n).await.expect("a server that lasts");
}

fn main() {
    let Args { role, address } = net_common::args();
    match role {
        Role::Server => net_common::run(|| serve(address)),
        Role::Client { workload, n } => net_common::run(|| measure(address, workload, n)),
    }
}
