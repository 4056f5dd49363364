//! Compares the topics and the group's assignment with what this process knows, at an interval.
//!
//! | it sees | what follows |
//! |---|---|
//! | a topic has another id | the stream threads start again: positions count in one creation of a topic |
//! | a request topic has more partitions | the same: all its partitions are only forwarded from then on |
//! | a partition that no member has | the members join the group again, see `coverage` |
//! | this host's clock differs from the brokers' | a line in the log, a metric, a cause on the health page |
//!
//! librdkafka continues at the same offset in a topic that was deleted and created again, so the records before that offset
//! would never be read. A topic that is gone changes nothing until its successor exists.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::thread::JoinHandle;
use std::time::Duration;

use otp_topology::deployment::{TopicFacts, Topology};

use super::cluster::facts_of;
use super::coverage::{self, Coverage};
use super::stream_threads::Parts;
use crate::kafka::{Admin, EdgeError, broker_clock, outage};
use crate::telemetry::{Health, Metrics, PROGRESS_AGE_MAX};

/// Between two comparisons: how long records of a recreated topic may be skipped before they are read after all.
const INTERVAL: Duration = Duration::from_secs(5);
/// Longest pause after comparisons that failed: each failure doubles the pause.
const PAUSE_MAX: Duration = Duration::from_secs(20);
const ASK_MAX: Duration = Duration::from_secs(3);
/// A spare thread is ready while comparisons succeed. One asks for the cluster's id, the topics and the group, and twice for
/// a broker.
const _: () = assert!(PAUSE_MAX.as_secs() + 5 * ASK_MAX.as_secs() < PROGRESS_AGE_MAX.as_secs());
/// Comparisons between two lines about the clock: a minute.
const CLOCK_LINE_LOOKS: u32 = 12;

pub(crate) struct TopicWatch {
    seen: Arc<Seen>,
    stop: Option<Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

/// What the process must act on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Sight {
    Nothing,
    /// A topic was recreated, or has more partitions: the stream threads must start again.
    TopicsChanged,
    /// The members must join the group again.
    PartitionsUnassigned,
}

#[derive(Default)]
struct Seen {
    change: AtomicBool,
    unassigned: AtomicBool,
}

impl TopicWatch {
    pub(crate) fn start(admin: Admin, parts: &Parts) -> Self {
        let seen = Arc::new(Seen::default());
        let (stop, stopped) = channel();
        let watch = Watch {
            admin,
            topology: parts.topology.clone(),
            health: parts.health.clone(),
            metrics: parts.metrics.clone(),
            seen: seen.clone(),
            coverage: Coverage::default(),
            refused: BTreeSet::new(),
            clock_line_in: 0,
        };
        let thread = std::thread::Builder::new()
            .name("topic-watch".to_owned())
            .spawn(move || watch.run(&stopped))
            .expect("the process may start threads");
        Self { seen, stop: Some(stop), thread: Some(thread) }
    }

    /// What was seen since the last call. A change of the topics stays.
    pub(crate) fn sees(&self) -> Sight {
        if self.seen.change.load(Ordering::Relaxed) {
            Sight::TopicsChanged
        } else if self.seen.unassigned.swap(false, Ordering::Relaxed) {
            Sight::PartitionsUnassigned
        } else {
            Sight::Nothing
        }
    }
}

impl Drop for TopicWatch {
    fn drop(&mut self) {
        self.stop = None;
        if let Some(thread) = self.thread.take()
            && thread.join().is_err()
        {
            tracing::error!("the thread that watches the topics panicked");
        }
    }
}

struct Watch {
    admin: Admin,
    topology: Arc<Topology>,
    health: Arc<Health>,
    metrics: Arc<Metrics>,
    seen: Arc<Seen>,
    coverage: Coverage,
    /// Additions of partitions that were reported to be wrong.
    refused: BTreeSet<String>,
    /// Comparisons until the next line about the clock.
    clock_line_in: u32,
}

impl Watch {
    fn run(mut self, stopped: &Receiver<()>) {
        let mut pause = INTERVAL;
        while stopped.recv_timeout(pause) == Err(RecvTimeoutError::Timeout) {
            self.show_clock();
            let compared = self.compare();
            pause = next_pause(pause, compared.is_ok());
            match compared {
                Ok(false) => {}
                Ok(true) => return self.seen.change.store(true, Ordering::Relaxed),
                Err(error) if outage::is_known() => {
                    tracing::debug!(%error, "the topics could not be compared; the next comparison follows");
                }
                Err(error) => {
                    tracing::warn!(%error, "the topics could not be compared; the next comparison follows");
                }
            }
        }
    }

    /// Returns whether the stream threads must start again.
    fn compare(&mut self) -> Result<bool, EdgeError> {
        let facts = self.facts()?;
        if let Some(change) = self.topology.change(&facts) {
            tracing::warn!("{change}: all stream threads start again");
            return Ok(true);
        }
        outage::cluster_answered();
        self.health.cluster_answered();
        self.report_wrong_counts(&facts);
        match self.admin.group_assignment(&self.topology.application_id, ASK_MAX) {
            Ok(Some(assigned)) => self.cover(&facts, assigned),
            // A rebalance is under way.
            Ok(None) => {}
            Err(error) => tracing::debug!(%error, "the assignment of the group is unknown"),
        }
        Ok(false)
    }

    fn facts(&self) -> Result<BTreeMap<String, TopicFacts>, EdgeError> {
        let changelog = &self.topology.output(self.topology.changelog).name;
        let names = self.topology.sources.iter().map(|source| &source.name).chain([changelog]);
        facts_of(&self.admin, &names.cloned().collect::<Vec<_>>(), ASK_MAX)
    }

    /// Every partition needs an owner.
    fn cover(&mut self, facts: &BTreeMap<String, TopicFacts>, assigned: Vec<(String, i32)>) {
        let sources = self.topology.sources.iter();
        let counts = sources.filter_map(|it| Some((it.name.as_str(), facts.get(&it.name)?.partitions)));
        let missing = coverage::unassigned(&counts.collect(), assigned);
        let texts: Vec<_> =
            missing.iter().map(|(topic, partitions)| coverage::described(topic, partitions)).collect();
        self.metrics.set_unassigned(missing.values().map(Vec::len).sum());
        if self.coverage.looked(missing.is_empty()) {
            for text in &texts {
                tracing::warn!("{text}");
            }
            self.seen.unassigned.store(true, Ordering::Relaxed);
        }
        self.health.set_unassigned(texts);
    }

    /// The service goes on with the partitions that it knows, as long as it runs.
    fn report_wrong_counts(&mut self, facts: &BTreeMap<String, TopicFacts>) {
        for change in self.topology.grown_wrongly(facts) {
            let text = change.to_string();
            if self.refused.insert(text.clone()) {
                tracing::error!(
                    "{text}, and its count must stay: the next start is refused. Recreate it with the former count, or take \
                     another application.id"
                );
            }
        }
    }

    fn show_clock(&mut self) {
        self.metrics.set_clock_ahead(broker_clock::host_is_ahead_ms());
        let Some(fault) = broker_clock::fault() else {
            self.clock_line_in = 0;
            return;
        };
        if self.clock_line_in == 0 {
            tracing::warn!("{fault}");
            self.clock_line_in = CLOCK_LINE_LOOKS;
        }
        self.clock_line_in -= 1;
    }
}

/// The pause before the next comparison.
fn next_pause(last: Duration, has_answered: bool) -> Duration {
    if has_answered { INTERVAL } else { (last * 2).min(PAUSE_MAX) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_while_the_cluster_does_not_answer() {
        let mut pause = INTERVAL;
        for (has_answered, expected_s) in
            [(true, 5), (false, 10), (false, 20), (false, 20), (true, 5), (false, 10)]
        {
            pause = next_pause(pause, has_answered);
            assert_eq!(pause.as_secs(), expected_s);
        }
    }
}
