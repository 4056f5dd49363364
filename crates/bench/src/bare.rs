//! What the broker and the Kafka clients cost without any processing.
//!
//! The consumer and the producer of the service copy each input to three topics, in transactions with as many records as
//! those of the service. There is no state, no header and no decision.

use std::time::Duration;

use anyhow::{Result, bail};
use otp_topology::thread::ReadFrom;
use otp_topology::wire::outbox::{Outbox, OutputTopic};
use otp_topology::wire::record::{RecordBatch, SourcePartition, SourceTopic};
use serde::Serialize;

use otp_stream::bench::caller::{BenchCaller, Loader};
use otp_stream::bench::clock::moment;
use otp_stream::bench::process;
use otp_stream::bench::progress::Bar;
use otp_stream::bench::requests::{BenchRequest, RunId};
use otp_stream::bench::{Consumer, Group, NewTopic, Poll, Producer, RevokeHook, TopicOutcome};

const CALL_MAX: Duration = Duration::from_secs(10);
const RECORDS_PER_COMMIT: usize = 2_000;
const OUTPUTS: u16 = 3;
/// Without a record for this long the measurement fails.
const QUIET_MAX: Duration = Duration::from_secs(20);
/// Transactions with one input each, after the throughput was measured.
const SINGLE_TRANSACTIONS: u64 = 200;

#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct BareFigures {
    pub inputs: u64,
    pub inputs_per_s: f64,
    pub cpu_us_per_input: f64,
    /// From the begin to the acknowledged commit of a transaction with one input: the median.
    pub transaction_ms: f64,
}

impl BareFigures {
    pub(crate) fn table(&self) -> String {
        let row = |name: &str, value: f64, unit: &str| format!("{name:<44}{value:>12.1} {unit}\n");
        [
            row("pass-through, 3 outputs per input", self.inputs_per_s, "/s"),
            row("  CPU per input", self.cpu_us_per_input, "µs"),
            row("transaction with one input", self.transaction_ms, "ms"),
        ]
        .concat()
    }
}

/// Has no tasks to close when partitions are revoked.
struct NoTasks;

impl RevokeHook for NoTasks {
    fn revoked(&mut self, _group: &Group<'_>, _partitions: &[SourcePartition], _lost: bool) {}
}

struct PassThrough {
    consumer: Consumer,
    producer: Producer,
    batch: RecordBatch,
    outbox: Outbox,
}

/// # Errors
/// The cluster does not answer.
pub(crate) fn measure(caller: &BenchCaller, run: RunId, inputs: u64) -> Result<BareFigures> {
    let RunId(number) = run;
    let group = format!("{}-bare-{number:x}", caller.application);
    let input = format!("{group}-in");
    let outputs: Vec<String> = (1..=OUTPUTS).map(|at| format!("{group}-out-{at}")).collect();
    create(caller, outputs.iter().chain([&input]))?;
    let bar = Bar::new("bare: load", inputs);
    let mut loader = Loader::onto(caller, run, &input, 1)?;
    loader.load(inputs, 0, |subject| BenchRequest::Send { subject }, |count| bar.advance(count))?;
    drop(bar);
    let mut pass = PassThrough {
        consumer: Consumer::new(
            &caller.properties,
            &group,
            None,
            std::slice::from_ref(&input),
            Box::new(NoTasks),
        )?,
        producer: Producer::new(&caller.properties, &group, &outputs, std::slice::from_ref(&input), None)?,
        batch: RecordBatch::default(),
        outbox: Outbox::default(),
    };
    pass.producer.init(CALL_MAX, || true)?;
    pass.join()?;
    let me = std::process::id();
    let (begin, cpu_us) = (moment(), process::usage(me)?.cpu_us);
    pass.drain(inputs)?;
    let (seconds, cpu_us) = (begin.elapsed().as_secs_f64(), process::usage(me)?.cpu_us - cpu_us);
    let transaction_ms = pass.singles(inputs)?;
    pass.consumer.close();
    Ok(BareFigures {
        inputs,
        inputs_per_s: inputs as f64 / seconds,
        cpu_us_per_input: cpu_us as f64 / inputs as f64,
        transaction_ms,
    })
}

fn create<'a>(caller: &BenchCaller, names: impl Iterator<Item = &'a String>) -> Result<()> {
    let topic = |name: &String| NewTopic {
        name: name.clone(),
        partitions: 1,
        replication: None,
        settings: Vec::new(),
    };
    let topics: Vec<_> = names.map(topic).collect();
    for outcome in caller.admin.create(&topics, CALL_MAX)? {
        if let TopicOutcome::Failed(error) = outcome {
            return Err(error.into());
        }
    }
    Ok(())
}

impl PassThrough {
    /// Joins the group and starts at offset 0.
    fn join(&self) -> Result<()> {
        self.consumer.subscribe()?;
        let begin = moment();
        loop {
            match self.consumer.poll(Duration::from_millis(100)) {
                Poll::Assigned(partitions) => {
                    let start = |source| ReadFrom { source, offset: 0, leader_epoch: None };
                    let starts: Vec<_> = partitions.into_iter().map(start).collect();
                    return Ok(self.consumer.group().start(&starts, CALL_MAX)?);
                }
                Poll::Record(_)
                | Poll::End { .. }
                | Poll::Revoked { .. }
                | Poll::Error { .. }
                | Poll::Nothing => {}
            }
            if begin.elapsed() > QUIET_MAX {
                bail!("the group assigned no partition within {} s", QUIET_MAX.as_secs());
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
                    Poll::Record(record) => record.push_to(&mut self.batch, record.value(), None),
                    Poll::Nothing => break,
                    Poll::End { .. } | Poll::Assigned(_) | Poll::Revoked { .. } => {}
                    Poll::Error { error, .. } => bail!("{error}"),
                }
                wait = Duration::ZERO;
            }
            if self.batch.is_empty() {
                if moved.elapsed() > QUIET_MAX {
                    bail!("only {done} of {inputs} records arrived");
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

    /// Copies the batch to the outputs in one transaction.
    fn pass_on(&mut self) -> Result<()> {
        self.outbox.clear();
        let none = Default::default();
        let mut next = 0;
        for record in self.batch.iter() {
            for topic in 0..OUTPUTS {
                let value = record.value.unwrap_or_default();
                self.outbox.push(OutputTopic(topic), 0, record.key, none, none, Some(value));
            }
            next = record.offset + 1;
        }
        self.commit(next)
    }

    fn commit(&self, next: i64) -> Result<()> {
        let source = SourcePartition { topic: SourceTopic(0), partition: 0 };
        let Some(member) = self.consumer.group().metadata() else { bail!("the consumer is in no group") };
        self.producer.begin()?;
        self.producer.produce_remaining(&self.outbox, 0)?;
        self.producer.send_offsets(&[(source, next)], &member, CALL_MAX)?;
        Ok(self.producer.commit(CALL_MAX)?)
    }

    /// The median time of consecutive transactions with three small outputs each.
    fn singles(&mut self, inputs: u64) -> Result<f64> {
        let none = Default::default();
        let mut times = Vec::new();
        for _ in 0..SINGLE_TRANSACTIONS {
            self.outbox.clear();
            for topic in 0..OUTPUTS {
                self.outbox.push(OutputTopic(topic), 0, None, none, none, Some(&[b' '; 300]));
            }
            let begin = moment();
            self.commit(i64::try_from(inputs).unwrap_or(i64::MAX))?;
            times.push(begin.elapsed());
        }
        times.sort_unstable();
        Ok(times[times.len() / 2].as_secs_f64() * 1_000.0)
    }
}
