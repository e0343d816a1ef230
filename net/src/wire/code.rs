//! The numbers that stand for kinds on the wire. A number, once given, is never given again.

pub(crate) const SEND: u8 = 1;
pub(crate) const SIGNAL: u8 = 2;
pub(crate) const REPLY: u8 = 3;
pub(crate) const CREDIT: u8 = 4;
pub(crate) const HEARTBEAT: u8 = 5;
pub(crate) const FRAGMENT: u8 = 6;
pub(crate) const GOODBYE: u8 = 7;
pub(crate) const WANT: u8 = 9;
pub(crate) const RECALL: u8 = 10;
pub(crate) const RETURNED: u8 = 11;
pub(crate) const TYPE_OFFER: u8 = 12;
pub(crate) const TYPE_ANSWER: u8 = 13;
pub(crate) const REQUEST: u8 = 14;
pub(crate) const OUTCOME: u8 = 15;
pub(crate) const GONE: u8 = 16;
pub(crate) const NODE: u8 = 17;
pub(crate) const HAND_OVER: u8 = 18;
pub(crate) const TAKEN: u8 = 19;
pub(crate) const HELLO: u8 = 32;
pub(crate) const CHALLENGE: u8 = 33;
pub(crate) const PROOF: u8 = 34;
pub(crate) const WELCOME: u8 = 35;
pub(crate) const INTRODUCE: u8 = 36;
pub(crate) const ACCEPT: u8 = 37;
pub(crate) const REFUSE: u8 = 38;

pub(crate) mod signal {
    pub(crate) const EXIT: u8 = 1;
    pub(crate) const DOWN: u8 = 2;
    pub(crate) const LINK: u8 = 3;
    pub(crate) const UNLINK: u8 = 4;
    pub(crate) const UNLINK_ACK: u8 = 5;
    pub(crate) const MONITOR: u8 = 6;
    pub(crate) const DEMONITOR: u8 = 7;
    pub(crate) const STOP: u8 = 8;
}

pub(crate) mod taken {
    pub(crate) const HANDED_OVER: u8 = 1;
    pub(crate) const LOST: u8 = 2;
}

pub(crate) mod cause {
    pub(crate) const LINK: u8 = 1;
    pub(crate) const REQUEST: u8 = 2;
}

pub(crate) mod reason {
    pub(crate) const NORMAL: u8 = 1;
    pub(crate) const SHUTDOWN: u8 = 2;
    pub(crate) const SHUTDOWN_WITH: u8 = 3;
    pub(crate) const KILL: u8 = 4;
    pub(crate) const KILLED: u8 = 5;
    pub(crate) const PANICKED: u8 = 6;
    pub(crate) const FAILED: u8 = 7;
    pub(crate) const CUSTOM: u8 = 8;
    pub(crate) const NO_PROC: u8 = 9;
    pub(crate) const NO_CONNECTION: u8 = 10;
}

pub(crate) mod answer {
    pub(crate) const VALUE: u8 = 1;
    pub(crate) const DROPPED: u8 = 2;
    pub(crate) const DOWN: u8 = 3;
}

pub(crate) mod goodbye {
    pub(crate) const STOPPING: u8 = 1;
    pub(crate) const BROKEN_PROTOCOL: u8 = 2;
    pub(crate) const SILENT: u8 = 3;
    pub(crate) const SUPERSEDED: u8 = 4;
    pub(crate) const OVERLOADED: u8 = 5;
}

pub(crate) mod verdict {
    pub(crate) const AGREED: u8 = 1;
    pub(crate) const UNKNOWN: u8 = 2;
    pub(crate) const NO_COMMON_VERSION: u8 = 3;
    pub(crate) const DIFFERS: u8 = 4;
}

pub(crate) mod request {
    pub(crate) const LOOKUP: u8 = 1;
    pub(crate) const SPAWN: u8 = 2;
}

pub(crate) mod outcome {
    pub(crate) const FOUND: u8 = 1;
    pub(crate) const ABSENT: u8 = 2;
    pub(crate) const DENIED: u8 = 3;
    pub(crate) const FAILED: u8 = 4;
}

pub(crate) mod refusal {
    pub(crate) const VERSION: u8 = 1;
    pub(crate) const WRONG_KEY: u8 = 2;
    pub(crate) const ONESELF: u8 = 3;
    pub(crate) const SAME_NAME: u8 = 4;
    pub(crate) const UNEXPECTED_NAME: u8 = 5;
    pub(crate) const ALREADY_CONNECTED: u8 = 6;
    pub(crate) const BOTH_DIALLED: u8 = 7;
    pub(crate) const SUPERSEDED: u8 = 8;
    pub(crate) const BUSY: u8 = 9;
}
