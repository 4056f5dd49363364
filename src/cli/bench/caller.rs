//! The caller as which a benchmark sends: its topics, and the clients that write and watch them.

use std::time::Duration;

use anyhow::{Result, bail};
use otp_topology::deployment::CallerSettings;
use otp_topology::wire::outbox::{Outbox, OutputTopic};

use super::requests::{BenchContract, BenchRequest, RequestWriter, RunId};
use crate::config::Loaded;
use crate::kafka::{Admin, Producer, Properties, Tail, TailPartition};

const ASK_MAX: Duration = Duration::from_secs(10);
/// Records that are passed to the producer together.
const CHUNK_RECORDS: u64 = 5_000;

/// Indexes into [`BenchCaller::watched`].
pub const REPLY: usize = 0;
pub const SMS: usize = 1;

pub struct BenchCaller {
    pub contract: BenchContract,
    pub properties: Properties,
    pub admin: Admin,
    pub application: String,
    pub request_topic: String,
    pub request_partitions: i32,
    /// The topic of replies, then the topic of SMS.
    pub watched: Vec<String>,
    /// Which of them shows the codes.
    pub codes: usize,
    watched_partitions: Vec<i32>,
}

impl BenchCaller {
    /// # Errors
    /// There is no such caller, or one of its topics does not exist.
    pub fn of(
        loaded: &Loaded,
        properties: Properties,
        contract: BenchContract,
        name: Option<&str>,
    ) -> Result<Self> {
        let config = &loaded.config;
        // Of another contract it must see the codes, since nobody gets them by SMS.
        let is_revealed = contract != BenchContract::Egov;
        let fits = |it: &&CallerSettings| {
            it.contract == contract.name()
                && name.is_none_or(|name| it.name == name)
                && (it.reveal_code || !is_revealed)
        };
        let Some(caller) = config.callers.iter().find(fits) else {
            let (contract, more) =
                (contract.name().as_str(), if is_revealed { " and reveal_code = true" } else { "" });
            bail!(
                "the configuration has no such caller with contract = \"{contract}\"{more}; see [[callers]]"
            );
        };
        let sms = &config.kafka.topics.sms;
        if config.settings().notification_topics(sms) != [sms.as_str()] {
            bail!(
                "egov.central_instance is enabled: it has one SMS topic for each schema; disable it for the benchmark"
            );
        }
        let admin = Admin::new(&properties)?;
        let names = [&caller.request_topic, &caller.reply_topic, &config.kafka.topics.sms].map(Clone::clone);
        let mut partitions = Vec::new();
        for (name, facts) in names.iter().zip(admin.describe(&names, ASK_MAX)?) {
            match facts {
                Some(facts) => partitions.push(facts.partitions),
                None => bail!("topic `{name}` does not exist: create it with `otp-stream topics create`"),
            }
        }
        let [request_topic, reply, sms] = names;
        Ok(Self {
            contract,
            codes: if is_revealed { REPLY } else { SMS },
            properties,
            admin,
            application: config.application.id.clone(),
            request_topic,
            request_partitions: partitions[0],
            watched: vec![reply, sms],
            watched_partitions: partitions.split_off(1),
        })
    }

    /// The current end offsets of all partitions of the watched topics.
    ///
    /// # Errors
    /// The cluster does not answer.
    pub fn ends(&self) -> Result<Vec<(TailPartition, i64)>> {
        let mut ends = Vec::new();
        for (topic, partitions) in self.watched_partitions.iter().enumerate() {
            ends.extend(self.ends_of(topic, *partitions)?);
        }
        Ok(ends)
    }

    /// The sum of the end offsets of the topic of replies.
    ///
    /// # Errors
    /// The cluster does not answer.
    pub fn reply_end(&self) -> Result<i64> {
        Ok(self.ends_of(REPLY, self.watched_partitions[REPLY])?.iter().map(|(_, end)| end).sum())
    }

    /// Reads the committed records of the watched topics from these offsets on.
    ///
    /// # Errors
    /// The consumer cannot be created.
    pub fn watch(&self, from: &[(TailPartition, i64)]) -> Result<Tail> {
        let tail = Tail::new(&self.properties, &self.application, &self.watched)?;
        tail.start(from)?;
        Ok(tail)
    }

    fn ends_of(&self, topic: usize, partitions: i32) -> Result<Vec<(TailPartition, i64)>> {
        let places: Vec<_> = (0..partitions).map(|it| (self.watched[topic].clone(), it)).collect();
        let marks = self.admin.watermarks(&places, ASK_MAX)?;
        Ok((0..partitions)
            .zip(marks)
            .map(|(partition, it)| (TailPartition { topic, partition }, it.end))
            .collect())
    }
}

/// Writes many requests in one transaction, so that the service sees all of them at the same moment.
pub struct Loader {
    producer: Producer,
    writer: RequestWriter,
    outbox: Outbox,
}

impl Loader {
    /// # Errors
    /// The cluster does not answer.
    pub fn new(caller: &BenchCaller, run: RunId) -> Result<Self> {
        Self::onto(caller, run, &caller.request_topic, caller.request_partitions)
    }

    /// Writes to this topic instead of the caller's request topic.
    ///
    /// # Errors
    /// The cluster does not answer.
    pub fn onto(caller: &BenchCaller, run: RunId, topic: &str, partitions: i32) -> Result<Self> {
        let id = format!("{}-bench", caller.application);
        let producer = Producer::new(&caller.properties, &id, &[topic.to_owned()], &[], None)?;
        producer.init(ASK_MAX, || true)?;
        let writer = RequestWriter::new(caller.contract, run, partitions);
        Ok(Self { producer, writer, outbox: Outbox::default() })
    }

    /// Writes `count` requests, numbered from `first` on. `request` makes the nth of them, from 0 on; `progress` gets the
    /// number of requests that were just written.
    ///
    /// # Errors
    /// The cluster does not accept them within the time of one transaction.
    pub fn load(
        &mut self,
        count: u64,
        first: u64,
        request: impl Fn(u64) -> BenchRequest,
        progress: impl Fn(u64),
    ) -> Result<()> {
        self.producer.begin()?;
        let mut next = 0;
        while next < count {
            let end = count.min(next + CHUNK_RECORDS);
            self.outbox.clear();
            for at in next..end {
                let written = self.writer.write(first + at, request(at));
                let headers = self.outbox.headers(written.headers);
                let (partition, key, body) = (written.partition, Some(written.key), Some(written.body));
                self.outbox.push(OutputTopic(0), partition, key, headers, Default::default(), body);
            }
            self.producer.produce_remaining(&self.outbox, 0)?;
            progress(end - next);
            next = end;
        }
        if let Err(error) = self.producer.commit(ASK_MAX) {
            bail!("{error}; if the broker cannot take {count} requests in one transaction, load fewer");
        }
        Ok(())
    }
}
