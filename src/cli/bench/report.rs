//! The figures of a run: as JSON, and as a table with the targets and the figures of Kafka Streams.

use std::fmt::Write as _;

use serde::Serialize;

use super::contracts::ContractFigures;
use super::latency::Latency;
use super::throughput::Throughput;

/// The figures of Kafka Streams 4.3.1 with the same topology, state, events and headers: exactly-once v2, RocksDB, one
/// thread, two cores shared with the broker.
mod kafka_streams {
    pub(super) const STEADY_REQUESTS_PER_S: f64 = 28_000.0;
    pub(super) const STEADY_CPU_US: f64 = 38.0;
    pub(super) const RESIDENT_MIB: f64 = 560.0;
    /// At 1,000 requests/s. With a commit interval of 10 ms: 11 and 37.
    pub(super) const P50_MS: f64 = 62.0;
    /// 130 to 240.
    pub(super) const P99_MS: f64 = 130.0;
    /// 210 to 280.
    pub(super) const IDLE_CPU_US: f64 = 210.0;
}

/// The targets of this service on the same two cores.
mod target {
    pub(super) const STEADY_REQUESTS_PER_S: f64 = 60_000.0;
    pub(super) const STEADY_CPU_US: f64 = 16.0;
    pub(super) const RESIDENT_MIB: f64 = 150.0;
    pub(super) const P50_MS: f64 = 8.0;
    pub(super) const P99_MS: f64 = 40.0;
    pub(super) const IDLE_CPU_US: f64 = 120.0;
    /// CPU per request of another contract, against the contract egov in the same run.
    pub(super) const TIMES_EGOV: f64 = 1.3;
}

#[derive(Clone, Debug, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct BenchReport {
    /// A throughput with few requests: the memory that this many subjects take.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub memory: Option<Throughput>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub throughput: Option<Throughput>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub latency: Option<Latency>,
    /// The contracts side by side; the first is what the others are compared with.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub contracts: Vec<ContractFigures>,
}

#[derive(Clone, Copy)]
enum Better {
    More,
    Less,
}

/// One line of the table.
struct FigureRow {
    name: String,
    value: f64,
    unit: &'static str,
    against: Option<(f64, f64, Better)>,
}

impl BenchReport {
    pub(super) fn json(&self) -> String {
        let mut text = serde_json::to_string_pretty(self).expect("figures are plain values");
        text.push('\n');
        text
    }

    /// One line for each figure: the figure, its target, that of Kafka Streams, and the ratio to it.
    pub(super) fn table(&self) -> String {
        let mut text = format!(
            "{:<44}{:>12} {:<7}{:>12}  {:>15}{:>9}\n",
            "figure", "measured", "", "target", "Kafka Streams", "better"
        );
        for row in self.rows() {
            row.write(&mut text);
        }
        text.push_str(&self.compared());
        for (name, threads) in self.threads() {
            let parts: Vec<_> = threads.iter().map(|(name, us)| format!("{name} {us:.2}")).collect();
            let _ = writeln!(text, "CPU of the {name} by thread, µs per request: {}", parts.join(", "));
        }
        text
    }

    /// A line for each contract: its requests in a second, what one costs, and how many of the first contract that is.
    fn compared(&self) -> String {
        let mut text = String::new();
        let Some(first) = self.contracts.first() else { return text };
        for it in &self.contracts {
            let _ = write!(
                text,
                "{:<44}{:>12} /s",
                format!("{}: {} requests, steady state", it.contract, it.requests),
                short(it.steady_requests_per_s)
            );
            if let (Some(us), Some(base)) = (it.steady_cpu_us_per_request, first.steady_cpu_us_per_request) {
                let times = us / base;
                let met = if times <= target::TIMES_EGOV { "✓" } else { "✗" };
                let _ = write!(text, "{:>9} µs CPU", short(us));
                if it.contract != first.contract {
                    let limit = target::TIMES_EGOV;
                    let _ = write!(text, ", {times:.2} times {} (≤ {limit} {met})", first.contract);
                }
            }
            text.push('\n');
        }
        text
    }

    fn threads(&self) -> impl Iterator<Item = (&'static str, &[(String, f64)])> {
        let throughput = self.throughput.as_ref().map(|it| ("backlog", it.threads_us_per_request.as_slice()));
        let latency = self.latency.as_ref().map(|it| ("constant rate", it.threads_us_per_request.as_slice()));
        throughput.into_iter().chain(latency).filter(|(_, threads)| !threads.is_empty())
    }

    fn rows(&self) -> Vec<FigureRow> {
        let mut rows = Vec::new();
        let mut row =
            |name: String, value, unit, against| rows.push(FigureRow { name, value, unit, against });
        for it in [&self.memory, &self.throughput].into_iter().flatten() {
            let name = format!("backlog of {} requests, {} partition(s)", it.requests, it.partitions);
            row(name, it.requests_per_s, "/s", None);
            let against = (target::STEADY_REQUESTS_PER_S, kafka_streams::STEADY_REQUESTS_PER_S, Better::More);
            row("  steady state".to_owned(), it.steady_requests_per_s, "/s", Some(against));
            if let Some(us) = it.steady_cpu_us_per_request {
                let against = (target::STEADY_CPU_US, kafka_streams::STEADY_CPU_US, Better::Less);
                row("  steady state, CPU per request".to_owned(), us, "µs", Some(against));
            }
            let (Some(resident), Some(peak)) = (it.resident_mib, it.resident_peak_mib) else { continue };
            let against = (target::RESIDENT_MIB, kafka_streams::RESIDENT_MIB, Better::Less);
            row(format!("  memory after {} subjects", it.subjects), resident, "MiB", None);
            row("  peak memory".to_owned(), peak, "MiB", (it.subjects <= 200_000).then_some(against));
        }
        if let Some(it) = &self.latency {
            let at = format!("at {:.0} requests/s", it.requests_per_s);
            let against =
                |target, other| (it.requests_per_s == 1_000.0).then_some((target, other, Better::Less));
            row(
                format!("reply {at}, p50"),
                it.reply.p50,
                "ms",
                against(target::P50_MS, kafka_streams::P50_MS),
            );
            row("  p90".to_owned(), it.reply.p90, "ms", None);
            row("  p99".to_owned(), it.reply.p99, "ms", against(target::P99_MS, kafka_streams::P99_MS));
            row("  max".to_owned(), it.reply.max, "ms", None);
            row("  p50 after the request's append".to_owned(), it.reply_after_append.p50, "ms", None);
            row("  p99 after the request's append".to_owned(), it.reply_after_append.p99, "ms", None);
            if let Some(us) = it.cpu_us_per_request {
                let against = against(target::IDLE_CPU_US, kafka_streams::IDLE_CPU_US);
                row(format!("CPU per request {at}"), us, "µs", against);
            }
        }
        rows
    }
}

impl FigureRow {
    fn write(&self, text: &mut String) {
        let _ = write!(text, "{:<44}{:>12} {:<7}", self.name, short(self.value), self.unit);
        if let Some((target, other, better)) = self.against {
            let (sign, met, times) = match better {
                Better::More => ("≥", self.value >= target, self.value / other),
                Better::Less => ("≤", self.value <= target, other / self.value),
            };
            let target = format!("{sign} {} {}", short(target), if met { "✓" } else { "✗" });
            let _ = write!(text, "{target:>12}  {:>15}{:>9}", short(other), format!("{times:.1} ×"));
        }
        text.truncate(text.trim_end().len());
        text.push('\n');
    }
}

fn short(value: f64) -> String {
    match value {
        1_000.0.. => format!("{value:.0}"),
        100.0.. => format!("{value:.0}"),
        _ => format!("{value:.1}"),
    }
}
