//! How busy this machine is: Linux' own figures.

use std::fs;

/// CPU time of the whole machine since its start, in ticks.
#[derive(Clone, Copy, Debug)]
pub struct CpuTime {
    busy: u64,
    all: u64,
}

/// The first line of `/proc/stat`: user nice system idle iowait irq softirq steal …; what the
/// hypervisor took (steal) counts as busy.
pub fn cpu_time() -> CpuTime {
    let text = fs::read_to_string("/proc/stat").expect("Linux");
    let line = text.lines().next().expect("the sum over all processors");
    let fields = line.split_whitespace().skip(1).take(8);
    let ticks: Vec<u64> = fields.map(|t| t.parse().expect("ticks")).collect();
    let all = ticks.iter().sum();
    CpuTime {
        busy: all - ticks[3] - ticks[4],
        all,
    }
}

/// Share of CPU time that was busy between two readings.
pub fn busy_share(from: CpuTime, to: CpuTime) -> f64 {
    (to.busy - from.busy) as f64 / (to.all - from.all).max(1) as f64
}

/// The load average over a minute.
pub fn load() -> String {
    let text = fs::read_to_string("/proc/loadavg").expect("Linux");
    text.split_whitespace()
        .next()
        .expect("three averages")
        .to_owned()
}
