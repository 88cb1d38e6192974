//! What the tests of faults have in common: one fault, drawn for the small world, and struck.

use sim::{Agenda, SimTime, Streams};

use super::{Drawn, Fault, FaultSpec, draw};
use crate::cluster::Cluster;
use crate::event::{Cx, Event};
use crate::given;
use crate::ledger::Ledger;

/// A fault as it stands in a scenario.
pub(super) fn read(text: &str) -> FaultSpec {
    toml::from_str(text).expect("a fault")
}

/// The keys that are wrong with it.
pub(super) fn wrong(fault: &FaultSpec) -> Vec<String> {
    given::tables().wrong(|system, found| fault.kind().check("fault", system, found))
}

/// It in one trial: the name of its workload, and what it does.
pub(super) fn drawn(fault: &FaultSpec) -> Drawn {
    let (tables, streams) = (given::tables(), Streams::for_trial(1, 1));
    let system = tables.system();
    let faults = draw(std::slice::from_ref(fault), 1, &system, &streams);
    let Fault {
        workload,
        at,
        strike,
        ..
    } = faults.into_iter().next().expect("one was drawn");
    Drawn {
        workload: system.workloads[workload].name.clone(),
        at,
        strike,
    }
}

/// The cluster after it has struck, and nobody has reacted; what is drawn is held against `record`.
#[track_caller]
pub(super) fn strike(text: &str, record: &str) -> Cluster {
    let (tables, streams) = (given::tables(), Streams::for_trial(1, 1));
    let system = tables.system();
    let (mut agenda, mut ledger) = (Agenda::<Event>::new(), Ledger::new(true));
    let cx = &mut Cx::new(SimTime::ZERO + system.horizon, &mut agenda, &mut ledger);
    let mut cluster = tables.cluster();
    cluster.start(cx);
    let faults = draw(&[read(text)], 1, &system, &streams);
    faults[0].record(0, &system, cx);
    faults[0].strike.strike(&mut cluster, cx);
    assert_eq!(ledger.draws, [("fault 1".to_owned(), record.to_owned())]);
    cluster
}
