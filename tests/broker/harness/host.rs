//! Where one process of a scenario runs: its configuration, store, port and log. Two seats are two machines.

use std::fs;
use std::path::{Path, PathBuf};

use super::process::Process;

#[derive(Clone, Debug)]
pub struct Seat {
    pub configs: Vec<PathBuf>,
    pub store: PathBuf,
    pub log: PathBuf,
    http_port: u16,
}

impl Seat {
    /// In a directory that a configuration names already.
    pub fn of(configs: &[PathBuf], directory: &Path, http_port: u16) -> Self {
        let (store, log) = (directory.join("store"), directory.join("otp-stream.log"));
        Self { configs: configs.to_vec(), store, log, http_port }
    }

    /// In a directory of its own, with the same topics and keys.
    pub fn further(configs: &[PathBuf], directory: &Path, http_port: u16, settings: &str) -> Self {
        fs::create_dir_all(directory).expect("a directory for the seat");
        let mut seat = Self::of(configs, directory, http_port);
        let own = format!(
            "store.directory = \"{}\"\nhttp.listen = \"127.0.0.1:{http_port}\"\n{settings}",
            seat.store.display()
        );
        let file = directory.join("seat.toml");
        fs::write(&file, own).expect("written");
        seat.configs.push(file);
        seat
    }

    /// `otp-stream run`, ready.
    pub fn run(&self) -> Process {
        self.run_only().await_ready()
    }

    /// `otp-stream run`, just started.
    pub fn run_only(&self) -> Process {
        Process::start_only(&self.configs, self.http_port, &self.log)
    }

    /// The same, see [`Process::start_limitable`].
    pub fn run_limitable(&self) -> Process {
        Process::start_limitable(&self.configs, self.http_port, &self.log).await_ready()
    }

    /// What its processes have logged so far.
    pub fn said(&self) -> String {
        fs::read_to_string(&self.log).unwrap_or_default()
    }

    /// Makes the store what another directory holds; an absent one makes it absent.
    pub fn put_store(&self, from: &Path) {
        drop(fs::remove_dir_all(&self.store));
        if from.exists() {
            copy(from, &self.store);
        }
    }
}

/// A directory with everything in it.
pub fn copy(from: &Path, to: &Path) {
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
