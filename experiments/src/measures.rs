//! What is measured of a trial: the columns of `outcomes.csv`, and the fields of one row.

use demand::answer::Cause;
use models::outcome::TrialOutcome;

/// The columns that come before those of factors and measures.
pub const FIXED_COLUMNS: [&str; 2] = ["point", "trial"];

/// A column of `outcomes.csv` that every study has.
#[derive(Clone, Copy, Debug)]
pub struct Measure {
    /// The column's name.
    pub name: &'static str,
    /// Its unit: `s`, `USD`, or what is counted.
    pub unit: &'static str,
    /// What it means, in one clause.
    pub what: &'static str,
}

const fn measure(name: &'static str, unit: &'static str, what: &'static str) -> Measure {
    Measure { name, unit, what }
}

/// How many [`MEASURES`] stand before the columns `failed_<cause>`.
const BEFORE_CAUSES: usize = 10;

/// Every measure but the causes of failed attempts, in the order of the columns.
pub const MEASURES: [Measure; 25] = [
    measure("visits", "visits", "visits that arrived"),
    measure(
        "captured_first_try",
        "visits",
        "captured at the first attempt",
    ),
    measure(
        "captured_after_retry",
        "visits",
        "captured at a later attempt of the same visit",
    ),
    measure(
        "captured_on_return",
        "visits",
        "blocked at first, captured by a return visit",
    ),
    measure(
        "spooled",
        "visits",
        "captured by the service's durable spool",
    ),
    measure(
        "abandoned",
        "visits",
        "ended without a capture and without a further return",
    ),
    measure(
        "still_pending",
        "visits",
        "not finished at the end of the trial",
    ),
    measure("blocked", "visits", "first visit ended without a capture"),
    measure("lost", "visits", "abandoned or still pending"),
    measure(
        "failed_attempts",
        "attempts",
        "attempts that failed, all causes",
    ),
    measure(
        "acked_lost",
        "visits",
        "acknowledged, then lost by asynchronous replication",
    ),
    measure("captured_twice", "visits", "captured more than once"),
    measure(
        "downtime_true_s",
        "s",
        "time in which no request could succeed",
    ),
    measure(
        "downtime_observed_s",
        "s",
        "minutes whose error ratio exceeds the objective",
    ),
    measure(
        "detect_s",
        "s",
        "time to detect (MTTD): start of the downtime to the first page or automatic action",
    ),
    measure(
        "recover_s",
        "s",
        "time to recover (MTTR): first moment of downtime to the last",
    ),
    measure(
        "spool_replay_s",
        "s",
        "from the closing of a spool until it is empty; the longest",
    ),
    measure(
        "spool_left",
        "writes",
        "left in spools at the end of the trial: captured, not replayed",
    ),
    measure("failovers", "promotions", "promotions of a replica"),
    measure(
        "useless_failovers",
        "promotions",
        "promotions of a node that then failed from the same cause",
    ),
    measure(
        "false_failovers",
        "promotions",
        "promotions while the old primary was able to serve",
    ),
    measure("evicted_keys", "keys", "keys evicted, over all clusters"),
    measure("signed_out", "users", "sessions among the evicted keys"),
    measure(
        "cache_hit_rate",
        "",
        "hit rate at the end of the cache that lost most",
    ),
    measure(
        "cost_per_month_usd",
        "USD",
        "nodes, checks, spool and scaling, per month of 730 hours",
    ),
];

/// A field of a row.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Field {
    /// A count.
    Count(u64),
    /// A number, if it is defined.
    Number(Option<f64>),
}

/// Name, unit and meaning of every column behind the factors.
pub fn columns() -> Vec<(String, &'static str, String)> {
    let plain = |m: &Measure| (m.name.to_owned(), m.unit, m.what.to_owned());
    let cause = |cause: &Cause| {
        let what = format!("attempts that failed by {}", cause.name());
        (format!("failed_{}", cause.name()), "attempts", what)
    };
    let mut columns: Vec<_> = MEASURES[..BEFORE_CAUSES].iter().map(plain).collect();
    columns.extend(Cause::ALL.iter().map(cause));
    columns.extend(MEASURES[BEFORE_CAUSES..].iter().map(plain));
    columns
}

/// The fields of an outcome, in the order of [`columns`].
pub fn fields(outcome: &TrialOutcome) -> Vec<Field> {
    let TrialOutcome {
        visits,
        captured_first_try,
        captured_after_retry,
        captured_on_return,
        spooled,
        abandoned,
        still_pending,
        blocked,
        lost,
        failed_attempts,
        failed,
        acked_lost,
        captured_twice,
        downtime_true_s,
        downtime_observed_s,
        detect_s,
        recover_s,
        spool_replay_s,
        spool_left,
        failovers,
        useless_failovers,
        false_failovers,
        evicted_keys,
        signed_out,
        cache_hit_rate,
        cost_per_month_usd,
    } = outcome;
    let visits_and_attempts = [
        visits,
        captured_first_try,
        captured_after_retry,
        captured_on_return,
        spooled,
        abandoned,
        still_pending,
        blocked,
        lost,
        failed_attempts,
    ];
    let counts = visits_and_attempts
        .into_iter()
        .chain(failed)
        .chain([acked_lost, captured_twice]);
    let mut fields: Vec<Field> = counts.map(|count| Field::Count(*count)).collect();
    let times = [
        Some(*downtime_true_s),
        Some(*downtime_observed_s),
        *detect_s,
        *recover_s,
        *spool_replay_s,
    ];
    fields.extend(times.map(Field::Number));
    let promotions = [failovers, useless_failovers, false_failovers];
    fields.extend(
        [spool_left]
            .into_iter()
            .chain(promotions)
            .map(|c| Field::Count(*c)),
    );
    fields.extend([evicted_keys, signed_out].map(|c| Field::Count(*c)));
    fields.extend([*cache_hit_rate, Some(*cost_per_month_usd)].map(Field::Number));
    fields
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
            cache_hit_rate: None,
            cost_per_month_usd: 99.5,
        }
    }

    #[test]
    fn every_column_has_a_field() {
        let names: Vec<String> = columns().into_iter().map(|(name, _, _)| name).collect();
        assert_eq!(fields(&outcome(3)).len(), names.len());
        let expected = "visits,captured_first_try,captured_after_retry,captured_on_return,spooled,\
            abandoned,still_pending,blocked,lost,failed_attempts,failed_timeout,failed_refused,\
            failed_oom,failed_readonly,failed_loading,failed_clusterdown,failed_misconf,\
            failed_noreplicas,failed_unacknowledged,\
            failed_pool_full,failed_breaker_open,failed_gateway_504,acked_lost,captured_twice,\
            downtime_true_s,downtime_observed_s,detect_s,recover_s,spool_replay_s,spool_left,\
            failovers,useless_failovers,false_failovers,evicted_keys,signed_out,cache_hit_rate,\
            cost_per_month_usd";
        assert_eq!(names.join(","), expected);
    }
}
