//! What goes wrong, drawn before the trial begins and without a look at the design.

use rand::RngExt;
use sim::{ArrivalTree, Intensity, Marks, Rng, SimDuration, SimTime, StreamKey, Streams};

use crate::cluster::Cut;
use crate::cluster::subscribers::SlowSubscriber;
use crate::event::Cx;
use crate::spec::fault::{SideSpec, WeightSpec};
use crate::spec::redis::QueueSpec;
use crate::spec::{FaultSpec, SystemSpec};
use crate::streams;

/// One fault of one trial.
#[derive(Clone, Debug)]
pub enum Fault {
    /// A workload grows fast for a while.
    Burst {
        /// The workload, by position.
        workload: usize,
        /// The keys that arrive.
        tree: ArrivalTree,
        /// When it begins.
        starts: SimTime,
    },
    /// The consumers of a workload's queue are slow.
    SlowConsumers {
        /// The workload, by position.
        workload: usize,
        /// The jobs that pile up, if nobody mends it: what comes in beyond what is worked off.
        tree: ArrivalTree,
        /// When it begins.
        at: SimTime,
        /// When it is over by itself.
        lasts: Option<SimDuration>,
        /// The queue.
        queue: QueueSpec,
    },
    /// The owner of the fullest shard of a workload's cluster is killed.
    Crash {
        /// The workload, by position.
        workload: usize,
        /// When.
        at: SimTime,
    },
    /// The owner of the fullest shard of a workload's cluster stops answering for a while.
    Hang {
        /// The workload, by position.
        workload: usize,
        /// When.
        at: SimTime,
        /// For how long.
        lasts: SimDuration,
    },
    /// A host of a workload's cluster is gone for a while.
    HostLoss {
        /// The workload, by position.
        workload: usize,
        /// The host, by position.
        host: usize,
        /// When.
        at: SimTime,
        /// For how long.
        lasts: SimDuration,
    },
    /// Hosts of a workload's cluster are cut off from the others for a while.
    Partition {
        /// The workload, by position.
        workload: usize,
        /// When.
        at: SimTime,
        /// For how long.
        lasts: SimDuration,
        /// Which hosts, and whether clients are with them.
        cut: Cut,
    },
    /// The disk of the owner of the fullest shard of a workload's cluster is full for a while.
    SaveFails {
        /// The workload, by position.
        workload: usize,
        /// When.
        at: SimTime,
        /// For how long.
        lasts: SimDuration,
    },
    /// Subscribers of the owner of the fullest shard of a workload's cluster stop reading.
    SlowSubscriber {
        /// The workload, by position.
        workload: usize,
        /// When.
        at: SimTime,
        /// What they do.
        asked: SlowSubscriber,
    },
}

impl Fault {
    /// When it strikes.
    pub fn at(&self) -> SimTime {
        match self {
            Fault::Burst { starts, .. } => *starts,
            Fault::Crash { at, .. } | Fault::Hang { at, .. } => *at,
            Fault::SlowConsumers { at, .. } => *at,
            Fault::HostLoss { at, .. } | Fault::Partition { at, .. } => *at,
            Fault::SaveFails { at, .. } | Fault::SlowSubscriber { at, .. } => *at,
        }
    }

    /// The name of its kind in a scenario.
    pub fn kind(&self) -> &'static str {
        match self {
            Fault::Burst { .. } => "growth-burst",
            Fault::SlowConsumers { .. } => "slow-consumers",
            Fault::Crash { .. } => "crash",
            Fault::Hang { .. } => "hang",
            Fault::HostLoss { .. } => "host-loss",
            Fault::Partition { .. } => "partition",
            Fault::SaveFails { .. } => "save-fails",
            Fault::SlowSubscriber { .. } => "slow-subscriber",
        }
    }

    /// The workload whose cluster is concerned, by position.
    pub fn workload(&self) -> usize {
        match self {
            Fault::Burst { workload, .. }
            | Fault::SlowConsumers { workload, .. }
            | Fault::Crash { workload, .. }
            | Fault::Hang { workload, .. } => *workload,
            Fault::HostLoss { workload, .. } | Fault::Partition { workload, .. } => *workload,
            Fault::SaveFails { workload, .. } | Fault::SlowSubscriber { workload, .. } => *workload,
        }
    }

    /// Puts the draws behind it on record.
    pub fn record(&self, spec: &SystemSpec, cx: &mut Cx) {
        let name = &spec.workloads[self.workload()].name;
        let what = match self {
            Fault::Burst { tree, .. } => {
                format!("{} keys, {} bytes", tree.total(), tree.total_bytes())
            }
            Fault::SlowConsumers { lasts, .. } => match lasts {
                Some(lasts) => format!("slow consumers for {lasts}"),
                None => "slow consumers".to_owned(),
            },
            Fault::Crash { .. } => "crash".to_owned(),
            Fault::Hang { lasts, .. } => format!("hang of {lasts}"),
            Fault::HostLoss { host, lasts, .. } => format!("host {host} lost for {lasts}"),
            Fault::Partition { lasts, cut, .. } => {
                format!("hosts {:?} cut off for {lasts}", cut.hosts)
            }
            Fault::SaveFails { lasts, .. } => format!("disk full for {lasts}"),
            Fault::SlowSubscriber { asked, .. } => format!("slow subscribers for {}", asked.lasts),
        };
        cx.ledger
            .draw("fault", format!("{name} at {}: {what}", self.at()));
    }
}

/// The cell that fault number `i` hits: any of them alike. The same draw for any number of cells,
/// so what hits the second of two hits the third or the fourth of four.
pub fn cell(i: usize, cells: usize, streams: &Streams) -> usize {
    let draw: f64 = streams.stream(streams::FAULT_CELL, i as u64).random();
    (draw * cells as f64) as usize
}

/// The faults of this trial, in the order of the scenario.
pub fn draw(faults: &[FaultSpec], spec: &SystemSpec, streams: &Streams) -> Vec<Fault> {
    let one = |(i, fault): (usize, &FaultSpec)| draw_one(i as u64, fault, spec, streams);
    faults.iter().enumerate().map(one).collect()
}

fn draw_one(i: u64, fault: &FaultSpec, spec: &SystemSpec, streams: &Streams) -> Fault {
    let mut rng = streams.stream(streams::FAULT, i);
    let position = |name: &str| {
        let found = spec.workloads.iter().position(|w| w.name == name);
        found.expect("validated: faults name a workload")
    };
    match fault {
        FaultSpec::GrowthBurst { .. } => draw_burst(i, fault, spec, streams, &mut rng),
        FaultSpec::SlowConsumers {
            workload,
            at,
            slowdown,
            lasts,
        } => {
            let at = SimTime::ZERO + at.sample(&mut rng);
            let (of, slowdown) = (position(workload), slowdown.get());
            slow_consumers(i, of, (at, *lasts), slowdown, spec, streams)
        }
        FaultSpec::SaveFails {
            workload,
            at,
            lasts,
        } => Fault::SaveFails {
            workload: position(workload),
            at: SimTime::ZERO + at.sample(&mut rng),
            lasts: *lasts,
        },
        FaultSpec::SlowSubscriber(slow) => Fault::SlowSubscriber {
            workload: position(&slow.workload),
            at: SimTime::ZERO + slow.at.sample(&mut rng),
            asked: SlowSubscriber::asked(slow),
        },
        FaultSpec::Crash { workload, at } => Fault::Crash {
            workload: position(workload),
            at: SimTime::ZERO + at.sample(&mut rng),
        },
        FaultSpec::Hang {
            workload,
            at,
            lasts,
        } => Fault::Hang {
            workload: position(workload),
            at: SimTime::ZERO + at.sample(&mut rng),
            lasts: *lasts,
        },
        FaultSpec::HostLoss {
            workload,
            host,
            at,
            lasts,
        } => Fault::HostLoss {
            workload: position(workload),
            host: usize::from(*host),
            at: SimTime::ZERO + at.sample(&mut rng),
            lasts: *lasts,
        },
        FaultSpec::Partition {
            workload,
            at,
            lasts,
            hosts,
            clients,
        } => Fault::Partition {
            workload: position(workload),
            at: SimTime::ZERO + at.sample(&mut rng),
            lasts: *lasts,
            cut: cut(hosts, *clients),
        },
    }
}

fn cut(hosts: &[u16], clients: SideSpec) -> Cut {
    Cut {
        hosts: hosts.iter().map(|host| usize::from(*host)).collect(),
        with_clients: clients == SideSpec::Hosts,
    }
}

fn draw_burst(
    i: u64,
    fault: &FaultSpec,
    spec: &SystemSpec,
    streams: &Streams,
    rng: &mut Rng,
) -> Fault {
    let FaultSpec::GrowthBurst {
        starts,
        reference,
        fills_in,
        ends_at,
        value_size,
        workloads,
    } = fault
    else {
        unreachable!("only bursts are drawn here");
    };
    let starts = SimTime::ZERO + starts.sample(rng);
    let fills_in = fills_in.sample(rng).max(SimDuration::from_secs(1));
    let pick = streams.stream(streams::FAULT_TARGET, i).random();
    let target = {
        let name = by_weight(workloads, pick);
        let found = spec.workloads.iter().position(|w| w.name == name);
        found.expect("validated: faults name a workload")
    };
    let key_bytes = spec.workloads[target].bytes_per_key(*value_size, false) as f64;
    let keys = reference.as_f64() / key_bytes;
    let ends = (starts + fills_in.scaled(ends_at.get())).min(SimTime::ZERO + spec.horizon);
    let starts = starts.min(ends);
    let key = streams.key(streams::BURST, i);
    let rate = keys / fills_in.as_secs_f64();
    let tree = burst(streams, key, (starts, ends), rate, key_bytes);
    Fault::Burst {
        workload: target,
        tree,
        starts,
    }
}

/// Jobs that come in faster than slow consumers take them out: Poisson, at the difference of the
/// rates. That the consumers' own randomness is left out narrows the backlog by less than its root.
fn slow_consumers(
    i: u64,
    workload: usize,
    (at, lasts): (SimTime, Option<SimDuration>),
    slowdown: f64,
    spec: &SystemSpec,
    streams: &Streams,
) -> Fault {
    let of = &spec.workloads[workload];
    let queue = of.queue.expect("validated: the workload holds a queue");
    let job = of.bytes_per_key(queue.job_size, false) as f64;
    let ends = lasts.map_or(SimTime::MAX, |lasts| at.saturating_add(lasts));
    let ends = ends.min(SimTime::ZERO + spec.horizon);
    let rate = (queue.jobs.get() - queue.capacity.get() / slowdown).max(0.0);
    Fault::SlowConsumers {
        workload,
        tree: burst(
            streams,
            streams.key(streams::BURST, i),
            (at.min(ends), ends),
            rate,
            job,
        ),
        at,
        lasts,
        queue,
    }
}

/// The workload at `pick` of the way through the weights.
fn by_weight(workloads: &[WeightSpec], pick: f64) -> &str {
    let total: f64 = workloads.iter().map(|w| w.weight.get()).sum();
    let mut left = pick * total;
    let chosen = workloads.iter().find(|w| {
        left -= w.weight.get();
        left < 0.0
    });
    let last = workloads.last().expect("validated: something grows");
    &chosen.unwrap_or(last).workload
}

/// The keys of a burst: so many per second from its beginning to its end.
fn burst(
    streams: &Streams,
    key: StreamKey,
    (starts, ends): (SimTime, SimTime),
    rate: f64,
    key_bytes: f64,
) -> ArrivalTree {
    let ends = ends.max(starts + SimDuration::from_nanos(1));
    let intensity = Intensity::piecewise(&[(SimTime::ZERO, 0.0), (starts, rate)], ends);
    let marks = Marks {
        shape: 2.0,
        mean_bytes: key_bytes,
    };
    ArrivalTree::of(streams, key, intensity, Some(marks))
}
