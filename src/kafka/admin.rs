//! Topic administration: topics, their ids and settings, watermarks.
//!
//! Every call blocks until the cluster answers or the time-out ends. Never call it on a thread that polls a consumer.

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

use super::assignment::assigned_partitions;
use super::errors::EdgeError;
use super::ffi::{
    LogEnd, NativeError, Partitions, SharedClient, TopicFacts, await_broker, c_names, config_error,
    describe_topics,
};
use super::properties::Properties;

/// Pause before a query is repeated: for a topic that not every broker knows yet, or after a lost connection.
const POLL_INTERVAL: Duration = Duration::from_millis(50);

/// Longest wait for a broker's answer before it is asked again.
const ANSWER_MAX: Duration = Duration::from_secs(3);

/// The state of a group whose members all have their assignment.
const STABLE: &str = "Stable";

/// A topic to create.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewTopic {
    pub name: String,
    pub partitions: i32,
    /// Replication factor; `None`: the broker's default.
    pub replication: Option<i32>,
    pub settings: Vec<(String, String)>,
}

/// The result for one topic of [`Admin::create`].
#[derive(Debug)]
pub enum TopicOutcome {
    Created,
    /// The topic existed before. Its settings are not compared.
    Existed,
    Failed(EdgeError),
}

/// First and next offset of a partition's log. Records of open transactions count.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Watermarks {
    pub start: i64,
    pub end: i64,
}

/// An admin client. Threads may share it.
pub struct Admin {
    client: AdminClient<DefaultClientContext>,
    /// Sees records of open transactions.
    uncommitted: SharedClient,
}

impl Admin {
    /// # Errors
    /// librdkafka refuses a property.
    pub fn new(properties: &Properties) -> Result<Self, EdgeError> {
        let client = AdminClient::from_config(&properties.admin())
            .map_err(|error| EdgeError::plain("create admin client", config_error(&error)))?;
        let uncommitted = SharedClient::new(&properties.watermarks())
            .map_err(|text| EdgeError::plain("create watermark reader", text))?;
        Ok(Self { client, uncommitted })
    }

    /// Id and partition count of each topic, in the order of the names; `None`: the topic does not exist.
    ///
    /// # Errors
    /// The cluster does not answer, or denies access.
    pub fn describe(
        &self,
        names: &[String],
        timeout: Duration,
    ) -> Result<Vec<Option<TopicFacts>>, EdgeError> {
        let answers = self.describe_each(names, timeout)?;
        let answer = |(name, answer)| match answer {
            Ok(facts) => Ok(Some(facts)),
            Err(EdgeError { code: Some(Code::UnknownTopicOrPartition), .. }) => Ok(None),
            Err(EdgeError { code, text, .. }) => {
                Err(EdgeError { what: format!("describe topic {name}"), code, text })
            }
        };
        names.iter().zip(answers).map(answer).collect()
    }

    /// As [`Admin::describe`], with what the cluster says of each topic for itself.
    ///
    /// # Errors
    /// The cluster does not answer.
    pub(super) fn describe_each(
        &self,
        names: &[String],
        timeout: Duration,
    ) -> Result<Vec<Result<TopicFacts, EdgeError>>, EdgeError> {
        if names.is_empty() {
            return Ok(Vec::new());
        }
        self.await_broker("describe topics", timeout)?;
        let native = self.client.inner().native_client();
        let mut answers: BTreeMap<_, _> = c_names(names)
            .and_then(|names| describe_topics(native, &names, timeout))
            .map_err(|failure| EdgeError::new("describe topics", failure))?
            .into_iter()
            .collect();
        let answer = |name: &String| match answers.remove(name) {
            Some(answer) => answer.map_err(|failure| EdgeError::new("describe topic", failure)),
            None => Err(EdgeError::plain("describe topic", "the cluster's answer lacks this topic")),
        };
        Ok(names.iter().map(answer).collect())
    }

    /// Creates topics. The outcomes are in the order of `topics`. The controller answers before every broker knows a new
    /// topic, so this call then waits, for at most `timeout`, until the cluster describes the created topics.
    ///
    /// # Errors
    /// The request as a whole failed.
    pub fn create(&self, topics: &[NewTopic], timeout: Duration) -> Result<Vec<TopicOutcome>, EdgeError> {
        if topics.is_empty() {
            return Ok(Vec::new());
        }
        self.await_broker("create topics", timeout)?;
        let native: Vec<_> = topics.iter().map(native_topic).collect();
        let results = wait(self.client.create_topics(&native, &options(timeout)))
            .map_err(|error| failed("create topics", &error))?;
        let mut outcomes: BTreeMap<_, _> = results
            .into_iter()
            .map(|result| match result {
                Ok(name) => (name, TopicOutcome::Created),
                Err((name, Code::TopicAlreadyExists)) => (name, TopicOutcome::Existed),
                Err((name, code)) => {
                    let error = EdgeError::new(format!("create topic {name}"), NativeError::of_code(code));
                    (name, TopicOutcome::Failed(error))
                }
            })
            .collect();
        let unanswered = |name: &str| {
            TopicOutcome::Failed(EdgeError::plain(
                format!("create topic {name}"),
                "the cluster's answer lacks this topic",
            ))
        };
        let outcome = |it: &NewTopic| outcomes.remove(&it.name).unwrap_or_else(|| unanswered(&it.name));
        let outcomes: Vec<_> = topics.iter().map(outcome).collect();
        let made = topics.iter().zip(&outcomes).filter(|(_, it)| !matches!(it, TopicOutcome::Failed(_)));
        self.await_known(&made.map(|(topic, _)| topic.name.clone()).collect::<Vec<_>>(), timeout)?;
        Ok(outcomes)
    }

    fn await_known(&self, names: &[String], timeout: Duration) -> Result<(), EdgeError> {
        for _ in 0..polls_within(timeout) {
            if self.describe(names, timeout)?.iter().all(Option::is_some) {
                break;
            }
            thread::sleep(POLL_INTERVAL);
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
        self.await_broker("describe settings", timeout)?;
        let topics: Vec<_> = names.iter().map(|name| ResourceSpecifier::Topic(name)).collect();
        let results = wait(self.client.describe_configs(&topics, &options(timeout)))
            .map_err(|error| failed("describe settings", &error))?;
        names
            .iter()
            .zip(results)
            .map(|(name, result)| {
                let unknown = |code| {
                    EdgeError::new(format!("describe settings of topic {name}"), NativeError::of_code(code))
                };
                let settings = result.map_err(unknown)?;
                // Every topic has settings. For an unknown topic the answer has none.
                if settings.entries.is_empty() {
                    return Err(unknown(Code::UnknownTopicOrPartition));
                }
                let entries = settings.entries.into_iter();
                Ok(entries.filter_map(|it| Some((it.name, it.value?))).collect())
            })
            .collect()
    }

    /// Deletes all records below an offset. Each entry is (topic, partition, offset).
    ///
    /// # Errors
    /// The records of a partition could not be deleted.
    pub fn delete_records(&self, below: &[(String, i32, i64)], timeout: Duration) -> Result<(), EdgeError> {
        let mut list = TopicPartitionList::with_capacity(below.len());
        for (topic, partition, offset) in below {
            list.add_partition_offset(topic, *partition, Offset::Offset(*offset))
                .map_err(|error| failed("delete records", &error))?;
        }
        self.await_broker("delete records", timeout)?;
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

    /// How many brokers the cluster has.
    ///
    /// # Errors
    /// The cluster does not answer.
    pub fn brokers(&self, timeout: Duration) -> Result<usize, EdgeError> {
        self.await_broker("count brokers", timeout)
    }

    /// The partitions (topic, number) that the members of a group have together. `None`: a rebalance is under way, or the
    /// group has no member. librdkafka's request to describe a group aborts the process when a connection is lost at the
    /// wrong moment (its issue 4605), so this one lists groups, as older clients do.
    ///
    /// # Errors
    /// A broker does not answer, or denies access.
    pub(crate) fn group_assignment(
        &self,
        group: &str,
        timeout: Duration,
    ) -> Result<Option<Vec<(String, i32)>>, EdgeError> {
        self.await_broker("describe group", timeout)?;
        let groups = self.client.inner().fetch_group_list(Some(group), timeout);
        let groups = groups.map_err(|error| failed("describe group", &error))?;
        let Some(group) = groups.groups().iter().find(|it| it.name() == group && it.state() == STABLE) else {
            return Ok(None);
        };
        let assigned: Option<Vec<_>> = group
            .members()
            .iter()
            .map(|it| assigned_partitions(it.assignment().unwrap_or_default()))
            .collect();
        let unreadable = || EdgeError::plain("describe group", "the assignment of a member cannot be read");
        Ok(Some(assigned.ok_or_else(unreadable)?.concat()))
    }

    /// # Errors
    /// The cluster does not answer.
    pub fn cluster_id(&self, timeout: Duration) -> Result<String, EdgeError> {
        let id = self.uncommitted.handle().cluster_id(timeout);
        id.ok_or_else(|| EdgeError::new("cluster id", NativeError::of_code(Code::OperationTimedOut)))
    }

    /// The first offset and the high watermark of each (topic, partition), in the same order. An open transaction does not
    /// hold the high watermark back. Costs two requests to each leader, for any number of partitions.
    ///
    /// # Errors
    /// A partition is unknown, or its leader does not answer.
    pub fn watermarks(
        &self,
        partitions: &[(String, i32)],
        timeout: Duration,
    ) -> Result<Vec<Watermarks>, EdgeError> {
        self.await_broker("watermarks", timeout)?;
        let names: Vec<String> = partitions.iter().map(|(topic, _)| topic.clone()).collect();
        let names = c_names(&names).map_err(|failure| EdgeError::new("watermarks", failure))?;
        let all = |which| {
            let asked = self.log_ends(&names, partitions, which, timeout);
            asked.map_err(|failure| EdgeError::new("watermarks", failure))
        };
        let (starts, ends) = (all(LogEnd::Start)?, all(LogEnd::End)?);
        let marks = partitions.iter().zip(starts.into_iter().zip(ends));
        marks
            .map(|((topic, partition), (start, end))| match (start, end) {
                (0.., 0..) => Ok(Watermarks { start, end }),
                _ => Err(EdgeError::plain(
                    format!("watermarks of {topic} [{partition}]"),
                    "the cluster's answer lacks this partition",
                )),
            })
            .collect()
    }

    /// Waits until a broker answers, and returns how many there are. While an admin request waits, librdkafka connects again after each lost connection,
    /// without a pause, more than a thousand times a second. So a request is made only while a broker answers.
    fn await_broker(&self, what: &str, timeout: Duration) -> Result<usize, EdgeError> {
        let (client, mut tries_left) =
            (self.client.inner().native_client(), timeout.as_millis() / ANSWER_MAX.as_millis());
        loop {
            match await_broker(client, timeout.min(ANSWER_MAX)) {
                // The broker went away while it was asked.
                Err(_) if tries_left > 1 => {
                    tries_left -= 1;
                    thread::sleep(POLL_INTERVAL);
                }
                answered => return answered.map_err(|failure| EdgeError::new(what, failure)),
            }
        }
    }

    /// librdkafka does not repeat this query, unlike others, when a connection is missing or a leader has changed.
    fn log_ends(
        &self,
        names: &[CString],
        partitions: &[(String, i32)],
        which: LogEnd,
        timeout: Duration,
    ) -> Result<Vec<i64>, NativeError> {
        let mut polls_left = polls_within(timeout);
        loop {
            let mut list = Partitions::new(partitions.len());
            for (name, (_, partition)) in names.iter().zip(partitions) {
                list.add(name, *partition, which as i64);
            }
            let asked = self.uncommitted.handle().log_ends(&mut list, timeout);
            match asked.and_then(|()| list.first_error()) {
                // librdkafka fills the list in and keeps its order.
                Ok(()) => return Ok(list.iter().map(|it| it.offset).collect()),
                Err(failure) if polls_left > 0 && is_temporary(failure.code) => {
                    polls_left -= 1;
                    thread::sleep(POLL_INTERVAL);
                }
                Err(failure) => return Err(failure),
            }
        }
    }
}

fn polls_within(timeout: Duration) -> u128 {
    timeout.as_millis() / POLL_INTERVAL.as_millis()
}

fn is_temporary(code: Code) -> bool {
    matches!(code, Code::BrokerTransportFailure | Code::NotLeaderForPartition | Code::LeaderNotAvailable)
}

fn native_topic(topic: &NewTopic) -> NativeTopic<'_> {
    // In the protocol, -1 stands for the broker's default.
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
        Some(code) => EdgeError::new(what, NativeError::of_code(code)),
        None => EdgeError::plain(what, error.to_string()),
    }
}

/// Blocks this thread until the future is ready. librdkafka bounds the time.
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

#[cfg(test)]
mod tests {
    use std::io;
    use std::net::TcpListener;

    use super::*;

    /// A broker that ends each connection immediately.
    #[test]
    fn few_connections_are_tried_while_no_broker_answers() -> io::Result<()> {
        let broker = TcpListener::bind("127.0.0.1:0")?;
        let address = broker.local_addr()?.to_string();
        let properties = Properties::new(&address, []).expect("nothing is owned");
        let admin = Admin::new(&properties).expect("valid properties");
        let asked = thread::spawn(move || admin.describe(&["t".to_owned()], Duration::from_secs(2)));
        broker.set_nonblocking(true)?;
        let mut connections = 0;
        while !asked.is_finished() {
            match broker.accept() {
                Ok(_) => connections += 1,
                Err(_) => thread::sleep(Duration::from_millis(1)),
            }
        }
        assert!(asked.join().expect("no panic").is_err());
        assert!((1..60).contains(&connections), "{connections} connections in two seconds");
        Ok(())
    }
}
