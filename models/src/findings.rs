//! What is wrong with a scenario: every finding at once, each with its key and what to write.

use sim::dist::Dist;

/// One thing that is wrong with a scenario.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// The key, as a dotted path: `service[0].workers`.
    pub key: String,
    /// What is wrong.
    pub wrong: String,
    /// What to write instead.
    pub help: String,
}

/// Keys whose value must fit those of others, each without its places in arrays. If one of these is
/// wrong, the user may have written any of them.
const TOGETHER: [(&str, &[&str]); 25] = [
    ("redis.hosts", &["redis.replicas"]),
    ("redis.shards", &["redis.replicas", "layout"]),
    ("redis.system_reserve", &["redis.node_memory"]),
    ("redis.fullest_shard", &["redis.shards"]),
    ("redis.maxmemory_policy", &["redis.maxmemory"]),
    (
        "redis.node_memory",
        &[
            "layout",
            "workload",
            "redis.shards",
            "redis.fullest_shard",
            "redis.fragmentation",
        ],
    ),
    (
        "redis.replication.min_replicas.to_write",
        &["redis.replicas"],
    ),
    ("redis.pubsub.maxmemory_clients", &["redis.maxmemory"]),
    ("failover.quorum", &["failover.sentinels"]),
    (
        "failover.latency",
        &["failover.down_after", "failover.node_timeout"],
    ),
    ("workload.dataset", &["layout"]),
    ("layout.own.workloads", &["workload"]),
    ("service.wait.replicas", &["redis.replicas"]),
    ("service.client.mode", &["failover"]),
    ("service.client.follows.subscribes", &["failover"]),
    ("service.spool", &["health_check"]),
    ("health_check.actions", &["redis.replicas"]),
    ("people.look", &["alert"]),
    (
        "people.runbook.action",
        &["redis.maxmemory", "redis.replication.output_limit"],
    ),
    ("people.runbook.action.read_only", &["failover"]),
    ("fault.host", &["redis.hosts"]),
    ("fault.hosts", &["redis.hosts"]),
    ("fault.kind", &["redis.persistence", "redis.pubsub"]),
    ("fault.slowdown", &["workload"]),
    ("health_check.interval", &["horizon"]),
];

impl Problem {
    /// The keys beside its own on which it depends.
    pub fn depends_on(&self) -> &'static [&'static str] {
        let pieces = self.key.split(['[', ']']);
        let key: String = pieces.step_by(2).collect();
        let found = TOGETHER.iter().find(|(of, _)| *of == key);
        match (found, key.rsplit('.').next()) {
            (Some((_, others)), _) => others,
            (None, Some("workload")) => &["workload"],
            (None, Some("service" | "services")) => &["service"],
            (None, _) => &[],
        }
    }
}

/// `1 replica`, `2 replicas`.
pub fn counted(count: u64, thing: &str) -> String {
    let plural = if count == 1 { "" } else { "s" };
    format!("{} {thing}{plural}", grouped(count.into()))
}

/// A number with a comma between each three digits, from five digits on.
pub fn grouped(number: u128) -> String {
    let digits = number.to_string();
    if digits.len() <= 4 {
        return digits;
    }
    let mut text = String::new();
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// Collects findings, so that a user fixes them in one go and not one a run.
#[derive(Default)]
pub struct Findings(Vec<Problem>);

impl Findings {
    /// Has nothing been found yet?
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// All of them, in the order in which they were found.
    pub fn all(self) -> Vec<Problem> {
        self.0
    }

    /// `wrong` at `key` unless it is fine; `help` says what to write instead.
    pub fn unless(&mut self, fine: bool, key: impl Into<String>, wrong: &str, help: &str) {
        if !fine {
            self.0.push(Problem {
                key: key.into(),
                wrong: wrong.into(),
                help: help.into(),
            });
        }
    }

    /// A distribution must be one that can be drawn from. Is it? If not, it has no mean either.
    pub fn dist(&mut self, key: impl Into<String>, dist: &Dist) -> bool {
        let valid = dist.validate();
        if let Err(error) = &valid {
            self.sentence(key, &error.to_string());
        }
        valid.is_ok()
    }

    /// A sentence that says what is wrong and, behind a semicolon, what to write instead.
    pub fn sentence(&mut self, key: impl Into<String>, text: &str) {
        let general = "give values that make sense together";
        let (wrong, help) = text.split_once("; ").unwrap_or((text, general));
        self.0.push(Problem {
            key: key.into(),
            wrong: wrong.to_owned(),
            help: help.to_owned(),
        });
    }

    /// A name must be one of those that are known; `kind` says of what.
    pub fn known(&mut self, key: String, what: &str, name: &str, known: &[&str]) {
        // Of two by one name, one may have been meant to have this one: that is reported.
        let twice = (1..known.len()).any(|i| known[..i].contains(&known[i]));
        if !known.contains(&name) && !twice {
            let wrong = format!("there is no {what} called `{name}`");
            let help = match known {
                [] => format!("there is none yet: add a [[{what}]] table"),
                _ => format!("name one of: {}", known.join(", ")),
            };
            self.0.push(Problem { key, wrong, help });
        }
    }

    /// No name is used twice in an array of tables.
    pub fn distinct(&mut self, key: &str, names: &[&str]) {
        for (i, name) in names.iter().enumerate() {
            if names[..i].contains(name) {
                let wrong = format!("`{name}` is used twice");
                let help = "give every one a name of its own".to_owned();
                self.0.push(Problem {
                    key: format!("{key}[{i}].name"),
                    wrong,
                    help,
                });
            }
        }
    }
}
