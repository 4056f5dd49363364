//! Processor time and memory of a process, read from `/proc`.

use std::collections::BTreeMap;
use std::fs;

use anyhow::{Context as _, Result};

/// Length of a clock tick in `/proc`: Linux reports 100 ticks per second to user space.
const TICK_US: u64 = 10_000;

/// What a process has used since its start.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Usage {
    /// User and system time of all threads, in microseconds.
    pub cpu_us: u64,
    pub resident_kib: u64,
    pub resident_peak_kib: u64,
}

/// # Errors
/// There is no such process, or no `/proc`.
pub fn usage(pid: u32) -> Result<Usage> {
    let read = |name: &str| {
        fs::read_to_string(format!("/proc/{pid}/{name}"))
            .with_context(|| format!("process {pid} cannot be measured"))
    };
    parse(&read("stat")?, &read("status")?).with_context(|| format!("/proc/{pid} has an unknown format"))
}

/// Processor time in nanoseconds by thread name, without the number at its end. Threads that have ended are not included.
pub fn threads(pid: u32) -> BTreeMap<String, u64> {
    let mut times = BTreeMap::new();
    let Ok(entries) = fs::read_dir(format!("/proc/{pid}/task")) else { return times };
    for entry in entries.flatten() {
        let read = |name: &str| fs::read_to_string(entry.path().join(name)).unwrap_or_default();
        let on_processor = read("schedstat").split(' ').next().and_then(|it| it.parse::<u64>().ok());
        let name = read("comm");
        let name = name.trim().trim_end_matches(|it: char| it.is_ascii_digit()).to_owned();
        *times.entry(name).or_default() += on_processor.unwrap_or(0);
    }
    times
}

/// Processor time of each kind of thread since `before`, in microseconds per request.
pub fn spent_per(before: Option<BTreeMap<String, u64>>, pid: Option<u32>, count: f64) -> Vec<(String, f64)> {
    let (Some(before), Some(pid)) = (before, pid) else { return Vec::new() };
    let spent = |(name, ns): (String, u64)| {
        let spent = ns.saturating_sub(before.get(&name).copied().unwrap_or(0));
        (name, spent as f64 / 1_000.0 / count)
    };
    threads(pid).into_iter().map(spent).filter(|(_, us)| *us >= 0.01).collect()
}

fn parse(stat: &str, status: &str) -> Option<Usage> {
    let mut fields = stat[stat.rfind(')')? + 1..].split_ascii_whitespace().skip(11);
    let mut ticks = || fields.next()?.parse::<u64>().ok();
    let cpu_us = (ticks()? + ticks()?) * TICK_US;
    let kib = |name: &str| {
        let rest = status.lines().find_map(|line| line.strip_prefix(name))?;
        rest.trim().trim_end_matches("kB").trim().parse().ok()
    };
    Some(Usage { cpu_us, resident_kib: kib("VmRSS:")?, resident_peak_kib: kib("VmHWM:")? })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn user_and_system_time_are_added_and_the_process_name_may_contain_brackets() {
        let stat = "7 (a b) c) S 1 7 7 0 -1 4194304 9 0 0 0 150 50 0 0 20 0 12 0 1000 4096000 250 0";
        let status = "Name:\tx\nVmHWM:\t    2000 kB\nVmRSS:\t    1000 kB\n";
        let expected = Usage { cpu_us: 2_000_000, resident_kib: 1_000, resident_peak_kib: 2_000 };
        assert_eq!(parse(stat, status), Some(expected));
    }
}
