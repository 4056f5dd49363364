//! A stream thread's own counters: plain numbers on the request path, published once a commit is acknowledged and
//! dropped with a transaction that is not.

use std::sync::Arc;

use otp_topology::contract::Tally;
use otp_topology::wire::record::SourceTopic;
use prometheus::IntCounter;
use prometheus::local::LocalHistogram;

use super::metrics::Metrics;

/// Counts of the open transaction. Not shared between threads.
pub struct Counts {
    metrics: Arc<Metrics>,
    records: Vec<Pending>,
    requests: Vec<([&'static str; 3], Pending)>,
    dead_letters: Vec<([&'static str; 2], Pending)>,
    skipped: u64,
    forwarded: u64,
    expired: u64,
    latency: LocalHistogram,
}

struct Pending {
    published: IntCounter,
    count: u64,
}

impl Counts {
    pub(super) fn new(metrics: Arc<Metrics>, topics: &[String]) -> Self {
        let records = topics
            .iter()
            .map(|topic| Pending::of(metrics.records.with_label_values(&[topic])))
            .collect();
        let latency = metrics.request_latency.local();
        Self {
            metrics,
            records,
            requests: Vec::new(),
            dead_letters: Vec::new(),
            skipped: 0,
            forwarded: 0,
            expired: 0,
            latency,
        }
    }

    /// A record of a source topic was processed.
    pub fn record(&mut self, topic: SourceTopic) {
        self.records[usize::from(topic.0)].count += 1;
    }

    /// A request was answered.
    pub fn request(&mut self, tally: Tally) {
        let Tally {
            contract,
            operation,
            outcome,
        } = tally;
        let labels = [contract.as_str(), operation, outcome];
        let vec = &self.metrics.requests;
        bump(&mut self.requests, labels, || vec.with_label_values(&labels));
    }

    /// Stage and code come from fixed lists.
    pub fn dead_letter(&mut self, stage: &'static str, code: &'static str) {
        let labels = [stage, code];
        let vec = &self.metrics.dead_letters;
        bump(&mut self.dead_letters, labels, || vec.with_label_values(&labels));
    }

    /// A record was processed before and is read again.
    pub fn skipped(&mut self) {
        self.skipped += 1;
    }

    /// A request went to its home partition.
    pub fn forwarded(&mut self) {
        self.forwarded += 1;
    }

    /// The sweep told the end of so many challenges.
    pub fn expired(&mut self, count: u64) {
        self.expired += count;
    }

    /// Append time to commit of one request, in seconds by the wall clock. Called when the commit is acknowledged,
    /// before [`Counts::committed`].
    pub fn latency(&mut self, seconds: f64) {
        self.latency.observe(seconds);
    }

    /// The commit of `records` input records was acknowledged after `seconds`: publishes everything.
    pub fn committed(&mut self, records: usize, seconds: f64) {
        self.metrics.commits.inc();
        self.metrics.commit_seconds.observe(seconds);
        self.metrics.transaction_records.observe(records as f64);
        self.pending().for_each(Pending::publish);
        self.metrics.skipped.inc_by(std::mem::take(&mut self.skipped));
        self.metrics.forwarded.inc_by(std::mem::take(&mut self.forwarded));
        self.metrics.expired.inc_by(std::mem::take(&mut self.expired));
        self.latency.flush();
    }

    /// The transaction came to nothing: its records will be counted when they are processed again.
    pub fn discard(&mut self) {
        self.pending().for_each(|pending| pending.count = 0);
        self.skipped = 0;
        self.forwarded = 0;
        self.expired = 0;
        self.latency.clear();
    }

    fn pending(&mut self) -> impl Iterator<Item = &mut Pending> {
        let requests = self.requests.iter_mut().map(|(_, pending)| pending);
        let dead_letters = self.dead_letters.iter_mut().map(|(_, pending)| pending);
        self.records.iter_mut().chain(requests).chain(dead_letters)
    }
}

impl Pending {
    fn of(published: IntCounter) -> Self {
        Self { published, count: 0 }
    }

    fn publish(&mut self) {
        if self.count > 0 {
            self.published.inc_by(std::mem::take(&mut self.count));
        }
    }
}

/// There are a few dozen combinations at most, so a scan beats a map.
fn bump<const N: usize>(
    list: &mut Vec<([&'static str; N], Pending)>,
    labels: [&'static str; N],
    make: impl FnOnce() -> IntCounter,
) {
    match list.iter_mut().find(|(known, _)| *known == labels) {
        Some((_, pending)) => pending.count += 1,
        None => {
            let mut pending = Pending::of(make());
            pending.count = 1;
            list.push((labels, pending));
        }
    }
}

#[cfg(test)]
mod tests {
    use otp_topology::otp::ContractName;

    use super::super::health::Health;
    use super::*;

    fn rendered(metrics: &Metrics, name: &str) -> Option<String> {
        let text = String::from_utf8(metrics.render(&Health::new(1))).expect("metrics are text");
        text.lines()
            .find(|line| line.starts_with(name))
            .map(str::to_owned)
    }

    #[test]
    fn counts_show_after_the_commit_and_vanish_with_an_abort() {
        let metrics = Arc::new(Metrics::new());
        let mut counts = metrics.counts(&["requests".to_owned()]);
        let issued = Tally {
            contract: ContractName::Egov,
            operation: "send",
            outcome: "issued",
        };
        let request = "otp_stream_requests_total{contract=\"egov\"";
        counts.record(SourceTopic(0));
        counts.request(issued);
        counts.latency(0.004);
        counts.discard();
        assert_eq!(rendered(&metrics, request).as_deref().map(last), Some("0"));
        counts.record(SourceTopic(0));
        counts.request(issued);
        counts.latency(0.004);
        assert_eq!(rendered(&metrics, request).as_deref().map(last), Some("0"));
        counts.committed(1, 0.002);
        for (name, expected) in [
            (request, "1"),
            ("otp_stream_records_total{topic=\"requests\"}", "1"),
            ("otp_stream_commits_total", "1"),
            ("otp_stream_request_latency_seconds_count", "1"),
            ("otp_stream_transaction_records_sum", "1"),
        ] {
            assert_eq!(
                rendered(&metrics, name).as_deref().map(last),
                Some(expected),
                "{name}"
            );
        }
    }

    fn last(line: &str) -> &str {
        line.rsplit(' ').next().unwrap_or_default()
    }
}
