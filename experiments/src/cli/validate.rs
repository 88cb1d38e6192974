//! `outage validate`: the model against measurements of a real Redis.

use output::TextOptions;

use super::ValidateArguments;
use crate::error::Error;
use crate::progress::Bar;
use crate::terminal;
use crate::validate::{Order, clients, judge, node, paper, read};

/// Shown first in the help.
pub const EXAMPLES: &str = "\
Examples:
  outage validate                        # all built-in measurements of Redis 7.0.15
  outage validate my-lab.csv --runs 500  # your own, with the columns of models/failover/lab/*.csv
                                         # or models/lab/*.csv
  outage validate --json | jq '.[] | select(.quantity == \"promote\")'";

/// Shown last in the help.
pub const BOUNDS: &str = "\
Built in are 26 settings of failovers of Redis 7.0.15, and 28 of what one node does (N1 to N5). C, P
and S were measured before the model was built, X afterwards with settings that the model had not
seen (X5 and X6 repeat C1 and S1), N afterwards too.

Rows are grouped by condition and setting, and each setting is simulated. A comparison passes if
medians differ by at most 5 % (or 50 ms), 95th percentiles by at most 10 %, and the
Kolmogorov-Smirnov test has p > 0.01 (or medians differ by at most 50 ms). A share of failovers may
differ by 15 percentage points.

Without files, real client libraries are compared too: how long after a promotion the first request
succeeds (`follow`). Medians may differ by 10 % or 250 ms; a miss with a known reason is printed
with it and is not counted as a failure.

Of one node: `noreplicas` from the stop of the only replica to the first -NOREPLICAS, `busy`
from the start of a script to -BUSY, `removed` how long a command that deletes keys occupies the
node's thread (a rate of the machine: medians may differ by a factor of 2 or 50 ms), `emptied` from
the kill of a primary without persistence until its last replica is empty, and `kept_share` the
share of the keys that replicas have then. At most 500 runs are simulated.

--json prints an array of {setting, quantity, n, measured_median_s, simulated_median_s, median_rel,
measured_p95_s, simulated_p95_s, p95_rel, ks, p}: seconds, or shares for failover_share (where p may
be that of a binomial test) and kept_share; null where undefined, for example if it happened in no
run.

Exit codes: 0 all comparisons pass, 1 one of them does not (the result is valid), 2 a mistake in the
arguments or the files.";

/// Prints how far the model is from the measurements.
pub fn run(arguments: &ValidateArguments) -> super::Done {
    let measured = read::measurements(&arguments.files)?;
    let order = Order {
        runs: arguments.runs,
        seed: arguments.seed,
    };
    let mut bar = Bar::new("runs", order.runs * measured.failovers.len() as u64);
    let pool = arguments.threads.pool()?;
    let lines = pool.install(|| {
        let mut lines = judge(&measured.failovers, order, &mut bar)?;
        lines.extend(node::lines(&measured.nodes, order, &mut bar)?);
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
