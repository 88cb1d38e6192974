//! Who starts processes of Redis again, and when it kills them itself.

use schemars::JsonSchema;
use serde::Deserialize;
use sim::SimDuration;

use super::persistence::Finding;

/// A supervisor with probes, such as Kubernetes' kubelet: one at each node.
#[derive(Clone, Copy, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SupervisorSpec {
    /// Longer waits after repeated restarts, on top of `redis.restart_delay`; absent: none.
    pub back_off: Option<BackOffSpec>,
    /// Asks a new process until it passes once; `liveness` waits for that. A process that fails it
    /// is killed. Absent: there is none.
    pub startup: Option<NodeProbeSpec>,
    /// Asks every process. One that fails is killed and started again. Absent: there is none.
    pub liveness: Option<NodeProbeSpec>,
    /// Asks every process whether new clients may come to it. One that fails is out of its
    /// Service's endpoints: clients in the modes `address` and `dns`, which dial a name, get no new
    /// connection to it (`refused`) and keep those that they have. A process that has just started
    /// is out until it passes. `readiness = {}` has all of Kubernetes' defaults. Absent: there is
    /// none.
    pub readiness: Option<ReadinessSpec>,
    /// How long a process that is to stop may take until it is killed
    /// (`terminationGracePeriodSeconds`). One that loads or answers stops at once, and saves before
    /// that if it has save points. One that is busy with a command stops after it; one whose save
    /// fails, or that runs a script, does not. Absent: 30 s, as Kubernetes has it.
    pub grace: Option<SimDuration>,
}

/// Waits between restarts that follow one another: none before the first, then `first`, and twice
/// as long each time.
#[derive(Clone, Copy, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct BackOffSpec {
    /// Before the second restart, above 0s: 10s in Kubernetes.
    pub first: SimDuration,
    /// At most so long, at least `first`: 5min in Kubernetes.
    pub most: SimDuration,
    /// A process that has lived for so long ends the row: 10min in Kubernetes.
    pub reset_after: SimDuration,
}

/// A PING, again and again.
#[derive(Clone, Copy, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct NodeProbeSpec {
    /// From the start of the process to the first one (`initialDelaySeconds`).
    pub initial_delay: SimDuration,
    /// From one to the next, above 0s (`periodSeconds`; 10s in Kubernetes).
    pub every: SimDuration,
    /// One that has no answer by then has failed, above 0s (`timeoutSeconds`; 1s in Kubernetes).
    pub timeout: SimDuration,
    /// Failures in a row until the process is killed, at least 1 (`failureThreshold`; 3 in
    /// Kubernetes).
    pub fails: u32,
    /// Does -LOADING pass? No if the probe looks for PONG, as `redis-cli ping | grep PONG` does;
    /// yes for the script of Bitnami's chart. Absent: no.
    #[serde(default)]
    pub passes_loading: bool,
}

/// A PING, again and again, that decides who gets new clients.
#[derive(Clone, Copy, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ReadinessSpec {
    /// From the start of the process to the first one (`initialDelaySeconds`). Absent: 0s, as in
    /// Kubernetes.
    pub initial_delay: Option<SimDuration>,
    /// From one to the next, above 0s (`periodSeconds`). Absent: 10s, as in Kubernetes.
    pub every: Option<SimDuration>,
    /// One that has no answer by then has failed, above 0s (`timeoutSeconds`). Absent: 1s, as in
    /// Kubernetes.
    pub timeout: Option<SimDuration>,
    /// Failures in a row until a process gets no new clients, at least 1 (`failureThreshold`).
    /// Absent: 3, as in Kubernetes.
    pub fails: Option<u32>,
    /// Successes in a row until it gets some again, at least 1 (`successThreshold`). Absent: 1, as
    /// in Kubernetes.
    pub passes: Option<u32>,
    /// Does -LOADING pass? Absent: no, as in Bitnami's chart (`ping_readiness_local.sh`).
    #[serde(default)]
    pub passes_loading: bool,
}

impl ReadinessSpec {
    /// How it asks, and how many failures in a row it takes.
    pub fn probe(&self) -> NodeProbeSpec {
        let secs = SimDuration::from_secs;
        NodeProbeSpec {
            initial_delay: self.initial_delay.unwrap_or_default(),
            every: self.every.unwrap_or(secs(10)),
            timeout: self.timeout.unwrap_or(secs(1)),
            fails: self.fails.unwrap_or(3),
            passes_loading: self.passes_loading,
        }
    }

    /// Successes in a row that it takes.
    pub fn passes(&self) -> u32 {
        self.passes.unwrap_or(1)
    }
}

impl NodeProbeSpec {
    /// How long it bears with a process that never passes: the last probe comes by then.
    pub fn patience(&self) -> SimDuration {
        self.initial_delay + self.every * u64::from(self.fails)
    }
}

impl SupervisorSpec {
    /// What a process that does not stop is given.
    pub fn grace(&self) -> SimDuration {
        self.grace.unwrap_or(SimDuration::from_secs(30))
    }

    /// The probe that a process meets while it loads.
    pub fn first_probe(&self) -> Option<(&'static str, NodeProbeSpec)> {
        let startup = self.startup.map(|probe| ("startup", probe));
        startup.or(self.liveness.map(|probe| ("liveness", probe)))
    }

    /// What cannot be.
    pub fn problems(&self) -> Vec<Finding> {
        let mut found = Vec::new();
        let probes = [
            (
                self.startup,
                ["startup.every", "startup.timeout", "startup.fails"],
            ),
            (
                self.liveness,
                ["liveness.every", "liveness.timeout", "liveness.fails"],
            ),
            (
                self.readiness.map(|readiness| readiness.probe()),
                ["readiness.every", "readiness.timeout", "readiness.fails"],
            ),
        ];
        for (probe, [every, timeout, fails]) in probes {
            let Some(probe) = probe else { continue };
            if probe.every == SimDuration::ZERO {
                found.push((every, "it would ask without an end", "give at least \"1s\""));
            }
            if probe.timeout == SimDuration::ZERO {
                found.push((
                    timeout,
                    "no answer comes in no time",
                    "give at least \"1s\"",
                ));
            }
            if probe.fails == 0 {
                found.push((fails, "nothing would pass", "give at least 1"));
            }
        }
        if self
            .readiness
            .is_some_and(|readiness| readiness.passes() == 0)
        {
            let wrong = "a process that was never asked would be ready";
            found.push(("readiness.passes", wrong, "give at least 1"));
        }
        if let Some(BackOffSpec { first, most, .. }) = self.back_off {
            if first == SimDuration::ZERO {
                let help = "give a positive duration, or leave back_off out";
                found.push(("back_off.first", "twice nothing is nothing", help));
            }
            if most < first {
                found.push((
                    "back_off.most",
                    "it is below `first`",
                    "give at least `first`",
                ));
            }
        }
        found
    }
}
