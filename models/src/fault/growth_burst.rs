//! A workload that grows fast for a while.

use super::*;
use crate::streams;
use rand::RngExt;
use sim::quantity::{Bytes, Factor};

/// One workload begins to grow fast: a backlog, a leak, a campaign.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Params {
    /// When it begins, from the trial's start.
    starts: Dist,
    /// Bytes, over all shards, that are written in `fills_in`: together they give the rate.
    reference: Bytes,
    /// How long the reference amount takes.
    fills_in: Dist,
    /// The burst ends when this multiple of `reference` has been sent, or when people end it
    /// (`stop-growth`).
    ends_at: Factor,
    /// Mean length of a value that is added; names are as long as those of the workload.
    value_size: Bytes,
    /// Which workload grows: one of these, drawn by weight once a trial.
    workloads: Vec<WeightSpec>,
}

impl FaultKind for Params {
    fn name(&self) -> &'static str {
        "growth-burst"
    }

    fn adds_data(&self) -> bool {
        true
    }

    fn added(&self) -> Option<(f64, f64)> {
        let bytes = self.reference.as_f64() * self.ends_at.get();
        Some((bytes, self.value_size.as_f64().max(1.0)))
    }

    fn target(&self) -> Target<'_> {
        Target {
            workload: None,
            at: &self.starts,
            every: None,
            on: None,
            lasts: None,
        }
    }

    fn draw(&self, draw: &mut Draw) -> Drawn {
        let system = draw.system;
        let starts = SimTime::ZERO + self.starts.sample(&mut draw.rng);
        let fills_in = self.fills_in.sample(&mut draw.rng);
        let fills_in = fills_in.max(SimDuration::from_secs(1));
        let mut pick = draw.streams.stream(streams::FAULT_TARGET, draw.number);
        let name = by_weight(&self.workloads, pick.random());
        let workload = &system.workloads[system.workload(name)];
        let key_bytes = workload.bytes_per_key(self.value_size, false) as f64;
        let keys = self.reference.as_f64() / key_bytes;
        let ends = starts + fills_in.scaled(self.ends_at.get());
        let ends = ends.min(SimTime::ZERO + system.horizon);
        let starts = starts.min(ends);
        let rate = keys / fills_in.as_secs_f64();
        Drawn {
            workload: name.to_owned(),
            at: starts,
            strike: Box::new(Burst {
                workload: name.to_owned(),
                tree: draw.keys((starts, ends), rate, key_bytes),
            }),
        }
    }

    fn check(&self, key: &str, system: &SystemSpec, found: &mut Findings) {
        found.dist(format!("{key}.starts"), &self.starts);
        found.dist(format!("{key}.fills_in"), &self.fills_in);
        found.unless(
            self.value_size.get() > 0,
            format!("{key}.value_size"),
            "values of 0 bytes cannot vary in length",
            "give the mean length of a value such as \"1KiB\"",
        );
        found.unless(
            !self.workloads.is_empty(),
            format!("{key}.workloads"),
            "nothing would grow",
            "name at least one workload with its weight",
        );
        let known = system.workload_names();
        for (n, weight) in self.workloads.iter().enumerate() {
            let key = format!("{key}.workloads[{n}].workload");
            found.known(key, "workload", &weight.workload, &known);
        }
    }
}

/// A workload and its weight in a draw.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct WeightSpec {
    /// The workload's name.
    pub workload: String,
    /// Its weight beside the others'; `"1x"` if there is only one.
    pub weight: Factor,
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

struct Burst {
    workload: String,
    /// The keys that arrive.
    tree: ArrivalTree,
}

impl Strike for Burst {
    fn words(&self) -> String {
        format!(
            "{} keys, {} bytes",
            self.tree.total(),
            self.tree.total_bytes()
        )
    }

    fn growth(&self) -> Option<&ArrivalTree> {
        Some(&self.tree)
    }

    fn surplus(&self, workload: usize) -> Option<ExtraGrowth> {
        Some(ExtraGrowth::burst(workload))
    }

    fn strike(&self, cluster: &mut Cluster, cx: &mut Cx) {
        let name = &self.workload;
        cx.ledger
            .trace(cx.now, || format!("the {name} data starts to grow fast"));
        let row = format!("{} cluster", cluster.plan.name);
        cx.ledger
            .mark(cx.now, &row, || format!("{name} grows fast"));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BURST: &str = "kind = 'growth-burst'
        starts = { kind = 'constant', value = '10min' }
        reference = '100MiB'
        fills_in = { kind = 'constant', value = '10min' }
        ends_at = '2x'
        value_size = '10KiB'
        workloads = [{ workload = 'cache', weight = '1x' }]";

    #[test]
    fn twice_the_reference_arrives() {
        let fault = read(BURST);
        let tables = crate::given::tables();
        let drawn = &draw(&[fault], 1, &tables.system(), &Streams::for_trial(1, 1))[0];
        assert_eq!(drawn.at, SimTime::ZERO + SimDuration::from_mins(10));
        assert_eq!(drawn.workload(), Some(1));
        let tree = drawn.strike.growth().expect("it grows");
        let sent = tree.total_bytes() as f64 / f64::from(100 << 20);
        assert!((1.95..2.05).contains(&sent), "{sent}");
        let none = BURST.replace("[{ workload = 'cache', weight = '1x' }]", "[]");
        assert_eq!(wrong_alone(&none), ["fault.workloads"]);
        let empty = BURST.replace("10KiB", "0B");
        assert_eq!(wrong_alone(&empty), ["fault.value_size"]);
    }

    #[test]
    fn weights_are_shares_of_the_draw() {
        let weight = |workload: &str, weight: &str| WeightSpec {
            workload: workload.to_owned(),
            weight: weight.parse().expect("a factor"),
        };
        let all = [weight("log", "3x"), weight("cache", "1x")];
        assert_eq!(by_weight(&all, 0.7), "log");
        assert_eq!(by_weight(&all, 0.8), "cache");
    }
}
