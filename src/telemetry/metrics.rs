//! All metrics. Each name is declared once, here.
//!
//! Labels have few values, and no value comes from the text of a request.

use prometheus::core::Collector;
use prometheus::{
    CounterVec, Encoder as _, Gauge, Histogram, HistogramOpts, IntCounter, IntCounterVec, IntGauge,
    IntGaugeVec, Opts, Registry, TextEncoder,
};

use super::health::Health;

/// Upper bounds of the buckets.
const COMMIT_SECONDS: [f64; 15] =
    [0.0005, 0.001, 0.002, 0.003, 0.005, 0.008, 0.015, 0.03, 0.06, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0];
const LATENCY_SECONDS: [f64; 18] = [
    0.001, 0.002, 0.003, 0.004, 0.006, 0.008, 0.012, 0.02, 0.03, 0.04, 0.06, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0,
    60.0,
];
const TRANSACTION_RECORDS: [f64; 12] =
    [1.0, 2.0, 5.0, 10.0, 20.0, 50.0, 100.0, 200.0, 500.0, 1000.0, 2000.0, 5000.0];

/// All metrics of the process. Counters that change with each commit go through [`Counts`](super::Counts).
#[derive(Debug)]
pub(crate) struct Metrics {
    registry: Registry,
    pub(super) records: IntCounterVec,
    pub(super) requests: IntCounterVec,
    pub(super) dead_letters: IntCounterVec,
    pub(super) unreadable_deadlines: IntCounterVec,
    pub(super) skipped: IntCounter,
    pub(super) forwarded: IntCounter,
    pub(super) hops: IntCounter,
    pub(super) repeated: IntCounter,
    pub(super) unknown_members: IntCounterVec,
    pub(super) expired: IntCounter,
    pub(super) commits: IntCounter,
    pub(super) commit_seconds: Histogram,
    pub(super) transaction_records: Histogram,
    pub(super) request_latency: Histogram,
    aborts: IntCounterVec,
    fenced: IntCounter,
    input_lag: IntGaugeVec,
    unassigned: IntGauge,
    schema_waits: IntGauge,
    clock_ahead: Gauge,
    recovery: RecoveryMetrics,
    tasks: IntGaugeVec,
    ready: IntGauge,
}

impl Metrics {
    pub(crate) fn new() -> Self {
        let registry = Registry::new();
        let all = &registry;
        register_build_info(all);
        register_process_metrics(all);
        Self {
            records: counters(all, "otp_stream_records_total", "Records processed", &["topic"]),
            requests: counters(
                all,
                "otp_stream_requests_total",
                "Requests served, by contract, operation and outcome",
                &["contract", "operation", "outcome"],
            ),
            dead_letters: counters(
                all,
                "otp_stream_dead_letters_total",
                "Dead letters, by stage of processing and error code",
                &["stage", "code"],
            ),
            unreadable_deadlines: unreadable_deadlines(all),
            skipped: counter(
                all,
                "otp_stream_skipped_records_total",
                "Records that were read again after they had been processed",
            ),
            forwarded: counter(
                all,
                "otp_stream_forwarded_records_total",
                "Requests that were read on another partition than their home and forwarded",
            ),
            hops: counter(
                all,
                "otp_stream_hops_total",
                "Records that a request which visits several homes wrote for the next of them",
            ),
            repeated: counter(
                all,
                "otp_stream_repeated_requests_total",
                "Repeated requests that got the first reply again",
            ),
            unknown_members: unknown_members(all),
            expired: counter(all, "otp_stream_expired_total", "Challenges reported as expired"),
            commits: counter(all, "otp_stream_commits_total", "Committed transactions"),
            commit_seconds: histogram(
                all,
                "otp_stream_commit_seconds",
                "From the first call of a commit to its acknowledgement",
                &COMMIT_SECONDS,
            ),
            transaction_records: histogram(
                all,
                "otp_stream_transaction_records",
                "Input records of a committed transaction",
                &TRANSACTION_RECORDS,
            ),
            request_latency: request_latency(all),
            aborts: counters(all, "otp_stream_aborts_total", "Aborted transactions, by reason", &["class"]),
            fenced: counter(
                all,
                "otp_stream_fenced_total",
                "Times that this process was fenced by another owner",
            ),
            input_lag: input_lag(all),
            unassigned: unassigned(all),
            schema_waits: schema_waits(all),
            clock_ahead: clock_ahead(all),
            recovery: RecoveryMetrics::new(all),
            tasks: gauges(all, "otp_stream_tasks", "Tasks of this process, by state", &["state"]),
            ready: gauge(all, "otp_stream_ready", "1 if /readyz answers 200"),
            registry,
        }
    }

    pub(crate) fn aborted(&self, class: &'static str) {
        self.aborts.with_label_values(&[class]).inc();
    }

    pub(crate) fn fenced(&self) {
        self.fenced.inc();
    }

    pub(crate) fn set_input_lag(&self, topic: &str, partition: i32, records: u64) {
        let mut digits = itoa::Buffer::new();
        self.input_lag.with_label_values(&[topic, digits.format(partition)]).set(saturated(records));
    }

    /// Removes the lag of a partition that another instance owns now.
    pub(crate) fn forget_input(&self, topic: &str, partition: i32) {
        let mut digits = itoa::Buffer::new();
        self.input_lag.remove_label_values(&[topic, digits.format(partition)]).unwrap_or_default();
    }

    pub(crate) fn set_unassigned(&self, partitions: usize) {
        self.unassigned.set(saturated(partitions as u64));
    }

    /// How far this host's clock is ahead of the brokers'.
    pub(crate) fn set_clock_ahead(&self, ms: i64) {
        self.clock_ahead.set(ms as f64 / 1_000.0);
    }

    pub(crate) fn set_restore_remaining(&self, partition: i32, records: u64) {
        let mut digits = itoa::Buffer::new();
        self.recovery.remaining.with_label_values(&[digits.format(partition)]).set(saturated(records));
    }

    /// Counts `records` more restored records, which took `seconds`.
    pub(crate) fn restored(&self, partition: i32, records: u64, seconds: f64) {
        let mut digits = itoa::Buffer::new();
        let partition = [digits.format(partition)];
        self.recovery.restored.with_label_values(&partition).inc_by(records);
        self.recovery.seconds.with_label_values(&partition).inc_by(seconds);
    }

    /// Speed of the restore under way, or of the last one.
    pub(crate) fn set_restore_rate(&self, partition: i32, records_per_s: u64) {
        let mut digits = itoa::Buffer::new();
        self.recovery.rate.with_label_values(&[digits.format(partition)]).set(saturated(records_per_s));
    }

    /// Removes the remaining records of a task that another instance owns now.
    pub(crate) fn forget_restore(&self, partition: i32) {
        let mut digits = itoa::Buffer::new();
        self.recovery.remaining.remove_label_values(&[digits.format(partition)]).unwrap_or_default();
    }

    /// Counts records that retention deleted before they were read.
    pub(crate) fn lost(&self, topic: &str, records: u64) {
        self.recovery.lost.with_label_values(&[topic]).inc_by(records);
    }

    /// The text for Prometheus.
    pub(crate) fn render(&self, health: &Health) -> Vec<u8> {
        let report = health.report();
        self.ready.set(i64::from(report.ready));
        self.schema_waits.set(saturated(health.waiting_partitions() as u64));
        for (state, count) in report.tasks_by_state() {
            self.tasks.with_label_values(&[state]).set(count);
        }
        let mut text = Vec::with_capacity(16 * 1024);
        TextEncoder::new().encode(&self.registry.gather(), &mut text).expect("writing to memory succeeds");
        text
    }
}

impl Default for Metrics {
    fn default() -> Self {
        Self::new()
    }
}

/// Metrics of restores, and of records lost to retention.
#[derive(Debug)]
struct RecoveryMetrics {
    remaining: IntGaugeVec,
    restored: IntCounterVec,
    seconds: CounterVec,
    rate: IntGaugeVec,
    lost: IntCounterVec,
}

impl RecoveryMetrics {
    fn new(all: &Registry) -> Self {
        let remaining = "Changelog records that a task still has to replay, at most";
        let restored = "Changelog records replayed";
        let seconds = "Time spent replaying changelog records";
        let rate = "Changelog records per second of the restore under way, or of the last one";
        let lost = "Records that retention deleted before they were read";
        Self {
            remaining: gauges(all, "otp_stream_restore_remaining_records", remaining, &["partition"]),
            restored: counters(all, "otp_stream_restored_records_total", restored, &["partition"]),
            seconds: registered(
                all,
                CounterVec::new(Opts::new("otp_stream_restore_seconds_total", seconds), &["partition"]),
            ),
            rate: gauges(all, "otp_stream_restore_records_per_second", rate, &["partition"]),
            lost: counters(all, "otp_stream_lost_records_total", lost, &["topic"]),
        }
    }
}

fn unknown_members(registry: &Registry) -> IntCounterVec {
    counters(
        registry,
        "otp_stream_unknown_members_total",
        "Members of requests that their contract does not have, for contracts that count them",
        &["contract"],
    )
}

fn unreadable_deadlines(registry: &Registry) -> IntCounterVec {
    let help = "Requests whose deadline cannot be read and counts as none, by caller";
    counters(registry, "otp_stream_unreadable_deadlines_total", help, &["caller"])
}

fn input_lag(all: &Registry) -> IntGaugeVec {
    let about = "Records of an input partition that are not processed yet";
    gauges(all, "otp_stream_input_lag", about, &["topic", "partition"])
}

fn request_latency(all: &Registry) -> Histogram {
    let about = "From the append time of a request to the commit of its reply, by the brokers' clock";
    histogram(all, "otp_stream_request_latency_seconds", about, &LATENCY_SECONDS)
}

fn unassigned(all: &Registry) -> IntGauge {
    let about = "Partitions of the input topics that no member of the group has";
    gauge(all, "otp_stream_unassigned_partitions", about)
}

fn schema_waits(all: &Registry) -> IntGauge {
    let about = "Partitions of topics in Avro that wait until the schema registry has told a schema";
    gauge(all, "otp_stream_partitions_waiting_for_schema", about)
}

fn clock_ahead(all: &Registry) -> Gauge {
    let about = "How far this host's clock is ahead of the brokers' clock; negative: behind";
    registered(all, Gauge::new("otp_stream_clock_ahead_seconds", about))
}

fn register_build_info(all: &Registry) {
    let build_info = gauges(all, "otp_stream_build_info", "Version of this build; always 1", &["version"]);
    build_info.with_label_values(&[env!("CARGO_PKG_VERSION")]).set(1);
}

/// The `process_*` metrics that every Prometheus client exports; the crate reads them from `/proc`.
fn register_process_metrics(registry: &Registry) {
    #[cfg(target_os = "linux")]
    registry
        .register(Box::new(prometheus::process_collector::ProcessCollector::for_self()))
        .expect("every name is declared once");
    #[cfg(not(target_os = "linux"))]
    let _ = registry;
}

fn counter(registry: &Registry, name: &str, help: &str) -> IntCounter {
    registered(registry, IntCounter::new(name, help))
}

fn counters(registry: &Registry, name: &str, help: &str, labels: &[&str]) -> IntCounterVec {
    registered(registry, IntCounterVec::new(Opts::new(name, help), labels))
}

fn gauge(registry: &Registry, name: &str, help: &str) -> IntGauge {
    registered(registry, IntGauge::new(name, help))
}

fn gauges(registry: &Registry, name: &str, help: &str, labels: &[&str]) -> IntGaugeVec {
    registered(registry, IntGaugeVec::new(Opts::new(name, help), labels))
}

fn histogram(registry: &Registry, name: &str, help: &str, bounds: &[f64]) -> Histogram {
    let options = HistogramOpts::new(name, help).buckets(bounds.to_vec());
    registered(registry, Histogram::with_opts(options))
}

fn registered<M: Collector + Clone + 'static>(registry: &Registry, metric: prometheus::Result<M>) -> M {
    let metric = metric.expect("names, labels and bounds are constants");
    registry.register(Box::new(metric.clone())).expect("every name is declared once");
    metric
}

fn saturated(records: u64) -> i64 {
    i64::try_from(records).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Dashboards and alert rules rely on these names.
    #[cfg(target_os = "linux")]
    #[test]
    fn the_metrics_of_the_process_are_exported() {
        let text = String::from_utf8(Metrics::new().render(&Health::new(1))).expect("metrics are text");
        for name in [
            "process_cpu_seconds_total",
            "process_open_fds",
            "process_resident_memory_bytes",
            "process_start_time_seconds",
            "process_threads",
            "process_virtual_memory_bytes",
        ] {
            assert!(text.contains(&format!("\n{name} ")), "{name}: {text}");
        }
    }
}
