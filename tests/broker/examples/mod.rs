//! The example programs, by the commands of their documents, against a service of their own.

mod analytics;
mod avro;
mod callers;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Arc, Mutex, PoisonError, Weak};

use crate::harness::cluster::{Cluster, free_port, scenario_directory};
use crate::harness::process::Process;
use crate::harness::registry::Registry;
use crate::harness::scenario::run_ok;

/// A service with the default names of topics, its public keys, and what it needs.
struct Running {
    bootstrap: String,
    jwks: PathBuf,
    _process: Process,
    registry: Option<Registry>,
    _cluster: Arc<Cluster>,
}

/// The service that some tests share. The first one starts it, and it ends with the last one that runs.
type Shared = Mutex<Weak<Running>>;

impl Running {
    fn shared(shared: &'static Shared, start: impl FnOnce() -> Self) -> Arc<Self> {
        let mut shared = shared.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(running) = shared.upgrade() {
            return running;
        }
        let running = Arc::new(start());
        *shared = Arc::downgrade(&running);
        running
    }

    /// `settings` are files that override the configuration of the test.
    fn start(name: &str, cluster: Arc<Cluster>, registry: Option<Registry>, settings: &[PathBuf]) -> Self {
        let directory = scenario_directory(name);
        fs::create_dir_all(&directory).expect("a directory for the service");
        let (config, keys, jwks) =
            (directory.join("config.toml"), directory.join("keys.toml"), directory.join("jwks.json"));
        let port = free_port();
        let text = format!(
            "kafka.bootstrap_servers = \"{}\"\nstore.directory = \"{}\"\nkeys.file = \"{}\"\nhttp.listen = \"127.0.0.1:{port}\"\n",
            cluster.bootstrap,
            directory.join("store").display(),
            keys.display()
        );
        fs::write(&config, text).expect("written");
        let configs: Vec<PathBuf> = [config].into_iter().chain(settings.iter().cloned()).collect();
        if !keys.exists() {
            run_ok(&configs, &["keys", "generate", "--out", &keys.display().to_string()]);
        }
        fs::write(&jwks, run_ok(&configs, &["keys", "public"])).expect("written");
        let process = Process::spawn_run_with_topics(&configs, port, &directory.join("otp-stream.log"));
        let bootstrap = cluster.bootstrap.clone();
        Self { bootstrap, jwks, _process: process.await_ready(), registry, _cluster: cluster }
    }

    /// A line of a document, with the addresses of this test.
    fn line(&self, line: &str) -> String {
        let line = line.replace("localhost:9092", &self.bootstrap);
        match &self.registry {
            Some(registry) => line.replace("localhost:8081", &format!("127.0.0.1:{}", registry.port())),
            None => line,
        }
    }
}

/// The one line of a document that begins with `beginning` and names a schema registry, or names none.
fn line_of(document: &str, beginning: &str, names_registry: bool) -> String {
    let text = fs::read_to_string(repository().join(document)).expect("the document is there");
    let fits = |line: &&str| line.starts_with(beginning) && line.contains("localhost:8081") == names_registry;
    let lines: Vec<&str> = text.lines().filter(fits).collect();
    let [line] = lines.as_slice() else { panic!("{document} has {} lines `{beginning}…`", lines.len()) };
    (*line).to_owned()
}

/// Runs a line at the top of the repository, with the Python environment of `./dev test`, and returns what it writes.
fn shell(line: &str) -> String {
    let output = prepared(&["timeout", "300", "bash", "-c"], line).output().expect("bash starts");
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "`{line}` ended with {}:\n{text}\n{errors}", output.status);
    text
}

fn prepared(shell: &[&str], line: &str) -> Command {
    let target = Path::new(env!("CARGO_TARGET_TMPDIR")).parent().expect("it lies in the target directory");
    let python = target.join("examples-python/bin");
    assert!(
        python.join("python3").exists(),
        "{} is missing: `./dev test examples` makes it",
        python.display()
    );
    let program = Path::new(env!("CARGO_BIN_EXE_otp-stream")).parent().expect("it lies in a directory");
    let path = std::env::var("PATH").expect("a search path");
    let mut command = Command::new(shell[0]);
    command.args(&shell[1..]).arg(line).env("PYTHONDONTWRITEBYTECODE", "1").current_dir(repository());
    command.env("PATH", format!("{}:{}:{path}", python.display(), program.display()));
    command
}

fn check_told(line: &str, text: &str, told: &[&str]) {
    for part in told {
        assert!(text.contains(part), "`{line}` does not tell {part:?}:\n{text}");
    }
}

fn repository() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}
