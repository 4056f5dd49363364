//! Compares the ids of the topics with those at the start, at an interval, because positions count in one creation of a topic.
//!
//! librdkafka continues at the same offset in a topic that was deleted and created again, so the records before that offset
//! would never be read. A topic that is gone changes nothing until its successor exists.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::thread::JoinHandle;
use std::time::Duration;

use otp_topology::deployment::{Incarnation, Topology};

use super::cluster::facts_of;
use crate::kafka::{Admin, EdgeError, outage};
use crate::telemetry::{Health, PROGRESS_AGE_MAX};

/// Between two comparisons: how long records of a recreated topic may be skipped before they are read after all.
const INTERVAL: Duration = Duration::from_secs(5);
/// Longest pause after comparisons that failed: each failure doubles the pause.
const PAUSE_MAX: Duration = Duration::from_secs(20);
const ASK_MAX: Duration = Duration::from_secs(3);
/// A spare thread is ready while comparisons succeed. One asks for a broker, the cluster's id and the topics.
const _: () = assert!(PAUSE_MAX.as_secs() + 3 * ASK_MAX.as_secs() < PROGRESS_AGE_MAX.as_secs());

pub(crate) struct TopicWatch {
    recreated: Arc<AtomicBool>,
    stop: Option<Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl TopicWatch {
    pub(crate) fn start(admin: Admin, topology: Arc<Topology>, health: Arc<Health>) -> Self {
        let seen = Arc::new(AtomicBool::new(false));
        let (stop, stopped) = channel();
        let flag = seen.clone();
        let thread = std::thread::Builder::new()
            .name("topic-watch".to_owned())
            .spawn(move || {
                let mut pause = INTERVAL;
                while stopped.recv_timeout(pause) == Err(RecvTimeoutError::Timeout) {
                    let compared = recreated(&admin, &topology);
                    pause = next_pause(pause, compared.is_ok());
                    match compared {
                        Ok(None) => {
                            outage::cluster_answered();
                            health.cluster_answered();
                        }
                        Ok(Some(topic)) => {
                            tracing::warn!(topic, "the topic was recreated: all stream threads start again");
                            flag.store(true, Ordering::Relaxed);
                            return;
                        }
                        Err(error) if outage::is_known() => {
                            tracing::debug!(%error, "the ids of the topics could not be compared; the next comparison follows");
                        }
                        Err(error) => tracing::warn!(%error, "the ids of the topics could not be compared; the next comparison follows"),
                    }
                }
            })
            .expect("the process may start threads");
        Self { recreated: seen, stop: Some(stop), thread: Some(thread) }
    }

    /// Whether a topic was recreated since the start.
    pub(crate) fn saw_recreated(&self) -> bool {
        self.recreated.load(Ordering::Relaxed)
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

/// The pause before the next comparison.
fn next_pause(last: Duration, has_answered: bool) -> Duration {
    if has_answered { INTERVAL } else { (last * 2).min(PAUSE_MAX) }
}

/// The first topic that has another id.
fn recreated(admin: &Admin, topology: &Topology) -> Result<Option<String>, EdgeError> {
    let changelog = (&topology.output(topology.changelog).name, topology.changelog_incarnation);
    let sources = topology.sources.iter().map(|source| (&source.name, source.incarnation));
    let known: Vec<(&String, Incarnation)> = sources.chain([changelog]).collect();
    let names: Vec<String> = known.iter().map(|(name, _)| (*name).clone()).collect();
    let facts = facts_of(admin, &names, ASK_MAX)?;
    let differs =
        |(name, id): &(&String, Incarnation)| facts.get(*name).is_some_and(|it| it.incarnation != *id);
    Ok(known.into_iter().find(differs).map(|(name, _)| name.clone()))
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
