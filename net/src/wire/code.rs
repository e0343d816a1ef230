//! The numbers that stand for kinds on the wire. A number, once given, is never given again.

pub(crate) const SEND: u8 = 1;
pub(crate) const SIGNAL: u8 = 2;
pub(crate) const REPLY: u8 = 3;
pub(crate) const CREDIT: u8 = 4;
pub(crate) const HEARTBEAT: u8 = 5;
pub(crate) const FRAGMENT: u8 = 6;
pub(crate) const GOODBYE: u8 = 7;

pub(crate) mod signal {
    pub(crate) const EXIT: u8 = 1;
    pub(crate) const DOWN: u8 = 2;
    pub(crate) const LINK: u8 = 3;
    pub(crate) const UNLINK: u8 = 4;
    pub(crate) const UNLINK_ACK: u8 = 5;
    pub(crate) const MONITOR: u8 = 6;
    pub(crate) const DEMONITOR: u8 = 7;
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
}

pub(crate) mod goodbye {
    pub(crate) const STOPPING: u8 = 1;
    pub(crate) const BROKEN_PROTOCOL: u8 = 2;
    pub(crate) const SILENT: u8 = 3;
}
