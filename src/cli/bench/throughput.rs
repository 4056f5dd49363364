//! Measures how fast the running service processes a backlog of requests.
//!
//! ```text
//! prepare   asks for a code for each subject of the first half, in one transaction ─▶ codes from the SMS or the replies
//! measure   one transaction: asks for the other half, types the codes of the first half, alternating
//!           meanwhile no output is consumed: it polls the end offsets of the replies, and the process
//! read      all replies with read_committed: exactly one for each request; their timestamps give the rate
//! ```

use std::time::{Duration, Instant};

use anyhow::{Result, bail, ensure};
use serde::Serialize;

use super::caller::{BenchCaller, Loader, REPLY};
use super::clock::{moment, wall_ms};
use super::process::{self, Usage};
use super::progress::Bar;
use super::requests::{BenchRequest, RunId, SeenCode};
use crate::kafka::{Seen, TailPartition};
use otp_topology::wire::headers::{CE_CAUSATIONID, KAFKA_CORRELATION_ID};

/// Time between two samples of the process.
const SAMPLE_INTERVAL: Duration = Duration::from_millis(100);
/// Without a new reply for this long the measurement fails.
const QUIET_MAX: Duration = Duration::from_secs(30);
/// The first and the last replies, this part of all each, do not count as steady state.
const EDGE_PERCENT: u64 = 10;

#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Throughput {
    pub requests: u64,
    pub subjects: u64,
    pub partitions: i32,
    /// From the first to the last reply.
    pub seconds: f64,
    pub requests_per_s: f64,
    /// Without the first and the last tenth.
    pub steady_requests_per_s: f64,
    pub steady_cpu_us_per_request: Option<f64>,
    pub resident_mib: Option<f64>,
    pub resident_peak_mib: Option<f64>,
    /// Processor time per request by kind of thread, in microseconds, from the first to the last request.
    pub threads_us_per_request: Vec<(String, f64)>,
}

/// The processor time that the process has used at one moment.
struct Sample {
    wall_ms: u64,
    cpu_us: u64,
}

/// # Errors
/// The cluster or the service does not answer, or a request got no reply or two.
pub(super) fn measure(
    caller: &BenchCaller,
    run: RunId,
    requests: u64,
    pid: Option<u32>,
) -> Result<Throughput> {
    let half = requests / 2;
    let codes = prepare(caller, run, half)?;
    let from = caller.ends()?;
    let before = caller.reply_end()?;
    let mut loader = Loader::new(caller, run)?;
    let bar = Bar::new("load", half * 2);
    let request = |number: u64| match number % 2 {
        0 => BenchRequest::Send { subject: half + number / 2 },
        _ => BenchRequest::Validate {
            subject: number / 2,
            code: codes[(number / 2) as usize].to_try(number / 2),
        },
    };
    let threads_before = pid.map(process::threads);
    loader.load(half * 2, half, request, |count| bar.advance(count))?;
    drop(bar);
    let samples = drain(caller, before, half * 2, pid)?;
    let usage = pid.map(process::usage).transpose()?;
    let per_thread = process::spent_per(threads_before, pid, (half * 2) as f64);
    let times = reply_times(caller, run, &from, half..half * 3)?;
    Ok(figures(&times, &samples, usage, caller.request_partitions, per_thread))
}

/// Issues a code for every subject of the first half, and reads it where the contract shows it.
fn prepare(caller: &BenchCaller, run: RunId, subjects: u64) -> Result<Vec<SeenCode>> {
    let from = caller.ends()?;
    let mut loader = Loader::new(caller, run)?;
    let bar = Bar::new("prepare", subjects * 2);
    loader.load(subjects, 0, |subject| BenchRequest::Send { subject }, |count| bar.advance(count))?;
    let tail = caller.watch(&from)?;
    let mut codes = vec![None; subjects as usize];
    let (mut missing, mut replies, mut quiet_since) = (subjects, 0, moment());
    while missing > 0 || replies < subjects {
        match tail.poll(Duration::from_millis(100))? {
            Seen::Record(record) => {
                let topic = record.partition().topic;
                replies += u64::from(topic == REPLY);
                quiet_since = moment();
                if topic != caller.codes {
                    continue;
                }
                let cause = record.headers().find(|(name, _)| *name == CE_CAUSATIONID).and_then(|(_, id)| id);
                let Some(number) = cause.and_then(|id| run.number_of_cause(id)) else { continue };
                let code = record.value().and_then(|value| SeenCode::of(topic, value));
                if let Some(slot @ None) = codes.get_mut(number as usize) {
                    *slot = code;
                    missing -= u64::from(code.is_some());
                    bar.advance(1);
                }
            }
            Seen::End(..) | Seen::Nothing => {
                check_quiet(quiet_since, "preparing", subjects - missing, subjects)?
            }
        }
    }
    Ok(codes.into_iter().flatten().collect())
}

/// Waits until every request must have its reply; samples the process meanwhile.
fn drain(caller: &BenchCaller, before: i64, requests: u64, pid: Option<u32>) -> Result<Vec<Sample>> {
    let bar = Bar::new("drain", requests);
    let mut samples = Vec::new();
    let (mut last, mut moved) = (0, moment());
    loop {
        let cpu_us = pid.map(process::usage).transpose()?.map_or(0, |usage| usage.cpu_us);
        samples.push(Sample { wall_ms: wall_ms(), cpu_us });
        let done = u64::try_from(caller.reply_end()? - before).unwrap_or(0);
        bar.set(done);
        if done != last {
            (last, moved) = (done, moment());
        }
        // Transaction markers take offsets too: there are slightly more offsets than replies.
        if done >= requests && moved.elapsed() > SAMPLE_INTERVAL * 3 {
            return Ok(samples);
        }
        check_quiet(moved, "draining", done, requests)?;
        std::thread::sleep(SAMPLE_INTERVAL);
    }
}

/// The timestamps of the replies in milliseconds, ascending.
fn reply_times(
    caller: &BenchCaller,
    run: RunId,
    from: &[(TailPartition, i64)],
    numbers: std::ops::Range<u64>,
) -> Result<Vec<u64>> {
    let replies: Vec<_> = from.iter().copied().filter(|(place, _)| place.topic == REPLY).collect();
    let tail = caller.watch(&replies)?;
    let count = (numbers.end - numbers.start) as usize;
    let bar = Bar::new("read replies", count as u64);
    let mut seen = vec![false; count];
    let mut times = Vec::with_capacity(count);
    let mut quiet_since = moment();
    while times.len() < count {
        let Seen::Record(record) = tail.poll(Duration::from_millis(100))? else {
            check_quiet(quiet_since, "reading replies", times.len() as u64, count as u64)?;
            continue;
        };
        quiet_since = moment();
        let correlation =
            record.headers().find(|(name, _)| *name == KAFKA_CORRELATION_ID).and_then(|(_, id)| id);
        let Some(number) = correlation.and_then(|id| run.number_of_reply(id)) else { continue };
        if !numbers.contains(&number) {
            continue;
        }
        let slot = &mut seen[(number - numbers.start) as usize];
        ensure!(!*slot, "request {number} has two replies");
        *slot = true;
        times.push(u64::try_from(record.timestamp_ms()).unwrap_or(0));
        bar.advance(1);
    }
    times.sort_unstable();
    Ok(times)
}

fn figures(
    times: &[u64],
    samples: &[Sample],
    usage: Option<Usage>,
    partitions: i32,
    threads_us_per_request: Vec<(String, f64)>,
) -> Throughput {
    let requests = times.len() as u64;
    let edge = (requests * EDGE_PERCENT / 100) as usize;
    let (begin, end) = (times[edge], times[times.len() - 1 - edge]);
    let steady = (times.len() - 2 * edge) as f64;
    let steady_s = (end - begin).max(1) as f64 / 1_000.0;
    let seconds = (times[times.len() - 1] - times[0]).max(1) as f64 / 1_000.0;
    let mib = |kib: u64| kib as f64 / 1_024.0;
    Throughput {
        requests,
        subjects: requests,
        partitions,
        seconds,
        requests_per_s: requests as f64 / seconds,
        steady_requests_per_s: steady / steady_s,
        steady_cpu_us_per_request: usage
            .is_some()
            .then(|| (cpu_at(samples, end) - cpu_at(samples, begin)) / steady),
        resident_mib: usage.as_ref().map(|usage| mib(usage.resident_kib)),
        resident_peak_mib: usage.as_ref().map(|usage| mib(usage.resident_peak_kib)),
        threads_us_per_request,
    }
}

/// The processor time at a moment, interpolated between the two nearest samples.
fn cpu_at(samples: &[Sample], wall_ms: u64) -> f64 {
    let after = samples.partition_point(|it| it.wall_ms < wall_ms).clamp(1, samples.len() - 1);
    let (left, right) = (&samples[after - 1], &samples[after]);
    let part = (wall_ms as f64 - left.wall_ms as f64) / (right.wall_ms - left.wall_ms).max(1) as f64;
    left.cpu_us as f64 + (right.cpu_us - left.cpu_us) as f64 * part.clamp(0.0, 1.0)
}

fn check_quiet(since: Instant, what: &str, done: u64, all: u64) -> Result<()> {
    if since.elapsed() > QUIET_MAX {
        bail!(
            "{what}: {done} of {all} and nothing new for {} s; is the service running?",
            QUIET_MAX.as_secs()
        );
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_steady_state_excludes_both_edges_and_their_processor_time() {
        // A reply every millisecond from 1 000 on; the first and the last tenth use no processor time.
        let times: Vec<u64> = (1_000..2_000).collect();
        let sample = |wall_ms, cpu_us| Sample { wall_ms, cpu_us };
        let samples = [sample(1_000, 0), sample(1_100, 0), sample(1_899, 8_000), sample(2_000, 8_000)];
        let usage = Usage { cpu_us: 8_000, resident_kib: 1_024, resident_peak_kib: 2_048 };
        let figures = figures(&times, &samples, Some(usage), 1, Vec::new());
        assert!((figures.steady_requests_per_s - 1_001.25).abs() < 0.01, "{figures:?}");
        assert_eq!(figures.steady_cpu_us_per_request, Some(10.0));
        assert_eq!((figures.resident_mib, figures.resident_peak_mib), (Some(1.0), Some(2.0)));
    }
}
