//! A host: the configuration, store, port and log of one process of a scenario. Two hosts stand for two machines.

use std::fs;
use std::path::{Path, PathBuf};

use super::process::Process;

#[derive(Clone, Debug)]
pub(crate) struct Host {
    pub configs: Vec<PathBuf>,
    pub store: PathBuf,
    pub log: PathBuf,
    http_port: u16,
}

impl Host {
    /// A host in `directory`, which the configuration names as its store directory.
    pub(crate) fn of(configs: &[PathBuf], directory: &Path, http_port: u16) -> Self {
        let (store, log) = (directory.join("store"), directory.join("otp-stream.log"));
        Self { configs: configs.to_vec(), store, log, http_port }
    }

    /// A host in a directory of its own, with the same topics and keys. `settings` is TOML that overrides the configuration.
    pub(crate) fn additional(configs: &[PathBuf], directory: &Path, http_port: u16, settings: &str) -> Self {
        fs::create_dir_all(directory).expect("a directory for the host");
        let mut host = Self::of(configs, directory, http_port);
        let own = format!(
            "store.directory = \"{}\"\nhttp.listen = \"127.0.0.1:{http_port}\"\n{settings}",
            host.store.display()
        );
        let file = directory.join("host.toml");
        fs::write(&file, own).expect("written");
        host.configs.push(file);
        host
    }

    /// Starts `otp-stream run` and waits until it is ready.
    pub(crate) fn run(&self) -> Process {
        self.start().await_ready()
    }

    /// Starts `otp-stream run` and does not wait.
    pub(crate) fn start(&self) -> Process {
        Process::spawn_run(&self.configs, self.http_port, &self.log)
    }

    /// As [`Host::run`], on a host whose clock is ahead by this many seconds.
    pub(crate) fn run_at_clock(&self, ahead_s: i64) -> Process {
        Process::spawn_run_at_clock(&self.configs, self.http_port, &self.log, ahead_s).await_ready()
    }

    /// As [`Host::start`], see [`Process::spawn_run_under`].
    pub(crate) fn start_under(&self, wrapper: &[&str]) -> Process {
        Process::spawn_run_under(wrapper, &self.configs, self.http_port, &self.log)
    }

    /// Everything that processes on this host have logged.
    pub(crate) fn log_text(&self) -> String {
        fs::read_to_string(&self.log).unwrap_or_default()
    }

    /// Replaces the store by a copy of `from`. If `from` does not exist, the store is only removed.
    pub(crate) fn replace_store(&self, from: &Path) {
        drop(fs::remove_dir_all(&self.store));
        if from.exists() {
            copy(from, &self.store);
        }
    }
}

/// Copies a directory with its whole content.
pub(crate) fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).expect("a directory");
    for entry in fs::read_dir(from).expect("a directory").flatten() {
        let (from, to) = (entry.path(), to.join(entry.file_name()));
        if from.is_dir() {
            copy(&from, &to);
        } else {
            fs::copy(&from, &to).expect("copied");
        }
    }
}
