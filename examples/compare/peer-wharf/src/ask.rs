//! `ask` and `ask_pipelined`: actors that each ask one server, one request at
//! a time, under the default deadline.
use crate::Bench;
use common::{Done, Report};
use wharf::prelude::*;

pub(crate) fn ask(bench: &Bench, n: u64, askers: u64) -> Option<Report> {
    let each = n / askers;
    let server = bench.node.spawn(Server);
    let askers: Vec<_> = (0..askers)
        .map(|_| bench.node.spawn(Asker { server: server.clone(), each, done: bench.done.clone() }))
        .collect();
    let started = common::now();
    for asker in &askers {
        asker.try_send(()).expect("an empty mailbox");
    }
    for _ in &askers {
        bench.wait.expect(each);
    }
    Report::new(each * askers.len() as u64, started.elapsed())
}

struct Increment {
    value: u64,
    reply: Reply<u64>,
}

struct Server;

impl Actor for Server {
    type Msg = Increment;

    async fn handle(&mut self, msg: Increment, _cx: &mut Context<Increment>) -> Result<(), ExitReason> {
        let _ = msg.reply.send(msg.value + 1);
        Ok(())
    }
}

struct Asker {
    server: Pid<Increment>,
    each: u64,
    done: Done,
}

impl Actor for Asker {
    type Msg = ();

    async fn handle(&mut self, (): (), _cx: &mut Context<()>) -> Result<(), ExitReason> {
        for value in 0..self.each {
            let answer = self.server.ask(|reply| Increment { value, reply }).await?;
            assert_eq!(answer, value + 1);
        }
        self.done.signal(self.each);
        Ok(())
    }
}
