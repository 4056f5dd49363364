//! The yardstick: what the broker and the clients take without any work in between.
//!
//! The service's own consumer and producer copy each input to three topics, in transactions of as many records as the
//! service's, with the offsets inside. There is no state, no header and no decision.

use std::time::Duration;

use anyhow::{Result, bail};
use otp_topology::wire::outbox::{Outbox, OutputTopic};
use otp_topology::wire::record::{RecordBatch, SourcePartition, SourceTopic};
use serde::Serialize;

use super::clock::moment;
use super::ground::{Ground, Loader};
use super::process;
use super::progress::Bar;
use super::requests::{Ask, Run};
use crate::kafka::{Consumer, Group, NewTopic, Poll, Producer, RevokeHook, TopicOutcome};

const CALL_MAX: Duration = Duration::from_secs(10);
const RECORDS_PER_COMMIT: usize = 2_000;
const OUTPUTS: u16 = 3;
/// Without anything for this long the broker counts as stuck.
const QUIET_MAX: Duration = Duration::from_secs(20);
/// Transactions of one input after all others.
const SINGLE_TRANSACTIONS: u64 = 200;

#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Bare {
    pub inputs: u64,
    pub inputs_per_s: f64,
    pub cpu_us_per_input: f64,
    /// Begin to acknowledged commit of a transaction with one input, the middle one of many.
    pub transaction_ms: f64,
}

/// Partitions go away only when it ends.
struct NoTasks;

impl RevokeHook for NoTasks {
    fn revoked(&mut self, _group: &Group<'_>, _partitions: &[SourcePartition], _lost: bool) {}
}

struct Pass {
    consumer: Consumer,
    producer: Producer,
    batch: RecordBatch,
    outbox: Outbox,
}

/// # Errors
/// The cluster does not answer.
pub fn measure(ground: &Ground, run: Run, inputs: u64) -> Result<Bare> {
    let Run(number) = run;
    let group = format!("{}-bare-{number:x}", ground.application);
    let input = format!("{group}-in");
    let outputs: Vec<String> = (1..=OUTPUTS).map(|at| format!("{group}-out-{at}")).collect();
    create(ground, outputs.iter().chain([&input]))?;
    let bar = Bar::new("bare: load", inputs);
    let mut loader = Loader::onto(ground, run, &input, 1)?;
    loader.load(inputs, 0, |subject| Ask::Send { subject }, |count| bar.advance(count))?;
    drop(bar);
    let mut pass = Pass {
        consumer: Consumer::new(
            &ground.properties,
            &group,
            None,
            std::slice::from_ref(&input),
            Box::new(NoTasks),
        )?,
        producer: Producer::new(&ground.properties, &group, &outputs, std::slice::from_ref(&input), None)?,
        batch: RecordBatch::default(),
        outbox: Outbox::default(),
    };
    pass.producer.init(CALL_MAX)?;
    pass.join()?;
    let me = std::process::id();
    let (begin, cpu_us) = (moment(), process::usage(me)?.cpu_us);
    pass.drain(inputs)?;
    let (seconds, cpu_us) = (begin.elapsed().as_secs_f64(), process::usage(me)?.cpu_us - cpu_us);
    let transaction_ms = pass.singles(inputs)?;
    pass.consumer.close();
    Ok(Bare {
        inputs,
        inputs_per_s: inputs as f64 / seconds,
        cpu_us_per_input: cpu_us as f64 / inputs as f64,
        transaction_ms,
    })
}

fn create<'a>(ground: &Ground, names: impl Iterator<Item = &'a String>) -> Result<()> {
    let topic = |name: &String| NewTopic {
        name: name.clone(),
        partitions: 1,
        replication: None,
        settings: Vec::new(),
    };
    let topics: Vec<_> = names.map(topic).collect();
    for outcome in ground.admin.create(&topics, CALL_MAX)? {
        if let TopicOutcome::Failed(error) = outcome {
            return Err(error.into());
        }
    }
    Ok(())
}

impl Pass {
    /// Joins the group and starts at the beginning.
    fn join(&self) -> Result<()> {
        self.consumer.subscribe()?;
        let begin = moment();
        loop {
            match self.consumer.poll(Duration::from_millis(100)) {
                Poll::Assigned(partitions) => {
                    let starts: Vec<_> = partitions.into_iter().map(|source| (source, 0)).collect();
                    return Ok(self.consumer.group().start(&starts, CALL_MAX)?);
                }
                Poll::Record(_)
                | Poll::End { .. }
                | Poll::Revoked { .. }
                | Poll::Error { .. }
                | Poll::Nothing => {}
            }
            if begin.elapsed() > QUIET_MAX {
                bail!("the group does not assign anything");
            }
        }
    }

    fn drain(&mut self, inputs: u64) -> Result<()> {
        let bar = Bar::new("bare", inputs);
        let (mut done, mut moved) = (0, moment());
        while done < inputs {
            self.batch.clear();
            let mut wait = Duration::from_millis(100);
            while self.batch.len() < RECORDS_PER_COMMIT {
                match self.consumer.poll(wait) {
                    Poll::Record(record) => record.push_to(&mut self.batch),
                    Poll::Nothing => break,
                    Poll::End { .. } | Poll::Assigned(_) | Poll::Revoked { .. } => {}
                    Poll::Error { error, .. } => bail!("{error}"),
                }
                wait = Duration::ZERO;
            }
            if self.batch.is_empty() {
                if moved.elapsed() > QUIET_MAX {
                    bail!("{done} of {inputs} records came");
                }
                continue;
            }
            self.pass_on()?;
            done += self.batch.len() as u64;
            moved = moment();
            bar.set(done);
        }
        Ok(())
    }

    /// Everything in the batch, in one transaction.
    fn pass_on(&mut self) -> Result<()> {
        self.outbox.clear();
        let none = Default::default();
        let mut next = 0;
        for record in self.batch.iter() {
            for topic in 0..OUTPUTS {
                self.outbox.push(OutputTopic(topic), 0, record.key, none, none, |out| {
                    out.extend_from_slice(record.value.unwrap_or_default());
                });
            }
            next = record.offset + 1;
        }
        self.commit(next)
    }

    fn commit(&self, next: i64) -> Result<()> {
        let source = SourcePartition { topic: SourceTopic(0), partition: 0 };
        let Some(member) = self.consumer.group().metadata() else { bail!("the consumer is in no group") };
        self.producer.begin()?;
        self.producer.produce_rest(&self.outbox, 0)?;
        self.producer.send_offsets(&[(source, next)], &member, CALL_MAX)?;
        Ok(self.producer.commit(CALL_MAX)?)
    }

    /// Transactions of three small outputs, one after the other; the time of the middle one.
    fn singles(&mut self, inputs: u64) -> Result<f64> {
        let none = Default::default();
        let mut times = Vec::new();
        for _ in 0..SINGLE_TRANSACTIONS {
            self.outbox.clear();
            for topic in 0..OUTPUTS {
                self.outbox
                    .push(OutputTopic(topic), 0, None, none, none, |out| out.extend_from_slice(&[b' '; 300]));
            }
            let begin = moment();
            self.commit(i64::try_from(inputs).unwrap_or(i64::MAX))?;
            times.push(begin.elapsed());
        }
        times.sort_unstable();
        Ok(times[times.len() / 2].as_secs_f64() * 1_000.0)
    }
}
