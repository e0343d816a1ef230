//! `skynet`: a tree of actors with ten children each, whose leaves' numbers
//! are summed on the way back to the root.
use crate::Bench;
use common::{Done, Report};
use wharf::prelude::*;

pub(crate) fn skynet(bench: &Bench, n: u64) -> Option<Report> {
    let started = common::now();
    bench.node.spawn(Branch {
        above: Above::Nobody(bench.done.clone()),
        level: common::skynet_levels(n),
        num: 0,
        missing: CHILDREN,
        sum: 0,
    });
    bench.wait.expect(common::skynet_sum(n));
    Report::new(n, started.elapsed())
}

const CHILDREN: u64 = 10;

/// Whom a branch tells its sum.
enum Above {
    Nobody(Done),
    Parent(Pid<u64>),
}

struct Branch {
    above: Above,
    level: u32,
    num: u64,
    missing: u64,
    sum: u64,
}

impl Branch {
    // A branch gets ten sums in its life, so this send never waits.
    async fn finish(&self, sum: u64, cx: &mut Context<u64>) -> Result<(), ExitReason> {
        match &self.above {
            Above::Nobody(done) => done.signal(sum),
            Above::Parent(parent) => parent.send(sum).await?,
        }
        cx.stop();
        Ok(())
    }
}

impl Actor for Branch {
    type Msg = u64;

    async fn started(&mut self, cx: &mut Context<u64>) -> Result<(), ExitReason> {
        if self.level == 0 {
            return self.finish(self.num, cx).await;
        }
        let step = CHILDREN.pow(self.level - 1);
        for i in 0..CHILDREN {
            wharf::spawn(Self {
                above: Above::Parent(cx.pid().clone()),
                level: self.level - 1,
                num: self.num + i * step,
                missing: CHILDREN,
                sum: 0,
            });
        }
        Ok(())
    }

    async fn handle(&mut self, sum: u64, cx: &mut Context<u64>) -> Result<(), ExitReason> {
        self.sum += sum;
        self.missing -= 1;
        if self.missing == 0 {
            self.finish(self.sum, cx).await?;
        }
        Ok(())
    }
}
