//! What types cannot say about faults: each by itself, and two that get into each other's way.

use sim::dist::Dist;
use sim::{SimDuration, SimTime};

use crate::fault::Target;
use crate::findings::Findings;
use crate::world::WorldSpec;

/// Draws beyond the one in a thousand millions are left out of what a fault may do.
const RARE: f64 = 1e-9;

impl WorldSpec {
    pub(super) fn check_faults(&self, found: &mut Findings) {
        for (i, fault) in self.faults.iter().enumerate() {
            let key = format!("fault[{i}]");
            fault.kind().check(&key, &self.system(), found);
        }
        if !found.is_empty() {
            return; // times may be none, workloads may not exist
        }
        for (first, second) in self.overlaps(true) {
            found.unless(
                false,
                format!("fault[{second}].at"),
                &format!(
                    "the cluster is still partitioned by `fault[{first}]` then, and this \
                     partition would be dropped"
                ),
                "let it begin after the first has ended, or join the two into one",
            );
        }
    }

    /// Faults that never come, that outlast the trial, or that may fall into each other.
    pub(super) fn doubts_about_faults(&self, doubts: &mut Vec<String>) {
        let horizon = self.horizon;
        for (i, fault) in self.faults.iter().enumerate() {
            let kind = fault.kind();
            let (name, target) = (kind.name(), kind.target());
            let (first, _) = range(target.at);
            let at_least = match target.at {
                Dist::Constant { .. } => "",
                _ => " or later",
            };
            let ends = first.saturating_add(target.lasts.unwrap_or_default());
            if first >= SimTime::ZERO + horizon {
                let first = first - SimTime::ZERO;
                doubts.push(format!(
                    "fault[{i}] ({name}) begins at {first}{at_least}, and a trial ends at \
                     {horizon}: it never happens; give a longer horizon, or let it begin earlier"
                ));
            } else if ends > SimTime::ZERO + horizon {
                let ends = ends - SimTime::ZERO;
                doubts.push(format!(
                    "fault[{i}] ({name}) ends at {ends}{at_least}, and a trial ends at {horizon}: \
                     the recovery is never seen; give a longer horizon, or let it end earlier"
                ));
            }
        }
        for (first, second) in self.overlaps(false) {
            doubts.push(format!(
                "fault[{first}] and fault[{second}] may partition the same cluster at the same \
                 time: the one that begins later is then dropped"
            ));
        }
    }

    /// Pairs of partitions of one cluster that overlap: always, since their times are fixed, or
    /// only in some trials. The one that begins first stands first.
    fn overlaps(&self, always: bool) -> Vec<(usize, usize)> {
        let cuts = self.faults.iter().enumerate();
        let cuts: Vec<(usize, Target)> = cuts
            .filter(|(_, fault)| fault.kind().is_single())
            .map(|(i, fault)| (i, fault.kind().target()))
            .collect();
        let mut pairs = Vec::new();
        for (n, (j, later)) in cuts.iter().enumerate() {
            for (i, earlier) in &cuts[..n] {
                let overlap = self.may_meet(earlier, later);
                let fixed = [earlier, later].map(|cut| matches!(cut.at, Dist::Constant { .. }));
                // Each fault hits any one of the cells.
                let fixed = fixed == [true; 2] && self.layout.layout().cells() == 1;
                if overlap && fixed == always {
                    let in_order = range(earlier.at).0 <= range(later.at).0;
                    pairs.push(if in_order { (*i, *j) } else { (*j, *i) });
                }
            }
        }
        pairs
    }

    /// Could both last at one time, on one cluster?
    fn may_meet(&self, one: &Target, other: &Target) -> bool {
        let ends = |cut: &Target| {
            let lasts = cut.lasts.unwrap_or(SimDuration::ZERO);
            range(cut.at).1.saturating_add(lasts)
        };
        let begins = |cut: &Target| range(cut.at).0;
        let meet = begins(one) < ends(other) && begins(other) < ends(one);
        meet && self.on_one_cluster(one.workload, other.workload)
    }

    fn on_one_cluster(&self, one: Option<&str>, other: Option<&str>) -> bool {
        let system = self.system();
        let place = |name: Option<&str>| name.map(|name| system.workload(name));
        let (one, other) = (place(one), place(other));
        let plans = self.layout.layout().place(&system);
        let holds = |plan: &[usize], place: Option<usize>| place.is_none_or(|p| plan.contains(&p));
        plans
            .iter()
            .any(|plan| holds(&plan.workloads, one) && holds(&plan.workloads, other))
    }
}

/// The first and the last instant of a fault.
fn range(at: &Dist) -> (SimTime, SimTime) {
    let instant = |after| SimTime::ZERO.saturating_add(after);
    (instant(at.quantile(RARE)), instant(at.quantile(1.0 - RARE)))
}
