//! What processes have used of this machine, by `/proc`.

use std::fs;

/// The unit of times in `/proc/*/stat`: 100 a second on every Linux that we run on.
const TICKS_PER_SECOND: f64 = 100.0;

/// The fields of `/proc/PID/stat` from the state on, which is the third (proc(5)); the second may hold spaces.
fn stat(process: &str) -> Option<Vec<String>> {
    let text = fs::read_to_string(format!("/proc/{process}/stat")).ok()?;
    let (_, rest) = text.rsplit_once(") ")?;
    Some(rest.split(' ').map(str::to_owned).collect())
}

fn seconds(stat: &[String], fields: std::ops::RangeInclusive<usize>) -> f64 {
    // The numbers of proc(5) count from one, and ours begin with the third.
    fields.filter_map(|field| stat.get(field - 3)?.parse::<f64>().ok()).sum::<f64>()
        / TICKS_PER_SECOND
}

/// CPU seconds of one process.
pub fn cpu_of(process: u32) -> f64 {
    stat(&process.to_string()).map_or(0.0, |stat| seconds(&stat, 14..=15))
}

/// CPU seconds of a Postgres: its postmaster, those of its children that have ended, and those that live.
pub fn cpu_of_postgres(postmaster: u32) -> f64 {
    let own = stat(&postmaster.to_string()).map_or(0.0, |stat| seconds(&stat, 14..=17));
    let parent = postmaster.to_string();
    let children = fs::read_dir("/proc").into_iter().flatten().flatten();
    let living: f64 = children
        .filter_map(|entry| stat(entry.file_name().to_str()?))
        .filter(|stat| stat.get(1) == Some(&parent))
        .map(|stat| seconds(&stat, 14..=15))
        .sum();
    own + living
}

/// CPU time of the calling thread, in seconds, exact to the microsecond.
pub fn cpu_of_this_thread() -> f64 {
    let text = fs::read_to_string("/proc/thread-self/schedstat").unwrap_or_default();
    let nanoseconds = text.split(' ').next().and_then(|field| field.parse::<f64>().ok());
    nanoseconds.unwrap_or_default() / 1e9
}

/// The most memory that a process has ever had, in MiB.
pub fn peak_memory_of(process: u32) -> f64 {
    let text = fs::read_to_string(format!("/proc/{process}/status")).unwrap_or_default();
    let line = text.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let kib = line.and_then(|line| line.trim().strip_suffix(" kB")?.parse::<f64>().ok());
    kib.unwrap_or_default() / 1024.0
}
