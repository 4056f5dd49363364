//! Requests before, during and after a kill: a probe, a stream at a constant rate, and a check of their replies.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use anyhow::{Result, anyhow, bail, ensure};
use otp_topology::wire::headers::KAFKA_CORRELATION_ID;

use otp_stream::bench::caller::{BenchCaller, REPLY};
use otp_stream::bench::clock::moment;
use otp_stream::bench::requests::{BenchContract, BenchRequest, RequestWriter, RunId};
use otp_stream::bench::{Properties, Seen, Sender, Tail, ToSend};

/// How long to wait for the replies to all requests.
const REPLIES_MAX: Duration = Duration::from_secs(60);
const FLUSH_MAX: Duration = Duration::from_secs(10);

/// The requests of one run. The number of a request is that of its subject; numbers ascend in the order of sending.
pub(super) struct Traffic<'a> {
    caller: &'a BenchCaller,
    run: RunId,
    tail: Tail,
    sender: Sender,
    writer: RequestWriter,
    first: u64,
    sent: Arc<AtomicU64>,
    seen: Vec<bool>,
    answered: u64,
}

/// A thread that sends at a constant rate until it is stopped.
pub(super) struct Stream {
    stop: Arc<AtomicBool>,
    thread: JoinHandle<Result<()>>,
}

/// What this thread needs.
struct StreamSender {
    run: RunId,
    properties: Properties,
    topic: String,
    partitions: i32,
    next: Arc<AtomicU64>,
    rate: u64,
}

impl<'a> Traffic<'a> {
    /// Numbers begin at `first`. Earlier replies do not count.
    ///
    /// # Errors
    /// The cluster does not answer.
    pub(super) fn new(caller: &'a BenchCaller, run: RunId, first: u64) -> Result<Self> {
        let replies: Vec<_> = caller.ends()?.into_iter().filter(|(place, _)| place.topic == REPLY).collect();
        Ok(Self {
            caller,
            run,
            tail: caller.watch(&replies)?,
            sender: Sender::new(&caller.properties, std::slice::from_ref(&caller.request_topic))?,
            writer: RequestWriter::new(caller.contract, run, caller.request_partitions),
            first,
            sent: Arc::new(AtomicU64::new(first)),
            seen: Vec::new(),
            answered: 0,
        })
    }

    /// Produces one request and waits until the broker has it.
    ///
    /// # Errors
    /// The cluster does not accept it.
    pub(super) fn probe(&mut self) -> Result<u64> {
        let number = self.sent.fetch_add(1, Ordering::SeqCst);
        send(&self.sender, &mut self.writer, number)?;
        self.sender.flush(FLUSH_MAX)?;
        Ok(number)
    }

    /// Waits for the reply to a request. Returns the moment at which it was read.
    ///
    /// # Errors
    /// It does not arrive, or a request has two replies.
    pub(super) fn await_reply(&mut self, number: u64, alive: impl FnMut() -> Result<()>) -> Result<Instant> {
        let at = usize::try_from(number - self.first)?;
        self.read_until(alive, |it| it.seen.get(at).copied().unwrap_or(false))
    }

    /// Waits until every request has its reply.
    ///
    /// # Errors
    /// As [`Traffic::await_reply`].
    pub(super) fn await_all(&mut self, alive: impl FnMut() -> Result<()>) -> Result<()> {
        self.read_until(alive, |it| it.answered >= it.sent.load(Ordering::SeqCst) - it.first)?;
        Ok(())
    }

    /// # Errors
    /// The thread cannot be started.
    pub(super) fn stream(&self, rate: u64) -> Result<Stream> {
        let sender = StreamSender {
            run: self.run,
            properties: self.caller.properties.clone(),
            topic: self.caller.request_topic.clone(),
            partitions: self.caller.request_partitions,
            next: self.sent.clone(),
            rate,
        };
        let stop = Arc::new(AtomicBool::new(false));
        let stopped = stop.clone();
        let thread = std::thread::Builder::new()
            .name("bench-stream".to_owned())
            .spawn(move || sender.send_all(&stopped))?;
        Ok(Stream { stop, thread })
    }

    fn read_until(
        &mut self,
        mut alive: impl FnMut() -> Result<()>,
        done: impl Fn(&Self) -> bool,
    ) -> Result<Instant> {
        let begin = moment();
        while !done(self) {
            match self.tail.poll(Duration::from_millis(20))? {
                Seen::Record(record) => {
                    let id = record.headers().find(|(name, _)| *name == KAFKA_CORRELATION_ID);
                    let number = id.and_then(|(_, id)| self.run.number_of_reply(id?));
                    let Some(at) = number.and_then(|it| it.checked_sub(self.first)) else { continue };
                    let at = usize::try_from(at)?;
                    if self.seen.len() <= at {
                        self.seen.resize(at + 1, false);
                    }
                    ensure!(!self.seen[at], "request {at} has two replies");
                    self.seen[at] = true;
                    self.answered += 1;
                }
                Seen::End(..) | Seen::Nothing => alive()?,
            }
            if begin.elapsed() > REPLIES_MAX {
                let sent = self.sent.load(Ordering::SeqCst) - self.first;
                bail!("{} replies to {sent} requests after {} s", self.answered, REPLIES_MAX.as_secs());
            }
        }
        Ok(moment())
    }
}

impl Stream {
    /// # Errors
    /// The cluster did not accept a request.
    pub(super) fn stop(self) -> Result<()> {
        self.stop.store(true, Ordering::SeqCst);
        self.thread.join().map_err(|_| anyhow!("the sender panicked"))?
    }
}

impl StreamSender {
    fn send_all(self, stop: &AtomicBool) -> Result<()> {
        let sender = Sender::new(&self.properties, std::slice::from_ref(&self.topic))?;
        let mut writer = RequestWriter::new(BenchContract::Egov, self.run, self.partitions);
        let (begin, mut sent) = (moment(), 0);
        while !stop.load(Ordering::SeqCst) {
            let due = begin.elapsed().as_micros() * u128::from(self.rate) / 1_000_000;
            while sent < due {
                send(&sender, &mut writer, self.next.fetch_add(1, Ordering::SeqCst))?;
                sent += 1;
            }
            sender.serve(Duration::ZERO)?;
            std::thread::sleep(Duration::from_millis(1));
        }
        Ok(sender.flush(FLUSH_MAX)?)
    }
}

fn send(sender: &Sender, writer: &mut RequestWriter, number: u64) -> Result<()> {
    let written = writer.write(number, BenchRequest::Send { subject: number });
    Ok(sender.send(ToSend {
        topic: 0,
        partition: written.partition,
        key: Some(written.key),
        value: Some(written.body),
        headers: &written.headers,
    })?)
}
