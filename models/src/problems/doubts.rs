//! What may be meant, and seldom is: a scenario with one of these runs, and does less than its
//! author may think.

use crate::spec::FailoverSpec;
use crate::world::WorldSpec;

/// A bus of more members takes more than about 10 s of processor time for an hour with a fault.
const BUS_IS_SLOW: u32 = 400;

impl WorldSpec {
    /// What a second look might be worth.
    pub fn doubts(&self) -> Vec<String> {
        let mut doubts = Vec::new();
        let members = u32::from(self.redis.shards) * (1 + u32::from(self.redis.replicas));
        match &self.failover {
            FailoverSpec::Sentinel(group) => {
                // Dealt round: host 0 has the most.
                let on_one = group.sentinels.div_ceil(self.redis.hosts.max(1));
                let left = group.sentinels - on_one.min(group.sentinels);
                if left <= group.sentinels / 2 {
                    doubts.push(format!(
                        "{on_one} of {} Sentinels stand on one host: without it none can be \
                         elected to fail over; give more redis.hosts",
                        group.sentinels
                    ));
                }
            }
            FailoverSpec::ClusterBus(_) if self.redis.shards < 3 => {
                doubts.push(format!(
                    "a Redis Cluster of {} cannot elect: a primary that is lost leaves no \
                     majority of primaries; give redis.shards = 3",
                    self.redis.shards
                ));
            }
            FailoverSpec::ClusterBus(_) if members > BUS_IS_SLOW => {
                doubts.push(format!(
                    "a cluster bus of {members} members is slow to simulate while it has not \
                     settled after a fault: the work grows with the cube of the members (an hour \
                     of 800 took 76 s, one of 2,000 more than 11 min)"
                ));
            }
            FailoverSpec::ClusterBus(_)
            | FailoverSpec::Managed(_)
            | FailoverSpec::Application {}
            | FailoverSpec::None {} => {}
        }
        doubts
    }
}
