//! The `process_*` figures that every Prometheus client tells, read from `/proc`; none where there is no `/proc`.

use std::fs;

/// Ticks a second in `/proc`: fixed at 100 for user space on Linux.
const TICKS_PER_S: f64 = 100.0;

/// One reading.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Figures {
    pub cpu_seconds: f64,
    pub resident_bytes: i64,
    pub virtual_bytes: i64,
    pub start_time_seconds: i64,
    pub threads: i64,
    pub open_fds: i64,
}

/// Reads the figures of this process; `None` where there is no `/proc`.
pub fn read() -> Option<Figures> {
    let stat = fs::read_to_string("/proc/self/stat").ok()?;
    let status = fs::read_to_string("/proc/self/status").ok()?;
    let boot = fs::read_to_string("/proc/stat").ok()?;
    let open_fds = fs::read_dir("/proc/self/fd").ok()?.count();
    let mut figures = parse(&stat, &status, &boot)?;
    figures.open_fds = i64::try_from(open_fds).ok()?;
    Some(figures)
}

fn parse(stat: &str, status: &str, boot: &str) -> Option<Figures> {
    let after_name = &stat[stat.rfind(')')? + 1..];
    let fields: Vec<&str> = after_name.split_ascii_whitespace().collect();
    let ticks = |at: usize| fields.get(at).and_then(|it| it.parse::<f64>().ok());
    let of_status = |name: &str| status.lines().find_map(|line| line.strip_prefix(name));
    let resident_kib: i64 = of_status("VmRSS:")?.trim().trim_end_matches(" kB").trim().parse().ok()?;
    let booted: i64 = boot.lines().find_map(|line| line.strip_prefix("btime "))?.trim().parse().ok()?;
    Some(Figures {
        cpu_seconds: (ticks(11)? + ticks(12)?) / TICKS_PER_S,
        resident_bytes: resident_kib * 1024,
        virtual_bytes: fields.get(20)?.parse().ok()?,
        start_time_seconds: booted + (ticks(19)? / TICKS_PER_S) as i64,
        threads: fields.get(17)?.parse().ok()?,
        open_fds: 0,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_name_with_blanks_and_brackets_shifts_nothing() {
        let stat = "7 (a b) c) S 1 7 7 0 -1 4194304 9 0 0 0 150 50 0 0 20 0 12 0 1000 4096000 250 0";
        let status = "Name:\ta b) c\nVmRSS:\t    1000 kB\n";
        let expected = Figures {
            cpu_seconds: 2.0,
            resident_bytes: 1_024_000,
            virtual_bytes: 4_096_000,
            start_time_seconds: 510,
            threads: 12,
            open_fds: 0,
        };
        assert_eq!(parse(stat, status, "cpu 1 2\nbtime 500\n"), Some(expected));
    }
}
