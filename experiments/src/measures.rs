//! What is measured of a trial: the columns of `outcomes.csv`, and the fields of one row.

use demand::answer::Cause;
use models::outcome::TrialOutcome;

use Field::{Count, Number};

/// The columns that come before those of factors and measures.
pub const FIXED_COLUMNS: [&str; 2] = ["point", "trial"];

/// A number of a trial: one column of `outcomes.csv`.
#[derive(Clone, Copy, Debug)]
pub struct Measure {
    /// The column's name.
    pub name: &'static str,
    /// Its unit: `s`, `USD`, or what is counted.
    pub unit: &'static str,
    /// What it means, in one clause.
    pub what: &'static str,
    /// Its value in a trial.
    pub value: fn(&TrialOutcome) -> Field,
}

/// A field of a row.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Field {
    /// A count.
    Count(u64),
    /// A number, if it is defined.
    Number(Option<f64>),
}

/// The measure behind which the failed attempts of each cause stand.
const ALL_CAUSES: &str = "failed_attempts";

/// Every measure but the causes of failed attempts, in the order of the columns: the only list.
pub const MEASURES: [Measure; 27] = [
    Measure {
        name: "visits",
        unit: "visits",
        what: "visits that arrived",
        value: |o| Count(o.visits),
    },
    Measure {
        name: "captured_first_try",
        unit: "visits",
        what: "captured at the first attempt",
        value: |o| Count(o.captured_first_try),
    },
    Measure {
        name: "captured_after_retry",
        unit: "visits",
        what: "captured at a later attempt of the same visit",
        value: |o| Count(o.captured_after_retry),
    },
    Measure {
        name: "captured_on_return",
        unit: "visits",
        what: "blocked at first, captured by a return visit",
        value: |o| Count(o.captured_on_return),
    },
    Measure {
        name: "spooled",
        unit: "visits",
        what: "captured by the service's durable spool",
        value: |o| Count(o.spooled),
    },
    Measure {
        name: "abandoned",
        unit: "visits",
        what: "ended without a capture and without a further return",
        value: |o| Count(o.abandoned),
    },
    Measure {
        name: "still_pending",
        unit: "visits",
        what: "not finished at the end of the trial",
        value: |o| Count(o.still_pending),
    },
    Measure {
        name: "blocked",
        unit: "visits",
        what: "first visit ended without a capture",
        value: |o| Count(o.blocked),
    },
    Measure {
        name: "lost",
        unit: "visits",
        what: "abandoned or still pending",
        value: |o| Count(o.lost),
    },
    Measure {
        name: "failed_attempts",
        unit: "attempts",
        what: "attempts that failed, all causes",
        value: |o| Count(o.failed_attempts),
    },
    Measure {
        name: "acked_lost",
        unit: "visits",
        what: "acknowledged, then lost by asynchronous replication or with all data",
        value: |o| Count(o.acked_lost),
    },
    Measure {
        name: "captured_twice",
        unit: "visits",
        what: "captured more than once",
        value: |o| Count(o.captured_twice),
    },
    Measure {
        name: "downtime_true_s",
        unit: "s",
        what: "time in which no request could succeed, without pauses under a second, and minutes \
               of overload in which most failed",
        value: |o| Number(Some(o.downtime_true_s)),
    },
    Measure {
        name: "downtime_observed_s",
        unit: "s",
        what: "minutes in which more requests failed than the objective allows",
        value: |o| Number(Some(o.downtime_observed_s)),
    },
    Measure {
        name: "detect_s",
        unit: "s",
        what: "time to detect (MTTD): start of the longest incident to a page or automatic action",
        value: |o| Number(o.detect_s),
    },
    Measure {
        name: "recover_s",
        unit: "s",
        what: "time to recover (MTTR): first moment of the longest incident to its last",
        value: |o| Number(o.recover_s),
    },
    Measure {
        name: "spool_replay_s",
        unit: "s",
        what: "from the closing of a spool until it is empty; the longest",
        value: |o| Number(o.spool_replay_s),
    },
    Measure {
        name: "spool_left",
        unit: "writes",
        what: "left in spools at the end of the trial: captured, not replayed",
        value: |o| Count(o.spool_left),
    },
    Measure {
        name: "failovers",
        unit: "promotions",
        what: "promotions of a replica",
        value: |o| Count(o.failovers),
    },
    Measure {
        name: "useless_failovers",
        unit: "promotions",
        what: "promotions of a node that then failed from the same cause",
        value: |o| Count(o.useless_failovers),
    },
    Measure {
        name: "false_failovers",
        unit: "promotions",
        what: "promotions while the old primary served, or went on before clients left it",
        value: |o| Count(o.false_failovers),
    },
    Measure {
        name: "evicted_keys",
        unit: "keys",
        what: "keys evicted, over all clusters",
        value: |o| Count(o.evicted_keys),
    },
    Measure {
        name: "signed_out",
        unit: "users",
        what: "sessions that were evicted or lost with all data",
        value: |o| Count(o.signed_out),
    },
    Measure {
        name: "stored_lost",
        unit: "keys",
        what: "stored, then lost with a process or by a flush; not copies in caches",
        value: |o| Count(o.stored_lost),
    },
    Measure {
        name: "jobs_lost",
        unit: "jobs",
        what: "jobs that waited in a queue and were lost",
        value: |o| Count(o.jobs_lost),
    },
    Measure {
        name: "cache_hit_rate",
        unit: "",
        what: "hit rate at the end of the cache that lost most, by eviction or all at once",
        value: |o| Number(o.cache_hit_rate),
    },
    Measure {
        name: "cost_per_month_usd",
        unit: "USD",
        what: "nodes, checks, spool and scaling, per month of 730 hours",
        value: |o| Number(Some(o.cost_per_month_usd)),
    },
];

/// A column behind those of the factors.
#[derive(Clone, Copy, Debug)]
pub enum Column {
    /// One of [`MEASURES`].
    Measure(&'static Measure),
    /// The attempts that failed by one cause.
    Cause(Cause),
}

impl Column {
    /// Its name.
    pub fn name(self) -> String {
        match self {
            Column::Measure(measure) => measure.name.to_owned(),
            Column::Cause(cause) => format!("failed_{}", cause.name()),
        }
    }

    /// Its unit.
    pub fn unit(self) -> &'static str {
        match self {
            Column::Measure(measure) => measure.unit,
            Column::Cause(_) => "attempts",
        }
    }

    /// What it means, in one clause.
    pub fn what(self) -> String {
        match self {
            Column::Measure(measure) => measure.what.to_owned(),
            Column::Cause(cause) => format!("attempts that failed by {}", cause.name()),
        }
    }

    /// Its value in a trial.
    pub fn value(self, outcome: &TrialOutcome) -> Field {
        match self {
            Column::Measure(measure) => (measure.value)(outcome),
            Column::Cause(cause) => Count(outcome.failed[cause as usize]),
        }
    }
}

/// The columns behind those of the factors, in their order.
pub fn columns() -> impl Iterator<Item = Column> {
    MEASURES.iter().flat_map(|measure| {
        let causes = Cause::ALL.iter().filter(|_| measure.name == ALL_CAUSES);
        std::iter::once(Column::Measure(measure)).chain(causes.map(|cause| Column::Cause(*cause)))
    })
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// An outcome that adds up, told apart by one number.
    pub fn outcome(lost: u64) -> TrialOutcome {
        let mut failed = [0; Cause::ALL.len()];
        failed[9] = 2 * lost;
        TrialOutcome {
            visits: 1000 + lost,
            captured_first_try: 1000,
            captured_after_retry: 0,
            captured_on_return: 0,
            spooled: 0,
            abandoned: lost,
            still_pending: 0,
            blocked: lost,
            lost,
            failed_attempts: 2 * lost,
            failed,
            acked_lost: 0,
            captured_twice: 0,
            downtime_true_s: lost as f64 / 10.0,
            downtime_observed_s: 60.0,
            detect_s: (lost > 0).then_some(30.5),
            recover_s: None,
            spool_replay_s: None,
            spool_left: 0,
            failovers: 2,
            useless_failovers: 1,
            false_failovers: 0,
            evicted_keys: 0,
            signed_out: 0,
            stored_lost: 0,
            jobs_lost: 0,
            cache_hit_rate: None,
            cost_per_month_usd: 99.5,
        }
    }

    #[test]
    fn every_column_holds_the_number_that_its_name_says() {
        // Every number of the outcome is its own: 1, 2, 3, …
        let mut next = 0;
        let mut numbered = serde_json::to_value(outcome(3)).unwrap();
        number(&mut numbered, &mut next);
        let outcome: TrialOutcome = serde_json::from_value(numbered.clone()).unwrap();
        let mut seen = Vec::new();
        for column in columns() {
            let found = match column.value(&outcome) {
                Count(count) => count as f64,
                Number(number) => number.expect("all are defined"),
            };
            let expected = match column {
                Column::Measure(measure) => &numbered[measure.name],
                Column::Cause(cause) => {
                    let place = Cause::ALL.iter().position(|one| *one == cause).unwrap();
                    &numbered["failed"][place]
                }
            };
            assert_eq!(Some(found), expected.as_f64(), "{}", column.name());
            seen.push(found as u64);
        }
        seen.sort_unstable();
        assert_eq!(seen, (1..=next).collect::<Vec<u64>>(), "none is left out");
    }

    /// Puts numbers that differ from each other in the place of whatever stands there.
    fn number(value: &mut serde_json::Value, next: &mut u64) {
        match value {
            serde_json::Value::Object(fields) => {
                fields.values_mut().for_each(|field| number(field, next));
            }
            serde_json::Value::Array(items) => {
                items.iter_mut().for_each(|item| number(item, next));
            }
            plain => {
                *next += 1;
                *plain = (*next).into();
            }
        }
    }

    #[test]
    fn the_columns_keep_their_names_and_order() {
        let names: Vec<String> = columns().map(Column::name).collect();
        let expected = "visits,captured_first_try,captured_after_retry,captured_on_return,spooled,\
            abandoned,still_pending,blocked,lost,failed_attempts,failed_timeout,failed_refused,\
            failed_oom,failed_readonly,failed_loading,failed_clusterdown,failed_misconf,\
            failed_noreplicas,failed_unacknowledged,\
            failed_pool_full,failed_breaker_open,failed_gateway_504,failed_max_clients,failed_busy,\
            acked_lost,\
            captured_twice,\
            downtime_true_s,downtime_observed_s,detect_s,recover_s,spool_replay_s,spool_left,\
            failovers,useless_failovers,false_failovers,evicted_keys,signed_out,stored_lost,\
            jobs_lost,cache_hit_rate,cost_per_month_usd";
        assert_eq!(names.join(","), expected);
    }
}
