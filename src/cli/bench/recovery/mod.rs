//! How soon a killed process serves again, and how fast a lost store comes back.
//!
//! ```text
//! load      a `send` for each subject, until all replies are there
//! restart   kill -9, a probe into the log, start ─▶ the probe's reply is read with read_committed
//!           with nothing else going on, and amid a stream of requests that goes on all the time
//! restore   the same, with a blank store directory beside the other: the whole changelog comes first
//! ```
//!
//! The processes are this one's own children, under an instance id of the measurement; the configured store directory
//! is used and kept.

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
use super::clock::moment;
use super::ground::{Ground, Loader};
use super::process;
use super::progress::Bar;
use super::requests::{Ask, Run};
use crate::config::{Config, Sources};

/// Requests in one transaction of the load.
const LOAD_CHUNK: u64 = 100_000;
/// Without a new reply for this long the load counts as stuck.
const QUIET_MAX: Duration = Duration::from_secs(30);
const START_MAX: Duration = Duration::from_secs(120);
/// Between two looks at whether the process is ready.
const LOOK: Duration = Duration::from_millis(10);
/// What a process may do before it is killed.
const LIFE: Duration = Duration::from_millis(1_500);

pub struct Plan {
    pub subjects: u64,
    pub rounds: u32,
    /// Requests a second amid which it is killed.
    pub rate: u64,
    /// The store and the topics hold the subjects already.
    pub reuse: bool,
}

#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Recovery {
    /// Changelog records that a blank store replays.
    pub records: u64,
    pub partitions: i32,
    pub idle: Restarts,
    pub under_load: Restarts,
    pub restores: Vec<Restore>,
}

/// Starts after a kill, the store being there. Milliseconds from the start of the process.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Restarts {
    /// Requests a second all the time.
    pub rate: u64,
    /// Until the reply to a request that waited in the log was read with read_committed.
    pub first_answer_ms: Vec<f64>,
    /// Until `/readyz` said so.
    pub ready_ms: Vec<f64>,
    /// Changelog records that were replayed.
    pub replayed: Vec<u64>,
}

/// A start with a blank store.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Restore {
    pub records: u64,
    /// Of replaying, all tasks together.
    pub seconds: f64,
    /// Of the whole process, from its start to its first answer.
    pub cpu_us_per_record: f64,
    pub first_answer_ms: f64,
    pub resident_peak_mib: f64,
    pub threads_us_per_record: Vec<(String, f64)>,
}

/// # Errors
/// The cluster or the process does not answer, or a request got none or two answers.
pub fn measure(
    ground: &Ground,
    run: Run,
    config: &Config,
    sources: &Sources,
    plan: &Plan,
) -> Result<Recovery> {
    let directory = config.store.directory.join("recovery-bench");
    std::fs::create_dir_all(&directory)?;
    let launch = Launch {
        sources: sources.clone(),
        sets: vec!["application.instance=recovery-bench".to_owned()],
        http: config.http.listen.clone(),
        log: directory.join("run.log"),
    };
    let rounds = Rounds { launch, store: config.store.directory.clone(), blank: directory.join("blank") };
    let mut subprocess = rounds.launch.start(&rounds.store)?;
    await_ready(&mut subprocess)?;
    if !plan.reuse {
        load(ground, run, plan.subjects, &mut subprocess)?;
    }
    let mut traffic = Traffic::new(ground, run, plan.subjects)?;
    let bar = Bar::new("restarts", u64::from(plan.rounds) * 3);
    let (subprocess, idle) = rounds.restarts(subprocess, &mut traffic, 0, plan, &bar)?;
    let (subprocess, under_load) = rounds.restarts(subprocess, &mut traffic, plan.rate, plan, &bar)?;
    subprocess.kill_9()?;
    let mut restores = Vec::new();
    for _ in 0..plan.rounds {
        restores.push(rounds.restore(&mut traffic)?);
        bar.advance(1);
    }
    let records = restores.iter().map(|it| it.records).max().unwrap_or(0);
    Ok(Recovery { records, partitions: ground.request_partitions, idle, under_load, restores })
}

/// Where the processes of the rounds run.
struct Rounds {
    launch: Launch,
    store: PathBuf,
    blank: PathBuf,
}

/// What one start came to.
struct Started {
    subprocess: Subprocess,
    first_answer_ms: f64,
    ready_ms: f64,
}

impl Rounds {
    fn restarts(
        &self,
        mut subprocess: Subprocess,
        traffic: &mut Traffic<'_>,
        rate: u64,
        plan: &Plan,
        bar: &Bar,
    ) -> Result<(Subprocess, Restarts)> {
        let (mut first_answer_ms, mut ready_ms, mut replayed) = (Vec::new(), Vec::new(), Vec::new());
        for round in 0..plan.rounds {
            let stream = (rate > 0).then(|| traffic.stream(rate)).transpose()?;
            std::thread::sleep(LIFE + Duration::from_millis(u64::from(round) * 37));
            subprocess.kill_9()?;
            let started = self.start(&self.store, traffic)?;
            if let Some(stream) = stream {
                stream.stop()?;
            }
            subprocess = started.subprocess;
            traffic.await_all(|| subprocess.check_running())?;
            first_answer_ms.push(started.first_answer_ms);
            ready_ms.push(started.ready_ms);
            replayed.push(subprocess.metric("otp_stream_restored_records_total")? as u64);
            bar.advance(1);
        }
        Ok((subprocess, Restarts { rate, first_answer_ms, ready_ms, replayed }))
    }

    fn restore(&self, traffic: &mut Traffic<'_>) -> Result<Restore> {
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
        Ok(Restore {
            records: records as u64,
            seconds,
            cpu_us_per_record: cpu_us / records,
            first_answer_ms: started.first_answer_ms,
            resident_peak_mib: mib,
            threads_us_per_record: threads.filter(|(_, us)| *us >= 0.01).collect(),
        })
    }

    /// Puts a request into the log, starts the process, and waits for the reply.
    fn start(&self, store: &Path, traffic: &mut Traffic<'_>) -> Result<Started> {
        let probe = traffic.probe()?;
        let begin = moment();
        let mut subprocess = self.launch.start(store)?;
        let over = AtomicBool::new(false);
        let (answered, ready) = std::thread::scope(|scope| {
            let looker = scope.spawn(|| self.look_for_ready(begin, &over));
            let answered = traffic.await_reply(probe, || subprocess.check_running());
            over.store(true, Ordering::SeqCst);
            (answered, looker.join())
        });
        let ready = ready.ok().flatten().unwrap_or_else(moment);
        let ms = |at: Instant| (at - begin).as_secs_f64() * 1_000.0;
        Ok(Started { first_answer_ms: ms(answered?), ready_ms: ms(ready), subprocess })
    }

    /// The moment at which it was ready, if that came before `over`.
    fn look_for_ready(&self, begin: Instant, over: &AtomicBool) -> Option<Instant> {
        while !over.load(Ordering::SeqCst) && begin.elapsed() < START_MAX {
            if subprocess::is_ready(&self.launch.http) {
                return Some(moment());
            }
            std::thread::sleep(LOOK);
        }
        None
    }
}

/// As many subjects as asked for, each with a live code.
fn load(ground: &Ground, run: Run, subjects: u64, subprocess: &mut Subprocess) -> Result<()> {
    let before = ground.reply_end()?;
    let mut loader = Loader::new(ground, run)?;
    let bar = Bar::new("load", subjects);
    let mut first = 0;
    while first < subjects {
        let count = LOAD_CHUNK.min(subjects - first);
        loader.load(count, first, |at| Ask::Send { subject: first + at }, |count| bar.advance(count))?;
        first += count;
    }
    drop(bar);
    let bar = Bar::new("serve", subjects);
    let (mut last, mut moved) = (0, moment());
    loop {
        let done = u64::try_from(ground.reply_end()? - before).unwrap_or(0);
        bar.set(done.min(subjects));
        if done != last {
            (last, moved) = (done, moment());
        }
        // The log holds the ends of transactions as well, so a little more than one record for each request.
        if done >= subjects && moved.elapsed() > Duration::from_secs(1) {
            return Ok(());
        }
        subprocess.check_running()?;
        if moved.elapsed() > QUIET_MAX {
            bail!("{done} of {subjects} requests are answered");
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
        std::thread::sleep(LOOK);
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
