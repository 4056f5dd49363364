//! Measures how soon a killed process answers again, and how fast it restores an empty store.
//!
//! ```text
//! load      a `send` for each subject, until all have a reply
//! restart   kill -9, produce a probe, start ─▶ read the reply to the probe with read_committed;
//!           without other requests, and under a constant rate of requests
//! restore   the same with an empty store directory: the process restores the whole changelog first
//! ```
//!
//! It starts the processes itself, with an instance id of its own. It uses and keeps the configured store directory.

mod subprocess;
mod table;
mod traffic;

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};
use serde::Serialize;

use self::subprocess::{Launch, Subprocess};
use self::traffic::Traffic;
use otp_stream::bench::caller::{BenchCaller, Loader};
use otp_stream::bench::clock::moment;
use otp_stream::bench::process;
use otp_stream::bench::progress::Bar;
use otp_stream::bench::requests::{BenchRequest, RunId};
use otp_stream::bench::{Config, Sources};

/// Requests per transaction of the load.
const LOAD_CHUNK: u64 = 100_000;
/// Without a new reply for this long the load fails.
const QUIET_MAX: Duration = Duration::from_secs(30);
const START_MAX: Duration = Duration::from_secs(120);
/// Time between two polls of `/readyz`.
const POLL_INTERVAL: Duration = Duration::from_millis(10);
/// How long a process runs before it is killed.
const LIFETIME: Duration = Duration::from_millis(1_500);

pub(crate) struct RecoveryOptions {
    /// The program `otp-stream`.
    pub program: PathBuf,
    pub subjects: u64,
    pub rounds: u32,
    /// Requests per second while it is killed under load.
    pub rate: u64,
    /// Load no subjects: the store and the topics hold them already.
    pub reuse: bool,
}

#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct RecoveryFigures {
    /// Changelog records that an empty store restores.
    pub records: u64,
    pub partitions: i32,
    pub idle: Restarts,
    pub under_load: Restarts,
    pub restores: Vec<EmptyStart>,
}

/// Starts after a kill, with the store of the killed process. Times from the start of the process.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Restarts {
    /// Requests per second during all of it; 0: idle.
    pub rate: u64,
    /// Until the reply to a request that was produced before the start is read with `read_committed`.
    pub first_reply_ms: Vec<f64>,
    /// Until `/readyz` returns 200.
    pub ready_ms: Vec<f64>,
    /// Changelog records that were restored.
    pub replayed: Vec<u64>,
}

/// A start with an empty store.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct EmptyStart {
    pub records: u64,
    /// Time of restoring, the sum of all tasks.
    pub seconds: f64,
    /// Of the whole process, from its start to its first reply.
    pub cpu_us_per_record: f64,
    pub first_reply_ms: f64,
    pub resident_peak_mib: f64,
    pub threads_us_per_record: Vec<(String, f64)>,
}

/// # Errors
/// The cluster or the process does not answer, or a request got no reply or two.
pub(crate) fn measure(
    caller: &BenchCaller,
    run: RunId,
    config: &Config,
    sources: &Sources,
    options: &RecoveryOptions,
) -> Result<RecoveryFigures> {
    let directory = config.store.directory.join("recovery-bench");
    std::fs::create_dir_all(&directory)?;
    let launch = Launch {
        program: options.program.clone(),
        sources: sources.clone(),
        sets: vec!["application.instance=recovery-bench".to_owned()],
        http: config.http.listen.clone(),
        log: directory.join("run.log"),
    };
    let rounds = Rounds { launch, store: config.store.directory.clone(), blank: directory.join("blank") };
    let mut subprocess = rounds.launch.start(&rounds.store)?;
    await_ready(&mut subprocess)?;
    if !options.reuse {
        load(caller, run, options.subjects, &mut subprocess)?;
    }
    let mut traffic = Traffic::new(caller, run, options.subjects)?;
    let bar = Bar::new("restarts", u64::from(options.rounds) * 3);
    let (subprocess, idle) = rounds.restarts(subprocess, &mut traffic, 0, options, &bar)?;
    let (subprocess, under_load) = rounds.restarts(subprocess, &mut traffic, options.rate, options, &bar)?;
    subprocess.kill_9()?;
    let mut restores = Vec::new();
    for _ in 0..options.rounds {
        restores.push(rounds.restore(&mut traffic)?);
        bar.advance(1);
    }
    let records = restores.iter().map(|it| it.records).max().unwrap_or(0);
    Ok(RecoveryFigures { records, partitions: caller.request_partitions, idle, under_load, restores })
}

/// Starts the processes of all rounds, on the configured store or on an empty one.
struct Rounds {
    launch: Launch,
    store: PathBuf,
    blank: PathBuf,
}

/// One start of the process that has answered.
struct Started {
    subprocess: Subprocess,
    first_reply_ms: f64,
    ready_ms: f64,
}

impl Rounds {
    fn restarts(
        &self,
        mut subprocess: Subprocess,
        traffic: &mut Traffic<'_>,
        rate: u64,
        options: &RecoveryOptions,
        bar: &Bar,
    ) -> Result<(Subprocess, Restarts)> {
        let (mut first_reply_ms, mut ready_ms, mut replayed) = (Vec::new(), Vec::new(), Vec::new());
        for round in 0..options.rounds {
            let stream = (rate > 0).then(|| traffic.stream(rate)).transpose()?;
            std::thread::sleep(LIFETIME + Duration::from_millis(u64::from(round) * 37));
            subprocess.kill_9()?;
            let started = self.start(&self.store, traffic)?;
            if let Some(stream) = stream {
                stream.stop()?;
            }
            subprocess = started.subprocess;
            traffic.await_all(|| subprocess.check_running())?;
            first_reply_ms.push(started.first_reply_ms);
            ready_ms.push(started.ready_ms);
            replayed.push(subprocess.metric("otp_stream_restored_records_total")? as u64);
            bar.advance(1);
        }
        Ok((subprocess, Restarts { rate, first_reply_ms, ready_ms, replayed }))
    }

    fn restore(&self, traffic: &mut Traffic<'_>) -> Result<EmptyStart> {
        remove(&self.blank)?;
        std::fs::create_dir_all(&self.blank)?;
        let started = self.start(&self.blank, traffic)?;
        let usage = process::usage(started.subprocess.pid())?;
        let threads = process::threads(started.subprocess.pid());
        let records = started.subprocess.metric("otp_stream_restored_records_total")?;
        let seconds = started.subprocess.metric("otp_stream_restore_seconds_total")?;
        let (cpu_us, mib) = (usage.cpu_us as f64, usage.resident_peak_kib as f64 / 1_024.0);
        started.subprocess.kill_9()?;
        remove(&self.blank)?;
        let threads = threads.into_iter().map(|(name, ns)| (name, ns as f64 / 1_000.0 / records));
        Ok(EmptyStart {
            records: records as u64,
            seconds,
            cpu_us_per_record: cpu_us / records,
            first_reply_ms: started.first_reply_ms,
            resident_peak_mib: mib,
            threads_us_per_record: threads.filter(|(_, us)| *us >= 0.01).collect(),
        })
    }

    /// Produces a request, starts the process, and waits for the reply.
    fn start(&self, store: &Path, traffic: &mut Traffic<'_>) -> Result<Started> {
        let probe = traffic.probe()?;
        let begin = moment();
        let mut subprocess = self.launch.start(store)?;
        let over = AtomicBool::new(false);
        let (answered, ready) = std::thread::scope(|scope| {
            let poller = scope.spawn(|| self.poll_ready(begin, &over));
            let answered = traffic.await_reply(probe, || subprocess.check_running());
            over.store(true, Ordering::SeqCst);
            (answered, poller.join())
        });
        let ready = ready.ok().flatten().unwrap_or_else(moment);
        let ms = |at: Instant| (at - begin).as_secs_f64() * 1_000.0;
        Ok(Started { first_reply_ms: ms(answered?), ready_ms: ms(ready), subprocess })
    }

    /// The moment at which it was ready, if that was before `over`.
    fn poll_ready(&self, begin: Instant, over: &AtomicBool) -> Option<Instant> {
        while !over.load(Ordering::SeqCst) && begin.elapsed() < START_MAX {
            if subprocess::is_ready(&self.launch.http) {
                return Some(moment());
            }
            std::thread::sleep(POLL_INTERVAL);
        }
        None
    }
}

/// Issues a code for each subject, and waits for all replies.
fn load(caller: &BenchCaller, run: RunId, subjects: u64, subprocess: &mut Subprocess) -> Result<()> {
    let before = caller.reply_end()?;
    let mut loader = Loader::new(caller, run)?;
    let bar = Bar::new("load", subjects);
    let mut first = 0;
    while first < subjects {
        let count = LOAD_CHUNK.min(subjects - first);
        loader.load(
            count,
            first,
            |at| BenchRequest::Send { subject: first + at },
            |count| bar.advance(count),
        )?;
        first += count;
    }
    drop(bar);
    let bar = Bar::new("serve", subjects);
    let (mut last, mut moved) = (0, moment());
    loop {
        let done = u64::try_from(caller.reply_end()? - before).unwrap_or(0);
        bar.set(done.min(subjects));
        if done != last {
            (last, moved) = (done, moment());
        }
        // Transaction markers take offsets too: there are slightly more offsets than replies.
        if done >= subjects && moved.elapsed() > Duration::from_secs(1) {
            return Ok(());
        }
        subprocess.check_running()?;
        if moved.elapsed() > QUIET_MAX {
            bail!("only {done} of {subjects} requests have a reply");
        }
        std::thread::sleep(Duration::from_millis(100));
    }
}

fn await_ready(subprocess: &mut Subprocess) -> Result<()> {
    let begin = moment();
    while !subprocess.is_ready() {
        subprocess.check_running()?;
        if begin.elapsed() > START_MAX {
            bail!("`otp-stream run` is not ready after {} s", START_MAX.as_secs());
        }
        std::thread::sleep(POLL_INTERVAL);
    }
    Ok(())
}

fn remove(directory: &Path) -> Result<()> {
    match std::fs::remove_dir_all(directory) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            Err(error).with_context(|| format!("{} cannot be removed", directory.display()))
        }
        Ok(()) | Err(_) => Ok(()),
    }
}
