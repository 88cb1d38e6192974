//! What the tests of faults have in common: one fault, drawn for the small world, and struck.

use sim::Agenda;

use super::*;
use crate::event::Event;
use crate::given;
use crate::ledger::Ledger;

/// A fault as it stands in a scenario.
pub(super) fn read(fault: &str) -> FaultSpec {
    toml::from_str(fault).expect("a fault")
}

/// A fault of a workload after ten minutes.
pub(super) fn on(workload: &str, fault: &str) -> String {
    let at = "at = { kind = 'constant', value = '10min' }";
    format!("workload = '{workload}'\n{at}\n{fault}")
}

/// The keys that are wrong with it.
pub(super) fn wrong_alone(fault: &str) -> Vec<String> {
    let fault = read(fault);
    given::tables().wrong(|system, found| fault.kind().check("fault", system, found))
}

/// The keys that are wrong with a fault of the workload `log`; and its workload is checked.
pub(super) fn wrong(fault: &str) -> Vec<String> {
    let other = wrong_alone(&on("lock", fault));
    assert!(other.contains(&"fault.workload".to_owned()), "{other:?}");
    wrong_alone(&on("log", fault))
}

/// The cluster after a fault of `log` has struck, and nobody has reacted; it is on record as this.
#[track_caller]
pub(super) fn strike(fault: &str, words: &str) -> Cluster {
    assert_eq!(wrong(fault), [""; 0]);
    let (tables, streams) = (given::tables(), Streams::for_trial(1, 1));
    let system = tables.system();
    let (mut agenda, mut ledger) = (Agenda::<Event>::new(), Ledger::new(true));
    let cx = &mut Cx::new(SimTime::ZERO + system.horizon, &mut agenda, &mut ledger);
    let mut cluster = tables.cluster();
    cluster.start(cx);
    let faults = draw(&[read(&on("log", fault))], 1, &system, &streams);
    faults[0].record(&system, cx);
    faults[0].strike.strike(&mut cluster, cx);
    let record = format!("log at 00:10:00.000: {words}");
    assert_eq!(ledger.draws, [("fault 1".to_owned(), record)]);
    cluster
}
