//! Prints the trace of one trial of a scenario file: `story FILE TRIAL`.
use models::{Mode, RunOptions, WorldSpec, run_trial};
use sim::Streams;

#[allow(clippy::print_stdout)]
fn main() {
    let mut args = std::env::args().skip(1);
    let text = std::fs::read_to_string(args.next().expect("a scenario file")).expect("readable");
    let first: u64 = args.next().map_or(0, |n| n.parse().expect("a number"));
    let last: u64 = args.next().map_or(first, |n| n.parse().expect("a number"));
    let spec: WorldSpec = toml::from_str(&text).unwrap_or_else(|error| panic!("{error}"));
    for problem in spec.problems() {
        println!("{problem:?}");
    }
    let eager = std::env::var_os("EAGER").is_some();
    for trial in first..=last {
        let options = RunOptions {
            mode: if eager { Mode::Eager } else { Mode::Lazy },
            story: first == last,
        };
        let streams = Streams::for_trial(2020, trial);
        let result = run_trial(&spec, &streams, &options).expect("the trial ends");
        for (at, line) in &result.trace {
            println!("{at}  {line}");
        }
        let o = &result.outcome;
        println!(
            "{trial} visits {} lost {} blocked {} onret {} spooled {} failed {:?} down {:.0} detect {:?} recover {:?} failovers {} useless {} false {} cost {:.0}",
            o.downtime_true_s,
            o.detect_s,
            o.recover_s,
            o.failovers,
            o.useless_failovers,
            o.false_failovers,
            o.cost_per_month_usd
        );
    }
}
