//! The counters of a commit, published when the commit is acknowledged. The counters of an aborted transaction are dropped;
//! its records are counted when they are processed again.

use std::sync::Arc;

use otp_topology::otp::LogTime;
use otp_topology::task::Counters;
use prometheus::IntCounter;
use prometheus::local::LocalHistogram;

use super::metrics::Metrics;

/// Publishes one stream thread's counters. It caches the thread's label combinations, so threads do not share it.
pub(crate) struct Counts {
    metrics: Arc<Metrics>,
    /// By number of the source topic.
    records: Vec<IntCounter>,
    requests: Vec<([&'static str; 3], IntCounter)>,
    dead_letters: Vec<([&'static str; 2], IntCounter)>,
    latency: LocalHistogram,
}

impl Counts {
    /// `topics` are the names of the source topics in their order.
    pub(crate) fn new(metrics: Arc<Metrics>, topics: &[String]) -> Self {
        let records = topics.iter().map(|topic| metrics.records.with_label_values(&[topic])).collect();
        let latency = metrics.request_latency.local();
        Self { metrics, records, requests: Vec::new(), dead_letters: Vec::new(), latency }
    }

    /// Publishes an acknowledged commit of `records` input records that took `seconds`. `now` is the wall clock.
    pub(crate) fn publish(&mut self, done: &Counters, records: usize, seconds: f64, now: LogTime) {
        self.metrics.commits.inc();
        self.metrics.commit_seconds.observe(seconds);
        self.metrics.transaction_records.observe(records as f64);
        for (topic, count) in &done.records {
            self.records[usize::from(topic.0)].inc_by(*count);
        }
        for (end, count) in &done.requests {
            let labels = [end.contract.as_str(), end.operation, end.outcome];
            let vec = &self.metrics.requests;
            cached(&mut self.requests, labels, || vec.with_label_values(&labels)).inc_by(*count);
        }
        for ((stage, code), count) in &done.dead_letters {
            let labels = [*stage, *code];
            let vec = &self.metrics.dead_letters;
            cached(&mut self.dead_letters, labels, || vec.with_label_values(&labels)).inc_by(*count);
        }
        for (contract, count) in &done.unknown_members {
            self.metrics.unknown_members.with_label_values(&[contract.as_str()]).inc_by(*count);
        }
        for (caller, count) in &done.unreadable_deadlines {
            self.metrics.unreadable_deadlines.with_label_values(&[caller]).inc_by(*count);
        }
        self.metrics.skipped.inc_by(done.skipped);
        self.metrics.forwarded.inc_by(done.forwarded);
        self.metrics.hops.inc_by(done.hops);
        self.metrics.repeated.inc_by(done.repeated);
        self.metrics.expired.inc_by(done.expired);
        for appended in &done.replied {
            self.latency.observe(now.since(*appended) as f64 / 1_000.0);
        }
        self.latency.flush();
    }
}

/// The counter of a label combination. There are at most a few dozen, so a scan is faster than a map.
fn cached<'a, const N: usize>(
    list: &'a mut Vec<([&'static str; N], IntCounter)>,
    labels: [&'static str; N],
    make: impl FnOnce() -> IntCounter,
) -> &'a IntCounter {
    let at = list.iter().position(|(known, _)| *known == labels).unwrap_or_else(|| {
        list.push((labels, make()));
        list.len() - 1
    });
    &list[at].1
}

#[cfg(test)]
mod tests {
    use otp_topology::contract::RequestEnd;
    use otp_topology::otp::ContractName;
    use otp_topology::wire::record::SourceTopic;

    use super::super::health::Health;
    use super::*;

    fn value_of(metrics: &Metrics, name: &str) -> Option<String> {
        let text = String::from_utf8(metrics.render(&Health::new(1))).expect("metrics are text");
        let line = text.lines().find(|line| line.starts_with(name))?;
        line.rsplit(' ').next().map(str::to_owned)
    }

    #[test]
    fn a_published_commit_shows_in_the_metrics() {
        let metrics = Arc::new(Metrics::new());
        let mut counts = Counts::new(metrics.clone(), &["requests".to_owned()]);
        let end = RequestEnd { contract: ContractName::Egov, operation: "send", outcome: "issued" };
        let done = Counters {
            records: vec![(SourceTopic(0), 3)],
            requests: vec![(end, 2)],
            dead_letters: vec![(("decode", "syntax"), 1)],
            unreadable_deadlines: vec![("egov".to_owned(), 5)],
            skipped: 4,
            hops: 6,
            replied: vec![LogTime::from_ms(1_000), LogTime::from_ms(1_500)],
            ..Counters::default()
        };
        counts.publish(&done, 3, 0.002, LogTime::from_ms(2_000));
        counts.publish(&done, 3, 0.002, LogTime::from_ms(2_000));
        for (name, expected) in [
            ("otp_stream_requests_total{contract=\"egov\"", "4"),
            ("otp_stream_records_total{topic=\"requests\"}", "6"),
            ("otp_stream_dead_letters_total", "2"),
            ("otp_stream_unreadable_deadlines_total{caller=\"egov\"}", "10"),
            ("otp_stream_skipped_records_total", "8"),
            ("otp_stream_hops_total", "12"),
            ("otp_stream_commits_total", "2"),
            ("otp_stream_request_latency_seconds_count", "4"),
            ("otp_stream_request_latency_seconds_sum", "3"),
            ("otp_stream_transaction_records_sum", "6"),
        ] {
            assert_eq!(value_of(&metrics, name).as_deref(), Some(expected), "{name}");
        }
    }
}
