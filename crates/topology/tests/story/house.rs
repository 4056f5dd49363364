//! A deployment in memory, with fixed keys and a clock that the tests turn.

use std::collections::BTreeMap;
use std::sync::Arc;

use otp_topology::deployment::{Settings, Topology, fitting_cluster};
use otp_topology::otp::LogTime;
use otp_topology::testing::INCARNATION;
pub(crate) use otp_topology::testing::{keyring, settings};
use otp_topology::thread::in_memory::{Fed, InMemory, OwnedHeaders, Published};
use otp_topology::wire::record::SourcePartition;
use serde_json::Value;

pub(crate) const START_MS: u64 = 1_700_000_000_000;

/// The barriers that the store of task 0 has after the first start.
pub(crate) const BARRIERS: [&str; 6] = [
    "sent/policies",
    "sent/templates",
    "sent/clients",
    "arrived/policies",
    "arrived/templates",
    "arrived/clients",
];

pub(crate) struct House {
    pub topology: Arc<Topology>,
    memory: InMemory,
    offsets: BTreeMap<SourcePartition, i64>,
    pub now_ms: u64,
}

/// An event as a reader sees it.
#[derive(Clone)]
pub(crate) struct Seen {
    pub topic: String,
    pub partition: i32,
    pub key: Option<String>,
    pub body: Value,
    pub headers: BTreeMap<String, Vec<u8>>,
}

impl House {
    pub(crate) fn new(partitions: i32) -> Self {
        Self::with(settings(), partitions, |_| None)
    }

    /// `count_of`: partition counts of topics that differ from the rest.
    pub(crate) fn with(settings: Settings, partitions: i32, count_of: impl Fn(&str) -> Option<i32>) -> Self {
        let mut cluster = fitting_cluster(&settings, partitions, INCARNATION);
        for (name, facts) in &mut cluster {
            facts.partitions = count_of(name).unwrap_or(facts.partitions);
        }
        let topology = Arc::new(Topology::build(&settings, keyring(), &cluster).expect("a fitting cluster"));
        let memory = InMemory::start(topology.clone(), LogTime::from_ms(START_MS));
        Self { topology, memory, offsets: BTreeMap::new(), now_ms: START_MS }
    }

    /// Feeds a record to a partition of a topic at its next offset.
    pub(crate) fn feed(
        &mut self,
        topic: &str,
        partition: i32,
        key: Option<&str>,
        value: Option<&[u8]>,
        headers: &[(&str, &[u8])],
    ) -> Vec<Seen> {
        let topic = self.topology.source_named(topic).expect("a source");
        let source = SourcePartition { topic, partition };
        let next = self.offsets.entry(source).or_default();
        let offset = *next;
        *next += 1;
        self.feed_at(source, offset, key, value, headers)
    }

    pub(crate) fn feed_at(
        &mut self,
        source: SourcePartition,
        offset: i64,
        key: Option<&str>,
        value: Option<&[u8]>,
        headers: &[(&str, &[u8])],
    ) -> Vec<Seen> {
        let time = LogTime::from_ms(self.now_ms);
        let headers: OwnedHeaders =
            headers.iter().map(|(name, value)| ((*name).to_owned(), Some(value.to_vec()))).collect();
        let (key, value) = (key.map(|key| key.as_bytes().to_vec()), value.map(<[u8]>::to_vec));
        let published = self.memory.feed(&Fed { source, offset, time, key, value, headers }, time);
        self.see(published)
    }

    /// A JSON request on the request topic, partition 0.
    pub(crate) fn ask(&mut self, body: &Value) -> Vec<Seen> {
        self.feed("requests", 0, None, Some(body.to_string().as_bytes()), &[])
    }

    pub(crate) fn pass_ms(&mut self, ms: u64) -> Vec<Seen> {
        self.now_ms += ms;
        let published = self.memory.pass_time(LogTime::from_ms(self.now_ms));
        self.see(published)
    }

    /// What the stores of all tasks hold, committed only.
    pub(crate) fn store_entries(&self) -> Vec<(Vec<u8>, Vec<u8>)> {
        self.memory.stores().flat_map(|store| store.entries()).collect()
    }

    fn see(&self, published: Vec<Published>) -> Vec<Seen> {
        published
            .into_iter()
            .map(|record| self.seen(record))
            .filter(|seen| !seen.topic.starts_with("app-"))
            .collect()
    }

    fn seen(&self, record: Published) -> Seen {
        let text = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).into_owned();
        let body = record.value.and_then(|bytes| serde_json::from_slice(&bytes).ok()).unwrap_or(Value::Null);
        let headers =
            record.headers.into_iter().map(|(name, value)| (name, value.unwrap_or_default())).collect();
        let topic = self.topology.output(record.topic).name.clone();
        // The changelog's keys are bytes.
        let key = if topic.starts_with("app-") { None } else { record.key.map(text) };
        Seen { topic, partition: record.partition, key, body, headers }
    }
}

impl Seen {
    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).and_then(|bytes| std::str::from_utf8(bytes).ok()).unwrap_or_default()
    }
}

/// `topic` or `topic:type` or `topic:result/reason`, in order. Without signals: what a window counted is told with any later
/// record.
pub(crate) fn shape(seen: &[Seen]) -> Vec<String> {
    let text = |seen: &Seen, name: &str| seen.body[name].as_str().map(str::to_owned);
    seen.iter()
        .filter(|it| it.topic != "signals")
        .map(|it| match it.topic.as_str() {
            "lifecycle" => format!("lifecycle:{}", text(it, "type").unwrap_or_default()),
            "results" => format!("results:{}", text(it, "reason").unwrap_or_default()),
            "dead-letters" => format!("dead-letters:{}", it.header("otp.error.code")),
            topic => topic.to_owned(),
        })
        .collect()
}

/// The code in an SMS event.
pub(crate) fn code_in(seen: &[Seen]) -> String {
    let sms = seen.iter().find(|it| it.topic == "sms").expect("an SMS");
    let message = sms.body["message"].as_str().expect("a text");
    message.chars().filter(char::is_ascii_digit).collect()
}

pub(crate) fn send(mobile: &str) -> Value {
    serde_json::json!({"operation": "send", "otp": {"tenantId": "pb.amritsar", "mobileNumber": mobile, "type": "login"}})
}

pub(crate) fn validate(mobile: &str, code: &str) -> Value {
    serde_json::json!({"operation": "validate", "otp": {"tenantId": "pb.amritsar", "identity": mobile, "otp": code}})
}

impl std::fmt::Debug for Seen {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} {:?} {}", self.topic, self.key, self.body)
    }
}
