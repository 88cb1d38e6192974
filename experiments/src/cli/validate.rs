//! `outage validate`: the model against measurements of a real Redis.

use output::TextOptions;

use super::ValidateArguments;
use crate::error::Error;
use crate::progress::Bar;
use crate::terminal;
use crate::validate::{Order, clients, judge, paper, read};

/// Shown first in the help.
pub const EXAMPLES: &str = "\
Examples:
  outage validate                        # all built-in measurements of Redis 7.0.15
  outage validate my-lab.csv --runs 500  # your own, with the columns of models/failover/lab/*.csv
  outage validate --json | jq '.[] | select(.quantity == \"promote\")'";

/// Shown last in the help.
pub const BOUNDS: &str = "\
Built in are 26 settings of Redis 7.0.15. C, P and S were measured before the model was built, X
afterwards with settings that the model had not seen (X5 and X6 repeat C1 and S1).

Rows are grouped by condition and setting, and each setting is simulated. A comparison passes if
medians differ by at most 5 % (or 50 ms), 95th percentiles by at most 10 %, and the
Kolmogorov-Smirnov test has p > 0.01 (or medians differ by at most 50 ms). A share of failovers may
differ by 15 percentage points.

Without files, real client libraries are compared too: how long after a promotion the first request
succeeds (`follow`). Medians may differ by 10 % or 250 ms; a miss with a known reason is printed
with it and is not counted as a failure.

--json prints an array of {setting, quantity, n, measured_median_s, simulated_median_s, median_rel,
measured_p95_s, simulated_p95_s, p95_rel, ks, p}: seconds, or shares for failover_share (where p is
that of a binomial test); null where undefined, for example if it happened in no run.

Exit codes: 0 all comparisons pass, 1 one of them does not (the result is valid), 2 a mistake in the
arguments or the files.";

/// Prints how far the model is from the measurements.
pub fn run(arguments: &ValidateArguments) -> super::Done {
    let groups = read::groups(&arguments.files)?;
    let order = Order {
        runs: arguments.runs,
        seed: arguments.seed,
    };
    let mut bar = Bar::new("runs", order.runs * groups.len() as u64);
    let pool = super::pool(arguments.threads)?;
    let lines = pool.install(|| {
        let mut lines = judge(&groups, order, &mut bar)?;
        if arguments.files.is_empty() {
            lines.extend(clients::lines(order.seed, &mut bar)?);
        }
        Ok::<_, Error>(lines)
    });
    bar.finish();
    let lines = lines?;
    match arguments.json {
        true => terminal::result(&paper::json(&lines)?),
        false => terminal::result(&paper::text(&lines, &options())?),
    }
    Ok(u8::from(paper::missed(&lines) > 0))
}

fn options() -> TextOptions {
    TextOptions {
        width: terminal::width(),
        colour: terminal::colour(),
    }
}
