//! Consumers of a queue that are slow, so that jobs pile up in Redis.

use super::*;
use crate::spec::redis::QueueSpec;
use sim::quantity::Factor;

/// Something that the consumers of a workload's queue depend on is slow (a database, an API), so
/// jobs pile up in Redis. Once the consumers are back at full speed, by themselves or by
/// `restore-consumers`, they work off the backlog.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Params {
    /// The workload; it has a `queue`.
    workload: String,
    /// When it begins, from the trial's start.
    at: Dist,
    /// Time of a job over its usual time, such as `"10x"`.
    slowdown: Factor,
    /// When they are back at full speed by themselves; absent: not before people restore them.
    lasts: Option<SimDuration>,
}

impl FaultKind for Params {
    fn name(&self) -> &'static str {
        "slow-consumers"
    }

    fn adds_data(&self) -> bool {
        true
    }

    fn target(&self) -> Target<'_> {
        Target {
            workload: Some(&self.workload),
            at: &self.at,
            every: None,
            on: None,
            lasts: self.lasts,
        }
    }

    fn draw(&self, draw: &mut Draw) -> Drawn {
        let at = draw.instant(&self.at);
        let position = draw.system.workload(&self.workload);
        let workload = &draw.system.workloads[position];
        let queue = workload.queue.expect("validated: it holds a queue");
        let job = workload.bytes_per_key(queue.job_size, false) as f64;
        let ends = self
            .lasts
            .map_or(SimTime::MAX, |lasts| at.saturating_add(lasts));
        let ends = ends.min(SimTime::ZERO + draw.system.horizon);
        // Jobs come in faster than they are taken out: Poisson, at the difference of the rates.
        // That the consumers' own randomness is left out narrows the backlog by less than its root.
        let rate = queue.jobs.get() - queue.capacity.get() / self.slowdown.get();
        let tree = draw.keys((at.min(ends), ends), rate.max(0.0), job);
        Drawn {
            workload: self.workload.clone(),
            at,
            strike: Box::new(Backlog {
                name: self.workload.clone(),
                workload: position,
                at,
                lasts: self.lasts,
                queue,
                tree,
            }),
        }
    }

    fn check(&self, key: &str, system: &SystemSpec, found: &mut Findings) {
        check_target(key, &self.target(), system, found);
        let of = system.workloads.iter().find(|w| w.name == self.workload);
        let queue = of.and_then(|of| of.queue);
        let slowdown = self.slowdown.get();
        found.unless(
            queue.is_none_or(|q| q.capacity.get() < q.jobs.get() * slowdown),
            format!("{key}.slowdown"),
            "the consumers would still keep up, and no job wait",
            "give a factor above queue.capacity over queue.jobs",
        );
        found.unless(
            of.is_none_or(|of| of.queue.is_some()),
            format!("{key}.workload"),
            "this workload holds no queue",
            "give it a `queue`, or name one that has one",
        );
    }
}

struct Backlog {
    name: String,
    workload: usize,
    at: SimTime,
    lasts: Option<SimDuration>,
    queue: QueueSpec,
    /// The jobs that pile up until somebody fixes it: what comes in beyond what is worked off.
    tree: ArrivalTree,
}

impl Strike for Backlog {
    fn words(&self) -> String {
        match self.lasts {
            Some(lasts) => format!("slow consumers for {lasts}"),
            None => "slow consumers".to_owned(),
        }
    }

    fn growth(&self) -> Option<&ArrivalTree> {
        Some(&self.tree)
    }

    fn surplus(&self, workload: usize) -> Option<ExtraGrowth> {
        Some(ExtraGrowth::backlog(workload, self.queue, self.at))
    }

    fn strike(&self, cluster: &mut Cluster, cx: &mut Cx) {
        let name = &self.name;
        cx.ledger
            .trace(cx.now, || format!("the consumers of {name} are slow"));
        let row = format!("{} cluster", cluster.plan.name);
        cx.ledger
            .mark(cx.now, &row, || format!("jobs of {name} pile up"));
        if let Some(lasts) = self.lasts {
            cluster.consumers_back_in(self.workload, lasts, cx);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_worked_off_piles_up() {
        let slow = "kind = 'slow-consumers'\nslowdown = '10x'\nlasts = '20min'";
        let fault = read(&on("cache", slow));
        let tables = crate::given::tables();
        let drawn = &draw(&[fault], 1, &tables.system(), &Streams::for_trial(1, 1))[0];
        // 100 jobs a second come, 15 are done, for 1,200 seconds; four standard deviations.
        let jobs = drawn.strike.growth().expect("it grows").total() as f64;
        assert!(
            (jobs - 102_000.0).abs() < 4.0 * 102_000.0_f64.sqrt(),
            "{jobs}"
        );
        assert_eq!(wrong(slow), ["fault.workload"], "it has no queue");
        let fast = on("cache", &slow.replace("10x", "1.2x"));
        assert_eq!(wrong_alone(&fast), ["fault.slowdown"]);
    }
}
