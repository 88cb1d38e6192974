//! A target that says what it is told to, for the tests of probes.

use super::*;
pub(super) use crate::redis::capability::Reply;
use demand::answer::Cause;

pub(super) const REFUSED: Reply = Reply::Error(Cause::Refused);

#[derive(Clone, Copy)]
pub(super) struct Given {
    pub connect: Reply,
    pub ping: Reply,
    pub read: Reply,
    pub write: Reply,
    pub replica: bool,
    pub memory: f64,
    pub request: Reply,
}

impl Given {
    /// A primary that answers everything.
    pub const HEALTHY: Given = Given {
        connect: Reply::Fine,
        ping: Reply::Fine,
        read: Reply::Fine,
        write: Reply::Fine,
        replica: false,
        memory: 0.5,
        request: Reply::Fine,
    };
}

impl Target for Given {
    fn connect(&self) -> Reply {
        self.connect
    }
    fn ping(&self) -> Reply {
        self.ping
    }
    fn read(&self) -> Reply {
        self.read
    }
    fn write(&self) -> Reply {
        self.write
    }
    fn is_replica(&self) -> bool {
        self.replica
    }
    fn memory_share(&self) -> f64 {
        self.memory
    }
    fn request(&self) -> Reply {
        self.request
    }
}
