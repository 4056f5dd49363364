//! The example programs, by the commands of `examples/README.md`, against one service with the default configuration.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::{Arc, Mutex, PoisonError, Weak};

use crate::harness::cluster::{cluster, free_port, scenario_directory};
use crate::harness::process::Process;
use crate::harness::scenario::run_ok;

/// What every program tells, whatever its language.
const TOLD: [&str; 11] = [
    "DIGIT send              no reply within 3 s",
    "DIGIT send again        the same ce_id, the same reply, and one SMS",
    "DIGIT validate          accepted",
    "DIGIT, no JSON object   no reply within 3 s; the dead letter says: ",
    "INT GENERATE            status 200",
    "INT VALIDATE            status 200",
    "MOSIP generate          GENERATION_SUCCESSFUL",
    "MOSIP validate          VALIDATION_SUCCESSFUL",
    "otp-validation-result   4 accepted",
    "otp-lifecycle           4 issued, 4 verified",
    "Every step went as it should.",
];

/// The service, its public keys, and the broker.
struct Running {
    bootstrap: String,
    jwks: PathBuf,
    _process: Process,
}

#[test]
fn the_java_example_runs_and_spring_security_verifies_the_token() {
    check("mvn ", "NimbusJwtDecoder verifies the token of otp-stream, and refuses a forged one");
}

#[test]
fn the_python_example_runs_and_pyjwt_verifies_the_token() {
    check("examples/python/", "PyJWT verifies the token of otp-stream, and refuses a forged one");
}

#[test]
fn the_rust_example_runs() {
    check("cargo ", "the token is verified, and a forged one refused");
}

/// Runs the one line of `examples/README.md` that begins with `program`, and looks for what it tells.
fn check(program: &str, token: &str) {
    let running = running();
    let line = line_of_the_readme(program);
    let address = format!("{} --jwks {}", running.bootstrap, running.jwks.display());
    let output = shell(&line.replace("localhost:9092", &address));
    let text = String::from_utf8_lossy(&output.stdout);
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "`{line}` ended with {}:\n{text}\n{errors}", output.status);
    for part in TOLD.iter().chain([&token]) {
        assert!(text.contains(part), "`{line}` does not tell {part:?}:\n{text}\n{errors}");
    }
}

fn line_of_the_readme(program: &str) -> String {
    let file = repository().join("examples/README.md");
    let text = fs::read_to_string(&file).expect("examples/README.md is there");
    let lines: Vec<&str> = text.lines().filter(|line| line.starts_with(program)).collect();
    let [line] = lines.as_slice() else {
        panic!("examples/README.md has {} lines `{program}…`", lines.len())
    };
    assert!(line.contains("localhost:9092"), "the line names no broker: {line}");
    let first_page = fs::read_to_string(repository().join("README.md")).expect("README.md is there");
    assert!(first_page.contains(line), "README.md does not have the line `{line}`");
    (*line).to_owned()
}

/// Runs a line at the top of the repository, with the Python environment of `./dev test`.
fn shell(line: &str) -> Output {
    let target = Path::new(env!("CARGO_TARGET_TMPDIR")).parent().expect("it lies in the target directory");
    let python = target.join("examples-python/bin");
    assert!(
        python.join("python3").exists(),
        "{} is missing: `./dev test examples` makes it",
        python.display()
    );
    let path = format!("{}:{}", python.display(), std::env::var("PATH").expect("a search path"));
    let mut command = Command::new("timeout");
    command.args(["300", "bash", "-c", line]).env("PATH", path).env("PYTHONDONTWRITEBYTECODE", "1");
    command.current_dir(repository()).output().expect("bash starts")
}

fn repository() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// The service that the tests share. The first test starts it, and it ends with the last one that runs.
fn running() -> Arc<Running> {
    static SHARED: Mutex<Weak<Running>> = Mutex::new(Weak::new());
    let mut shared = SHARED.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(running) = shared.upgrade() {
        return running;
    }
    let running = Arc::new(start());
    *shared = Arc::downgrade(&running);
    running
}

fn start() -> Running {
    let cluster = cluster();
    let directory = scenario_directory("examples");
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
    let configs = vec![config];
    if !keys.exists() {
        run_ok(&configs, &["keys", "generate", "--out", &keys.display().to_string()]);
    }
    fs::write(&jwks, run_ok(&configs, &["keys", "public"])).expect("written");
    let process = Process::spawn_run_with_topics(&configs, port, &directory.join("otp-stream.log"));
    Running { bootstrap: cluster.bootstrap.clone(), jwks, _process: process.await_ready() }
}
