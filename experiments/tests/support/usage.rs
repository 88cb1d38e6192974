//! What this process has used: for tests that run in a process of their own.

use std::fs;
use std::path::Path;
use std::time::Duration;

/// How long processors have worked for this process, where the system says so.
pub fn processor_time() -> Duration {
    let text = fs::read_to_string(Path::new("/proc/self/stat")).unwrap_or_default();
    // Behind the name of the program, which may hold spaces, `utime` and `stime` in 1/100 s.
    let fields = text.rsplit(')').next().unwrap_or_default();
    let fields = fields.split_whitespace().skip(11).take(2);
    let ticks: u64 = fields.filter_map(|field| field.parse::<u64>().ok()).sum();
    Duration::from_millis(10 * ticks)
}

/// From here on [`peak_memory`] starts again at zero, where the system can do that.
pub fn forget_peak_memory() {
    let _ = fs::write(Path::new("/proc/self/clear_refs"), "5");
}

/// The most memory that this process had since then, in KiB, where the system says so.
pub fn peak_memory() -> Option<u64> {
    let status = fs::read_to_string(Path::new("/proc/self/status")).ok()?;
    let line = status.lines().find(|line| line.starts_with("VmHWM:"))?;
    line.split_whitespace().nth(1)?.parse().ok()
}
