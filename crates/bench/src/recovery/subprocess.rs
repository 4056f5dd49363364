//! Runs `otp-stream run` as a child process: starts it, reads its HTTP port, kills it.
//!
//! The child gets the configuration of this process, with some keys overridden.

use std::fs::{File, OpenOptions};
use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use anyhow::{Context as _, Result, bail};

use otp_stream::bench::Sources;

const READ_MAX: Duration = Duration::from_secs(5);
/// Lines of the log that an error shows.
const LAST_LINES: usize = 15;

/// How to start the process.
pub(super) struct Launch {
    /// The program `otp-stream`.
    pub program: PathBuf,
    pub sources: Sources,
    /// `KEY=VALUE`, which take precedence over everything else.
    pub sets: Vec<String>,
    /// The address of its HTTP port.
    pub http: String,
    /// Its output is appended to this file.
    pub log: PathBuf,
}

/// A running process. Dropping it kills it.
pub(super) struct Subprocess {
    child: Child,
    http: String,
    log: PathBuf,
}

impl Launch {
    /// # Errors
    /// The log cannot be opened, or the program cannot be started.
    pub(super) fn start(&self, store: &Path) -> Result<Subprocess> {
        let log = OpenOptions::new().create(true).append(true).open(&self.log);
        let log: File = log.with_context(|| format!("cannot write {}", self.log.display()))?;
        let mut command = Command::new(&self.program);
        for file in &self.sources.files {
            command.arg("--config").arg(file);
        }
        let store = format!("store.directory={}", store.display());
        for set in self.sources.sets.iter().chain(&self.sets).chain([&store]) {
            command.arg("--set").arg(set);
        }
        let child = command
            .arg("run")
            .stdin(Stdio::null())
            .stdout(log.try_clone()?)
            .stderr(log)
            .spawn()
            .with_context(|| format!("cannot start {}", self.program.display()))?;
        Ok(Subprocess { child, http: self.http.clone(), log: self.log.clone() })
    }
}

impl Subprocess {
    pub(super) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Sends SIGKILL and waits for the end.
    ///
    /// # Errors
    /// It has ended before.
    pub(super) fn kill_9(mut self) -> Result<()> {
        self.check_running()?;
        self.child.kill()?;
        self.child.wait()?;
        Ok(())
    }

    /// # Errors
    /// It has ended.
    pub(super) fn check_running(&mut self) -> Result<()> {
        if let Some(status) = self.child.try_wait()? {
            let text = std::fs::read_to_string(&self.log).unwrap_or_default();
            let lines: Vec<_> = text.lines().rev().take(LAST_LINES).collect();
            let lines: Vec<_> = lines.into_iter().rev().collect();
            bail!("`otp-stream run` ended with {status}; the end of its log:\n{}", lines.join("\n"));
        }
        Ok(())
    }

    pub(super) fn is_ready(&self) -> bool {
        is_ready(&self.http)
    }

    /// The sum of a metric over its labels; 0 if there is no such metric.
    ///
    /// # Errors
    /// The port does not answer.
    pub(super) fn metric(&self, name: &str) -> Result<f64> {
        let (_, text) = get(&self.http, "/metrics").context("the process does not answer at /metrics")?;
        Ok(sum_of(&text, name))
    }
}

impl Drop for Subprocess {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

/// Whether `/readyz` at this address returns 200.
pub(super) fn is_ready(address: &str) -> bool {
    get(address, "/readyz").is_some_and(|(status, _)| status == 200)
}

fn get(address: &str, path: &str) -> Option<(u16, String)> {
    let mut stream = TcpStream::connect(address).ok()?;
    stream.set_read_timeout(Some(READ_MAX)).ok()?;
    write!(stream, "GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n").ok()?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).ok()?;
    let (head, body) = answer.split_once("\r\n\r\n")?;
    let status = head.split(' ').nth(1)?.parse().ok()?;
    Some((status, body.to_owned()))
}

fn sum_of(text: &str, name: &str) -> f64 {
    let value = |line: &str| {
        let rest = line.strip_prefix(name).filter(|rest| rest.starts_with(['{', ' ']))?;
        rest.rsplit(' ').next()?.parse::<f64>().ok()
    };
    text.lines().filter_map(value).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_metric_is_summed_over_its_labels_and_not_confused_with_a_longer_name() {
        let text = "# HELP a x\na{p=\"0\"} 1\na{p=\"1\"} 2.5\na_total 7\nb 3\n";
        for (name, sum) in [("a", 3.5), ("a_total", 7.0), ("b", 3.0), ("c", 0.0)] {
            assert_eq!(sum_of(text, name), sum, "{name}");
        }
    }
}
