//! What a connection may cost, and how long it waits.

use std::time::Duration;

/// Limits and times of one node. All of them are for each peer, unless they say otherwise.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Config {
    /// A sign of life goes out after this long without one.
    pub heartbeat: Duration,
    /// A peer that was not heard for this long is given up.
    pub silence: Duration,
    /// A frame has to be complete this long after its first byte.
    pub unfinished_frame: Duration,
    /// A handshake has to be over after this long.
    pub handshake: Duration,
    /// Most bytes of a handshake that are read.
    pub handshake_bytes: usize,
    /// Most handshakes with strangers at a time, in the whole node: with so many, one from where most call
    /// makes way for the next. 0: no calls are taken.
    pub strangers: usize,
    /// Longest frame, either way.
    pub frame_bytes: u32,
    /// Most bytes in one buffer that goes to the transport.
    pub transmit_bytes: usize,
    /// With this many bytes waiting for the transport, messages wait.
    pub queue_bytes: usize,
    /// With this many, the connection is given up: signals and answers are never dropped one by one.
    pub queue_limit_bytes: usize,
    /// With this many events not yet taken, no more input is read.
    pub events: usize,
    /// Pairs of actors that speak over the connection, each way.
    pub pairs: usize,
    /// Links, and monitors each way.
    pub relations: usize,
    /// Rights to answer that were let out and not used.
    pub asks: usize,
    /// Requests to the peer's node that wait for an outcome, each way.
    pub requests: usize,
    /// Other nodes whose actors' pids are in messages, each way.
    pub introductions: usize,
    /// Types of messages, each way.
    pub types: usize,
    /// Sends that wait for credit.
    pub waiting: usize,
    /// Mailboxes for which the peer holds credit, and for which it may be held.
    pub mailboxes: usize,
    /// Credit that was not used for this long is recalled.
    pub idle_credit: Duration,
    /// Commands that wait for a connection to stand.
    pub queued_commands: usize,
    /// Bytes that they may have.
    pub queued_bytes: usize,
    /// First wait before another call.
    pub backoff_first: Duration,
    /// Longest wait before another call.
    pub backoff_most: Duration,
    /// Other nodes that are remembered, connected or not, in the whole node.
    pub peers: usize,
    /// Actors known to other nodes, in the whole node.
    pub exports: usize,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            heartbeat: Duration::from_secs(1),
            silence: Duration::from_secs(5),
            unfinished_frame: Duration::from_secs(10),
            handshake: Duration::from_secs(5),
            handshake_bytes: 4096,
            strangers: 128,
            frame_bytes: 1024 * 1024,
            transmit_bytes: 64 * 1024,
            queue_bytes: 4 * 1024 * 1024,
            queue_limit_bytes: 64 * 1024 * 1024,
            events: 1024,
            pairs: 262_144,
            relations: 16_384,
            asks: 16_384,
            requests: 1024,
            introductions: 4096,
            types: 4096,
            waiting: 16_384,
            mailboxes: 65_536,
            idle_credit: Duration::from_secs(2),
            queued_commands: 1024,
            queued_bytes: 1024 * 1024,
            backoff_first: Duration::from_millis(100),
            backoff_most: Duration::from_secs(30),
            peers: 1024,
            exports: 1024 * 1024,
        }
    }
}
