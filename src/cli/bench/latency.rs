//! Measures how long a request waits for its reply at a constant rate.
//!
//! One thread sends at the planned moments: half `send`, half `validate` with codes from received SMS. The other thread
//! reads the replies. A wait begins at the planned moment, so that a late sender does not hide delays. It ends when a
//! consumer with `read_committed` has the reply.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use otp_topology::wire::headers::{CE_CAUSATIONID, CE_TIME, KAFKA_CORRELATION_ID};
use otp_topology::wire::rfc3339;
use serde::Serialize;

use super::caller::{BenchCaller, REPLY};
use super::clock::{moment, wall_ms};
use super::process;
use super::progress::Bar;
use super::requests::{BenchRequest, RequestWriter, RunId, SeenCode};
use crate::kafka::{Properties, Seen, SeenRecord, Sender, Tail, ToSend};

/// Requests of the first seconds are sent and not measured.
const WARM_UP: Duration = Duration::from_secs(3);
/// How long to wait for the last replies.
const LAST_REPLIES_MAX: Duration = Duration::from_secs(15);
/// The first subject of this measurement: above the subjects of the other measurements of the same run.
const FIRST_SUBJECT: u64 = 2_000_000_000;
const FIRST_NUMBER: u64 = 1 << 40;

#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Latency {
    pub requests: u64,
    pub requests_per_s: f64,
    /// From the planned moment of sending until the reply is consumed.
    pub reply: Quantiles,
    /// From the broker's append time of the request, which is in whole milliseconds.
    pub reply_after_append: Quantiles,
    pub cpu_us_per_request: Option<f64>,
    pub threads_us_per_request: Vec<(String, f64)>,
}

/// Milliseconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Quantiles {
    pub p50: f64,
    pub p90: f64,
    pub p99: f64,
    pub max: f64,
}

/// Subjects with a received code that no `validate` has used yet.
type Codes = Arc<Mutex<VecDeque<(u64, SeenCode)>>>;

/// The subject of each `send`, by the number of the request; 0 for a `validate`.
type Subjects = Arc<[AtomicU64]>;

struct Schedule {
    run: RunId,
    rate: u64,
    count: u64,
    begin: Instant,
}

/// # Errors
/// The cluster or the service does not answer, or a request gets no reply.
pub(super) fn measure(
    caller: &BenchCaller,
    run: RunId,
    rate: u64,
    seconds: u64,
    pid: Option<u32>,
) -> Result<Latency> {
    let tail = caller.watch(&caller.ends()?)?;
    let warm_up = rate * WARM_UP.as_secs();
    let schedule = Arc::new(Schedule {
        run,
        rate,
        count: warm_up + rate * seconds,
        begin: moment() + Duration::from_millis(200),
    });
    let codes = Codes::default();
    let subjects: Subjects = (0..schedule.count).map(|_| AtomicU64::new(0)).collect();
    let sender = {
        let (schedule, codes, subjects) = (schedule.clone(), codes.clone(), subjects.clone());
        let (properties, topic) = (caller.properties.clone(), caller.request_topic.clone());
        let writer = RequestWriter::new(caller.contract, run, caller.request_partitions);
        std::thread::Builder::new()
            .name("bench-sender".to_owned())
            .spawn(move || send(&schedule, &codes, &subjects, &properties, topic, writer))?
    };
    let outcome = watch(&tail, &schedule, warm_up, caller.codes, &codes, &subjects, pid);
    sender.join().map_err(|_| anyhow::anyhow!("the sender panicked"))??;
    outcome
}

fn send(
    schedule: &Schedule,
    codes: &Codes,
    subjects: &Subjects,
    properties: &Properties,
    topic: String,
    mut writer: RequestWriter,
) -> Result<()> {
    let sender = Sender::new(properties, &[topic])?;
    let (mut new_subject, mut validations) = (FIRST_SUBJECT, 0);
    for number in 0..schedule.count {
        let due = schedule.due(number);
        while let Some(wait) = due.checked_duration_since(moment()) {
            std::thread::sleep(wait);
        }
        let code = if number % 2 == 1 {
            codes.lock().unwrap_or_else(PoisonError::into_inner).pop_front()
        } else {
            None
        };
        let request = match code {
            Some((subject, code)) => {
                validations += 1;
                BenchRequest::Validate { subject, code: code.to_try(validations) }
            }
            None => {
                new_subject += 1;
                subjects[number as usize].store(new_subject, Ordering::Relaxed);
                BenchRequest::Send { subject: new_subject }
            }
        };
        let written = writer.write(FIRST_NUMBER + number, request);
        sender.send(ToSend {
            topic: 0,
            partition: written.partition,
            key: Some(written.key),
            value: Some(written.body),
            headers: &written.headers,
        })?;
        if number % 16 == 0 {
            sender.serve(Duration::ZERO)?;
        }
    }
    Ok(sender.flush(LAST_REPLIES_MAX)?)
}

/// The replies that were read so far.
#[derive(Default)]
struct Waits {
    replies: u64,
    us: Vec<u64>,
    after_append_us: Vec<u64>,
}

fn watch(
    tail: &Tail,
    schedule: &Schedule,
    warm_up: u64,
    codes_topic: usize,
    codes: &Codes,
    subjects: &Subjects,
    pid: Option<u32>,
) -> Result<Latency> {
    let bar = Bar::new("latency", schedule.count);
    let mut waits = Waits::default();
    let last = schedule.due(schedule.count);
    let mut begin = None;
    while waits.replies < schedule.count {
        if begin.is_none() && moment() >= schedule.due(warm_up) {
            begin = Some((pid.map(process::usage).transpose()?, pid.map(process::threads), waits.replies));
        }
        match tail.poll(Duration::from_millis(20))? {
            Seen::Record(record) => {
                let topic = record.partition().topic;
                if topic == codes_topic {
                    keep_code(&record, schedule, codes, subjects);
                }
                if topic == REPLY && note_reply(&record, schedule, warm_up, &mut waits) {
                    bar.advance(1);
                }
            }
            Seen::End(..) | Seen::Nothing => {}
        }
        let late = moment().saturating_duration_since(last);
        let (seen, all) = (waits.replies, schedule.count);
        ensure!(late < LAST_REPLIES_MAX, "{seen} replies to {all} requests; is the service running?");
    }
    let (usage, threads, replies) = begin.unwrap_or_default();
    let counted = (waits.replies - replies).max(1) as f64;
    let spent_us = match (usage, pid) {
        (Some(before), Some(pid)) => Some((process::usage(pid)?.cpu_us - before.cpu_us) as f64 / counted),
        (_, _) => None,
    };
    Ok(Latency {
        requests: waits.us.len() as u64,
        requests_per_s: schedule.rate as f64,
        reply: Quantiles::of(&mut waits.us),
        reply_after_append: Quantiles::of(&mut waits.after_append_us),
        cpu_us_per_request: spent_us,
        threads_us_per_request: process::spent_per(threads, pid, counted),
    })
}

/// Notes a reply. False if the record is not a reply to a request of this measurement.
fn note_reply(record: &SeenRecord<'_>, schedule: &Schedule, warm_up: u64, waits: &mut Waits) -> bool {
    let (mut number, mut appended) = (None, None);
    for (name, value) in record.headers() {
        match (name, value) {
            (KAFKA_CORRELATION_ID, Some(id)) => number = schedule.run.number_of_reply(id),
            (CE_TIME, Some(time)) => appended = std::str::from_utf8(time).ok().and_then(rfc3339::parse),
            (_, _) => {}
        }
    }
    let Some(number) = number.and_then(|it| it.checked_sub(FIRST_NUMBER)) else { return false };
    waits.replies += 1;
    if number >= warm_up {
        let wait = moment().saturating_duration_since(schedule.due(number));
        waits.us.push(u64::try_from(wait.as_micros()).unwrap_or(u64::MAX));
        let after_append_ms = appended.map_or(0, |time| wall_ms().saturating_sub(time.ms()));
        waits.after_append_us.push(after_append_ms * 1_000);
    }
    true
}

fn keep_code(record: &SeenRecord<'_>, schedule: &Schedule, codes: &Codes, subjects: &Subjects) {
    let cause = record.headers().find(|(name, _)| *name == CE_CAUSATIONID).and_then(|(_, id)| id);
    let number =
        cause.and_then(|id| schedule.run.number_of_cause(id)).and_then(|it| it.checked_sub(FIRST_NUMBER));
    let subject = number.and_then(|it| subjects.get(it as usize)).map_or(0, |it| it.load(Ordering::Relaxed));
    if let (1.., Some(code)) =
        (subject, record.value().and_then(|value| SeenCode::of(record.partition().topic, value)))
    {
        codes.lock().unwrap_or_else(PoisonError::into_inner).push_back((subject, code));
    }
}

impl Schedule {
    /// The moment at which a request must be sent.
    fn due(&self, number: u64) -> Instant {
        self.begin + Duration::from_nanos(number * 1_000_000_000 / self.rate)
    }
}

impl Quantiles {
    fn of(us: &mut [u64]) -> Self {
        us.sort_unstable();
        let at = |part: f64| {
            let place = ((us.len() as f64 * part).ceil() as usize).clamp(1, us.len().max(1)) - 1;
            us.get(place).map_or(0.0, |us| *us as f64 / 1_000.0)
        };
        Self { p50: at(0.5), p90: at(0.9), p99: at(0.99), max: at(1.0) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_are_measured_values() {
        let mut us: Vec<u64> = (1..=100).rev().map(|ms| ms * 1_000).collect();
        let expected = Quantiles { p50: 50.0, p90: 90.0, p99: 99.0, max: 100.0 };
        assert_eq!(Quantiles::of(&mut us), expected);
        assert_eq!(Quantiles::of(&mut []), Quantiles::default());
    }
}
