//! The client: writes a new key every 10 ms and asks for the owner only when a write has failed.

use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::sleep;
use std::time::{Duration, Instant};

use crate::real::resp::{Connection, Failure, Value};
use crate::real::wait::now;

pub const INTERVAL: Duration = Duration::from_millis(10);
/// For connecting, and for an answer.
pub const TIMEOUT: Duration = Duration::from_millis(200);
const HOPS_MAX: usize = 5;

/// The kinds of failure, in the order of the columns `e_…`.
pub const KINDS: [&str; 13] = [
    "timeout",
    "connect_timeout",
    "refused",
    "reset",
    "clusterdown",
    "moved_loop",
    "oom",
    "readonly",
    "loading",
    "masterdown",
    "misconf",
    "tryagain",
    "other",
];

/// One write.
#[derive(Clone, Copy, Debug)]
pub struct Attempt {
    pub start: Instant,
    pub end: Instant,
    /// Why it failed, if it did: one of `KINDS`.
    pub failed: Option<&'static str>,
}

/// The servers that the client asks for the owner.
pub enum Guide {
    /// Any node of the cluster but the one that failed: CLUSTER SLOTS.
    Nodes { ports: Vec<u16>, slot: i64 },
    /// The Sentinels in turn, dead or not.
    Sentinels { ports: Vec<u16> },
}

/// The client and what it has seen.
pub struct Probe {
    guide: Guide,
    /// What keys begin with; the number of the attempt follows.
    prefix: String,
    target: u16,
    connection: Option<Connection>,
    asked: usize,
    pub moved_followed: usize,
    pub questions: usize,
}

impl Probe {
    pub fn new(guide: Guide, prefix: String, target: u16) -> Probe {
        Probe {
            guide,
            prefix,
            target,
            connection: None,
            asked: 0,
            moved_followed: 0,
            questions: 0,
        }
    }

    /// Where it writes now.
    pub fn target(&self) -> u16 {
        self.target
    }

    /// Writes until told to stop; every attempt is in `attempts` as soon as it is over.
    pub fn run(&mut self, attempts: &Mutex<Vec<Attempt>>, stop: &AtomicBool) {
        let mut due = now();
        for n in 0.. {
            if stop.load(Ordering::Relaxed) {
                return;
            }
            let key = format!("{}{n}", self.prefix);
            let start = now();
            let failed = self.write(&key, &n.to_string()).err();
            let end = now();
            let attempt = Attempt { start, end, failed };
            attempts
                .lock()
                .expect("nobody panics with it")
                .push(attempt);
            if failed.is_some_and(|kind| kind != "oom") {
                self.ask_one();
            }
            // No catching up after an attempt that took longer.
            due = (due + INTERVAL).max(now());
            sleep(due - now().min(due));
        }
    }

    fn write(&mut self, key: &str, value: &str) -> Result<(), &'static str> {
        for _ in 0..=HOPS_MAX {
            let answer = self.call(&["SET", key, value]).map_err(kind_of_failure)?;
            match &answer {
                Value::Error(text) if text.starts_with("MOVED ") => {
                    let address = text.rsplit(':').next().and_then(|port| port.parse().ok());
                    self.turn_to(address.ok_or("other")?);
                    self.moved_followed += 1;
                }
                Value::Error(_) => return Err(kind_of_error(answer.error_code().unwrap_or(""))),
                _ => return Ok(()),
            }
        }
        Err("moved_loop")
    }

    fn call(&mut self, command: &[&str]) -> Result<Value, Failure> {
        let mut connection = match self.connection.take() {
            Some(connection) => connection,
            None => Connection::open(self.target, TIMEOUT)?,
        };
        // Kept only if it answered; the next attempt reconnects otherwise.
        let answer = connection.call(command)?;
        self.connection = Some(connection);
        Ok(answer)
    }

    fn turn_to(&mut self, port: u16) {
        if port != self.target {
            self.target = port;
            self.connection = None;
        }
    }

    /// Asks the next in turn, once, and goes where it says.
    fn ask_one(&mut self) {
        self.questions += 1;
        let told = match &self.guide {
            Guide::Nodes { ports, slot } => {
                let mut turn = (0..ports.len()).map(|i| (self.asked + i) % ports.len());
                let next = turn.find(|i| ports[*i] != self.target).expect("two nodes");
                self.asked = next + 1;
                ask(ports[next], &["CLUSTER", "SLOTS"]).and_then(|slots| owner(&slots, *slot))
            }
            Guide::Sentinels { ports } => {
                let next = self.asked % ports.len();
                self.asked = next + 1;
                let question = ["SENTINEL", "GET-MASTER-ADDR-BY-NAME", "mymaster"];
                ask(ports[next], &question).and_then(|a| a.items().get(1)?.text()?.parse().ok())
            }
        };
        if let Some(port) = told {
            self.turn_to(port);
        }
    }
}

fn ask(port: u16, question: &[&str]) -> Option<Value> {
    Connection::open(port, TIMEOUT).ok()?.call(question).ok()
}

/// The port of a slot's owner in an answer to CLUSTER SLOTS: first, last, owner, replicas, ….
pub fn owner(slots: &Value, slot: i64) -> Option<u16> {
    let holds = |range: &&Value| {
        let bounds: Vec<_> = range
            .items()
            .iter()
            .take(2)
            .filter_map(Value::integer)
            .collect();
        matches!(bounds[..], [first, last] if (first..=last).contains(&slot))
    };
    let range = slots.items().iter().find(holds)?;
    let port = range.items().get(2)?.items().get(1)?.integer()?;
    u16::try_from(port).ok()
}

fn kind_of_failure(failure: Failure) -> &'static str {
    match failure {
        Failure::Timeout => "timeout",
        Failure::ConnectTimeout => "connect_timeout",
        Failure::Refused => "refused",
        Failure::Reset => "reset",
    }
}

fn kind_of_error(code: &str) -> &'static str {
    let lower = code.to_lowercase();
    let known = KINDS[4..].iter().find(|kind| **kind == lower);
    known.copied().unwrap_or("other")
}
