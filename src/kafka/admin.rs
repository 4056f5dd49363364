//! Questions and orders to the cluster that no stream thread waits for: topics, their ids and settings, watermarks.
//!
//! Every call blocks until it is answered or its time is over; none may be made on a polling thread.

use std::collections::BTreeMap;
use std::ffi::CString;
use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll, Wake, Waker};
use std::thread::{self, Thread};
use std::time::Duration;

use rdkafka::admin::{
    AdminClient, AdminOptions, NewTopic as NativeTopic, ResourceSpecifier, TopicReplication,
};
use rdkafka::client::DefaultClientContext;
use rdkafka::config::FromClientConfig;
use rdkafka::error::{KafkaError, RDKafkaErrorCode as Code};
use rdkafka::{Offset, TopicPartitionList};

use super::consumer::c_names;
use super::errors::EdgeError;
use super::ffi::{Failure, LogEnd, Partitions, SharedClient, TopicFacts, config_error, describe_topics};
use super::properties::Properties;

/// Between two looks at whether the cluster knows a new topic, or is there again.
const LOOK: Duration = Duration::from_millis(50);

/// A topic to create.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewTopic {
    pub name: String,
    pub partitions: i32,
    /// `None`: the broker's default.
    pub replication: Option<i32>,
    pub settings: Vec<(String, String)>,
}

/// What became of a topic to create.
#[derive(Debug)]
pub enum TopicOutcome {
    Created,
    /// It was there before, with whatever settings.
    Existed,
    Failed(EdgeError),
}

/// Start and end of a partition's log, open transactions included.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Watermarks {
    pub start: i64,
    pub end: i64,
}

/// May be shared between threads.
pub struct Admin {
    client: AdminClient<DefaultClientContext>,
    uncommitted: SharedClient,
}

impl Admin {
    /// # Errors
    /// A property is refused.
    pub fn new(properties: &Properties) -> Result<Self, EdgeError> {
        let client = AdminClient::from_config(&properties.admin())
            .map_err(|error| EdgeError::plain("create admin client", config_error(&error)))?;
        let uncommitted = SharedClient::new(&properties.watermarks())
            .map_err(|text| EdgeError::plain("create watermark reader", text))?;
        Ok(Self { client, uncommitted })
    }

    /// Id and partition count of each topic, in the order of the names; `None`: there is no such topic.
    ///
    /// # Errors
    /// The cluster does not answer, or denies it.
    pub fn describe(
        &self,
        names: &[String],
        timeout: Duration,
    ) -> Result<Vec<Option<TopicFacts>>, EdgeError> {
        if names.is_empty() {
            return Ok(Vec::new());
        }
        let native = self.client.inner().native_client();
        let mut answers: BTreeMap<_, _> = describe_topics(native, &c_names(names)?, timeout)
            .map_err(|failure| EdgeError::new("describe topics", failure))?
            .into_iter()
            .collect();
        let answer = |name: &String| match answers.remove(name) {
            Some(Ok(facts)) => Ok(Some(facts)),
            Some(Err(failure)) if failure.code == Code::UnknownTopicOrPartition => Ok(None),
            Some(Err(failure)) => Err(EdgeError::new(format!("describe topic {name}"), failure)),
            None => Err(EdgeError::plain(format!("describe topic {name}"), "no answer for it")),
        };
        names.iter().map(answer).collect()
    }

    /// Creates topics; the outcomes come in their order. The controller's answer comes before every broker has heard of
    /// a topic, so this waits until the cluster describes what was created, for as long at most as the call may take.
    ///
    /// # Errors
    /// The request as a whole failed.
    pub fn create(&self, topics: &[NewTopic], timeout: Duration) -> Result<Vec<TopicOutcome>, EdgeError> {
        if topics.is_empty() {
            return Ok(Vec::new());
        }
        let native: Vec<_> = topics.iter().map(native_topic).collect();
        let results = wait(self.client.create_topics(&native, &options(timeout)))
            .map_err(|error| failed("create topics", &error))?;
        let mut outcomes: BTreeMap<_, _> = results
            .into_iter()
            .map(|result| match result {
                Ok(name) => (name, TopicOutcome::Created),
                Err((name, Code::TopicAlreadyExists)) => (name, TopicOutcome::Existed),
                Err((name, code)) => {
                    let error = EdgeError::new(format!("create topic {name}"), Failure::of_code(code));
                    (name, TopicOutcome::Failed(error))
                }
            })
            .collect();
        let unanswered = |name: &str| {
            TopicOutcome::Failed(EdgeError::plain(format!("create topic {name}"), "no answer for it"))
        };
        let outcome = |it: &NewTopic| outcomes.remove(&it.name).unwrap_or_else(|| unanswered(&it.name));
        let outcomes: Vec<_> = topics.iter().map(outcome).collect();
        let made = topics.iter().zip(&outcomes).filter(|(_, it)| !matches!(it, TopicOutcome::Failed(_)));
        self.await_known(&made.map(|(topic, _)| topic.name.clone()).collect::<Vec<_>>(), timeout)?;
        Ok(outcomes)
    }

    fn await_known(&self, names: &[String], timeout: Duration) -> Result<(), EdgeError> {
        let looks = timeout.as_millis() / LOOK.as_millis();
        for _ in 0..looks {
            if self.describe(names, timeout)?.iter().all(Option::is_some) {
                break;
            }
            thread::sleep(LOOK);
        }
        Ok(())
    }

    /// The effective settings of each topic, in the order of the names.
    ///
    /// # Errors
    /// A topic does not exist, or the cluster does not answer.
    pub fn settings(
        &self,
        names: &[String],
        timeout: Duration,
    ) -> Result<Vec<BTreeMap<String, String>>, EdgeError> {
        if names.is_empty() {
            return Ok(Vec::new());
        }
        let topics: Vec<_> = names.iter().map(|name| ResourceSpecifier::Topic(name)).collect();
        let results = wait(self.client.describe_configs(&topics, &options(timeout)))
            .map_err(|error| failed("describe settings", &error))?;
        names
            .iter()
            .zip(results)
            .map(|(name, result)| {
                let unknown = |code| {
                    EdgeError::new(format!("describe settings of topic {name}"), Failure::of_code(code))
                };
                let settings = result.map_err(unknown)?;
                // A topic always has settings; an unknown one is answered with none.
                if settings.entries.is_empty() {
                    return Err(unknown(Code::UnknownTopicOrPartition));
                }
                let entries = settings.entries.into_iter();
                Ok(entries.filter_map(|it| Some((it.name, it.value?))).collect())
            })
            .collect()
    }

    /// Deletes every record below the given offset, per (topic, partition, offset).
    ///
    /// # Errors
    /// A partition's records could not be deleted.
    pub fn delete_records(&self, below: &[(String, i32, i64)], timeout: Duration) -> Result<(), EdgeError> {
        let mut list = TopicPartitionList::with_capacity(below.len());
        for (topic, partition, offset) in below {
            list.add_partition_offset(topic, *partition, Offset::Offset(*offset))
                .map_err(|error| failed("delete records", &error))?;
        }
        let results = wait(self.client.delete_records(&list, &options(timeout)))
            .map_err(|error| failed("delete records", &error))?;
        let elements = results.elements();
        let refused = elements.iter().find_map(|it| Some((it.error().err()?, it)));
        match refused {
            None => Ok(()),
            Some((error, it)) => {
                Err(failed(&format!("delete records of {} [{}]", it.topic(), it.partition()), &error))
            }
        }
    }

    /// # Errors
    /// The cluster does not answer.
    pub fn cluster_id(&self, timeout: Duration) -> Result<String, EdgeError> {
        let id = self.uncommitted.handle().cluster_id(timeout);
        id.ok_or_else(|| EdgeError::new("cluster id", Failure::of_code(Code::OperationTimedOut)))
    }

    /// The start of each partition's log and its high watermark, which no open transaction holds back, in the order of
    /// the places. Two questions to each leader, however many partitions there are.
    ///
    /// # Errors
    /// A partition is unknown, or its leader does not answer.
    pub fn watermarks(
        &self,
        places: &[(String, i32)],
        timeout: Duration,
    ) -> Result<Vec<Watermarks>, EdgeError> {
        let names: Vec<String> = places.iter().map(|(topic, _)| topic.clone()).collect();
        let names: Vec<CString> = c_names(&names)?;
        let all = |which| {
            let asked = self.log_ends(&names, places, which, timeout);
            asked.map_err(|failure| EdgeError::new("watermarks", failure))
        };
        let (starts, ends) = (all(LogEnd::Start)?, all(LogEnd::End)?);
        let marks = places.iter().zip(starts.into_iter().zip(ends));
        marks
            .map(|((topic, partition), (start, end))| match (start, end) {
                (0.., 0..) => Ok(Watermarks { start, end }),
                _ => {
                    Err(EdgeError::plain(format!("watermarks of {topic} [{partition}]"), "no answer for it"))
                }
            })
            .collect()
    }

    /// Unlike other questions, librdkafka does not repeat this one when there is no connection yet, or a leader is new.
    fn log_ends(
        &self,
        names: &[CString],
        places: &[(String, i32)],
        which: LogEnd,
        timeout: Duration,
    ) -> Result<Vec<i64>, Failure> {
        let mut looks = timeout.as_millis() / LOOK.as_millis();
        loop {
            let mut list = Partitions::new(places.len());
            for (name, (_, partition)) in names.iter().zip(places) {
                list.add(name, *partition, which as i64);
            }
            let asked = self.uncommitted.handle().log_ends(&mut list, timeout);
            match asked.and_then(|()| list.first_error()) {
                // In the order of the places: librdkafka fills the list in.
                Ok(()) => return Ok(list.iter().map(|it| it.offset).collect()),
                Err(failure) if looks > 0 && is_passing(failure.code) => {
                    looks -= 1;
                    thread::sleep(LOOK);
                }
                Err(failure) => return Err(failure),
            }
        }
    }
}

fn is_passing(code: Code) -> bool {
    matches!(code, Code::BrokerTransportFailure | Code::NotLeaderForPartition | Code::LeaderNotAvailable)
}

fn native_topic(topic: &NewTopic) -> NativeTopic<'_> {
    // -1 is the protocol's "the broker's default".
    let replication = TopicReplication::Fixed(topic.replication.unwrap_or(-1));
    topic
        .settings
        .iter()
        .fold(NativeTopic::new(&topic.name, topic.partitions, replication), |it, (key, value)| {
            it.set(key, value)
        })
}

fn options(timeout: Duration) -> AdminOptions {
    AdminOptions::new().request_timeout(Some(timeout)).operation_timeout(Some(timeout))
}

fn failed(what: &str, error: &KafkaError) -> EdgeError {
    match error.rdkafka_error_code() {
        Some(code) => EdgeError::new(what, Failure::of_code(code)),
        None => EdgeError::plain(what, error.to_string()),
    }
}

/// Waits for an answer on this thread; librdkafka bounds the time.
fn wait<T>(answer: impl Future<Output = T>) -> T {
    struct Unpark(Thread);
    impl Wake for Unpark {
        fn wake(self: Arc<Self>) {
            self.0.unpark();
        }
    }
    let waker = Waker::from(Arc::new(Unpark(thread::current())));
    let mut context = Context::from_waker(&waker);
    let mut answer = pin!(answer);
    loop {
        match answer.as_mut().poll(&mut context) {
            Poll::Ready(value) => return value,
            Poll::Pending => thread::park(),
        }
    }
}
