//! The figures of recovery as a table: the median and the worst of the rounds, with the targets.

use std::fmt::Write as _;

use super::{EmptyStart, RecoveryFigures};

/// From the start of the process to its first reply, with a million live subjects.
const FIRST_REPLY_MS_TARGET: f64 = 1_000.0;
const RESTORED_PER_CPU_S_TARGET: f64 = 500_000.0;
/// Kafka Streams 4.3.1 with the same topology and subjects, after `kill -9`, on the same kind of machine.
const KAFKA_STREAMS_FIRST_REPLY_MS: f64 = 8_600.0;

#[derive(Clone, Copy)]
enum Limit {
    AtMost(f64),
    AtLeast(f64),
}

impl RecoveryFigures {
    pub(crate) fn table(&self) -> String {
        let mut text = format!("{:<52}{:>10}{:>10} {:<4}{:>15}\n", "figure", "median", "worst", "", "target");
        for it in [&self.idle, &self.under_load] {
            let name = match it.rate {
                0 => "killed while idle".to_owned(),
                rate => format!("killed under {rate} requests/s"),
            };
            let target = Some(Limit::AtMost(FIRST_REPLY_MS_TARGET));
            row(&mut text, &format!("{name}: start to first reply"), &it.first_reply_ms, "ms", target);
            row(&mut text, "  start to ready", &it.ready_ms, "ms", None);
            let replayed: Vec<_> = it.replayed.iter().map(|records| *records as f64).collect();
            row(&mut text, "  changelog records restored", &replayed, "", None);
        }
        let all = |value: &dyn Fn(&EmptyStart) -> f64| self.restores.iter().map(value).collect::<Vec<_>>();
        let name =
            format!("empty store, {} records, {} partition(s): restored", self.records, self.partitions);
        row(&mut text, &name, &all(&|it| it.records as f64 / it.seconds), "/s", None);
        let per_cpu_second = all(&|it| 1e6 / it.cpu_us_per_record);
        let target = Some(Limit::AtLeast(RESTORED_PER_CPU_S_TARGET));
        row(
            &mut text,
            "  per second of one core, with the start of the process",
            &per_cpu_second,
            "/s",
            target,
        );
        row(&mut text, "  start to first reply", &all(&|it| it.first_reply_ms), "ms", None);
        row(&mut text, "  peak resident memory", &all(&|it| it.resident_peak_mib), "MiB", None);
        if let Some(it) = self.restores.first() {
            let threads = it.threads_us_per_record.iter().map(|(name, us)| format!("{name} {us:.2}"));
            let threads: Vec<_> = threads.collect();
            let _ = writeln!(text, "CPU of a restore by thread, µs per record: {}", threads.join(", "));
        }
        let seconds = KAFKA_STREAMS_FIRST_REPLY_MS / 1_000.0;
        let _ = writeln!(
            text,
            "Kafka Streams with a million subjects, kill -9, start to first reply: {seconds} s"
        );
        text
    }
}

fn row(text: &mut String, name: &str, values: &[f64], unit: &str, target: Option<Limit>) {
    let mut values = values.to_vec();
    values.sort_by(f64::total_cmp);
    let (Some(least), Some(most)) = (values.first(), values.last()) else { return };
    let median = values[values.len() / 2];
    let (worst, limit) = match target {
        None => (if unit == "/s" { least } else { most }, String::new()),
        Some(Limit::AtMost(bound)) => (most, format!("≤ {bound:.0} {}", mark(median <= bound))),
        Some(Limit::AtLeast(bound)) => (least, format!("≥ {bound:.0} {}", mark(median >= bound))),
    };
    let line = format!("{name:<52}{median:>10.0}{worst:>10.0} {unit:<4}{limit:>15}");
    let _ = writeln!(text, "{}", line.trim_end());
}

fn mark(met: bool) -> char {
    if met { '✓' } else { '✗' }
}
