//! Where a run takes place: the topics of one caller of the configuration, and the ways to write and watch them.

use std::time::Duration;

use anyhow::{Result, bail};
use otp_topology::wire::outbox::{Outbox, OutputTopic};

use super::requests::{Ask, Run, Writer};
use crate::config::Loaded;
use crate::kafka::{Admin, Place, Producer, Properties, Tail};

const ASK_MAX: Duration = Duration::from_secs(10);
/// Records that are handed to the producer at a time.
const CHUNK_RECORDS: u64 = 5_000;

/// Places of the watched topics in [`Ground::watched`].
pub const REPLY: usize = 0;
pub const SMS: usize = 1;

pub struct Ground {
    pub properties: Properties,
    pub admin: Admin,
    pub application: String,
    pub request_topic: String,
    pub request_partitions: i32,
    /// The caller's replies, then SMS.
    pub watched: Vec<String>,
    watched_partitions: Vec<i32>,
}

impl Ground {
    /// # Errors
    /// No such caller, or a topic is not there.
    pub fn of(loaded: &Loaded, properties: Properties, caller: Option<&str>) -> Result<Self> {
        let config = &loaded.config;
        let fits =
            |it: &&crate::config::Caller| it.contract == "egov" && caller.is_none_or(|name| it.name == name);
        let Some(caller) = config.callers.iter().find(fits) else {
            bail!("the configuration has no such caller of the contract egov");
        };
        if config.egov.central_instance.enabled {
            bail!(
                "a central instance has an SMS topic for each schema; measure without egov.central_instance"
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
            properties,
            admin,
            application: config.application.id.clone(),
            request_topic,
            request_partitions: partitions[0],
            watched: vec![reply, sms],
            watched_partitions: partitions.split_off(1),
        })
    }

    /// Where every partition of the watched topics ends now.
    ///
    /// # Errors
    /// The cluster does not answer.
    pub fn ends(&self) -> Result<Vec<(Place, i64)>> {
        let mut ends = Vec::new();
        for (topic, partitions) in self.watched_partitions.iter().enumerate() {
            ends.extend(self.ends_of(topic, *partitions)?);
        }
        Ok(ends)
    }

    /// As [`Ground::ends`], of the replies alone, summed up.
    ///
    /// # Errors
    /// The cluster does not answer.
    pub fn reply_end(&self) -> Result<i64> {
        Ok(self.ends_of(REPLY, self.watched_partitions[REPLY])?.iter().map(|(_, end)| end).sum())
    }

    /// Reads what is committed to the watched topics from these places on.
    ///
    /// # Errors
    /// The tail cannot be made.
    pub fn watch(&self, from: &[(Place, i64)]) -> Result<Tail> {
        let tail = Tail::new(&self.properties, &self.application, &self.watched)?;
        tail.start(from)?;
        Ok(tail)
    }

    fn ends_of(&self, topic: usize, partitions: i32) -> Result<Vec<(Place, i64)>> {
        let places: Vec<_> = (0..partitions).map(|it| (self.watched[topic].clone(), it)).collect();
        let marks = self.admin.watermarks(&places, ASK_MAX)?;
        Ok((0..partitions).zip(marks).map(|(partition, it)| (Place { topic, partition }, it.end)).collect())
    }
}

/// Writes many requests in one transaction, so that the service sees none of them before all of them.
pub struct Loader {
    producer: Producer,
    writer: Writer,
    outbox: Outbox,
}

impl Loader {
    /// # Errors
    /// The cluster does not answer.
    pub fn new(ground: &Ground, run: Run) -> Result<Self> {
        Self::onto(ground, run, &ground.request_topic, ground.request_partitions)
    }

    /// As [`Loader::new`], with another topic to write to.
    ///
    /// # Errors
    /// The cluster does not answer.
    pub fn onto(ground: &Ground, run: Run, topic: &str, partitions: i32) -> Result<Self> {
        let id = format!("{}-bench", ground.application);
        let producer = Producer::new(&ground.properties, &id, &[topic.to_owned()], &[], None)?;
        producer.init(ASK_MAX)?;
        let writer = Writer::new(run, partitions);
        Ok(Self { producer, writer, outbox: Outbox::default() })
    }

    /// `count` requests, numbered from `first` on; `ask` is told which of them it is, from 0 on, and `told` how many
    /// are written.
    ///
    /// # Errors
    /// The cluster does not take them within the time of one transaction.
    pub fn load(
        &mut self,
        count: u64,
        first: u64,
        ask: impl Fn(u64) -> Ask,
        told: impl Fn(u64),
    ) -> Result<()> {
        self.producer.begin()?;
        let mut next = 0;
        while next < count {
            let end = count.min(next + CHUNK_RECORDS);
            self.outbox.clear();
            for at in next..end {
                let written = self.writer.write(first + at, ask(at));
                let headers = self.outbox.headers(written.headers);
                let (partition, key) = (written.partition, Some(written.key));
                self.outbox.push(OutputTopic(0), partition, key, headers, Default::default(), |out| {
                    out.extend_from_slice(written.body);
                });
            }
            self.producer.produce_rest(&self.outbox, 0)?;
            told(end - next);
            next = end;
        }
        if let Err(error) = self.producer.commit(ASK_MAX) {
            bail!("{error}; if the broker did not take {count} requests in one transaction, ask for fewer");
        }
        Ok(())
    }
}
