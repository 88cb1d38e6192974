//! What types cannot say about who promotes a replica.

use crate::findings::Findings;
use crate::spec::FailoverSpec;
use crate::world::WorldSpec;

impl WorldSpec {
    pub(super) fn check_failover(&self, found: &mut Findings) {
        let problems = match &self.failover {
            FailoverSpec::ClusterBus(bus) => bus.problems(),
            FailoverSpec::Sentinel(sentinel) => sentinel.problems(),
            FailoverSpec::Managed(managed) => {
                found.dist("failover.takes", &managed.takes);
                return;
            }
            FailoverSpec::Application {} | FailoverSpec::None {} => return,
        };
        for problem in problems {
            let key = format!("failover.{}", problem.key);
            found.unless(false, key, &problem.wrong, &problem.help);
        }
    }
}
