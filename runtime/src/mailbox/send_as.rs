//! Sending on behalf of somebody who is not polled here: what comes from another node.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use crate::cell::pid::Pid;
use crate::error::SendError;

use super::send::Waiter;

/// A send on behalf of somebody who is not polled here.
pub(crate) struct SendAs<'a, M> {
    pid: &'a Pid<M>,
    message: Option<M>,
    sender: u64,
    waiter: Waiter,
}

// SAFETY: as for `Push`: what it waits in is its own, and `M` goes with it.
unsafe impl<M: Send> Send for SendAs<'_, M> {}

impl<'a, M> SendAs<'a, M> {
    pub(crate) const fn new(pid: &'a Pid<M>, message: M, sender: u64) -> Self {
        Self { pid, message: Some(message), sender, waiter: Waiter::DONE }
    }
}

impl<M> Unpin for SendAs<'_, M> {}

impl<M> Future for SendAs<'_, M> {
    type Output = Result<(), SendError<M>>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let me = self.get_mut();
        let polled = match me.message.take() {
            Some(message) => me.pid.begin_send(message, me.sender, &mut me.waiter, cx),
            None => me.pid.poll_send(&mut me.waiter, cx),
        };
        polled.map(|failed| failed.map_or(Ok(()), |error| Err(*error)))
    }
}

impl<M> Drop for SendAs<'_, M> {
    fn drop(&mut self) {
        drop(self.pid.withdraw_send(self.waiter.finish()));
    }
}
