//! The program under test as a process: start it, query its HTTP port, send it signals.

use std::fs::{self, File, OpenOptions};
use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Output, Stdio};
use std::time::{Duration, Instant};

const READY_LIMIT: Duration = Duration::from_secs(60);
const END_LIMIT: Duration = Duration::from_secs(30);

/// A running `otp-stream run`. Killed when dropped.
pub(crate) struct Process {
    child: Child,
    port: u16,
    log: PathBuf,
}

/// Runs `otp-stream --config A --config B … ARGS` to its end.
pub(crate) fn otp_stream(configs: &[PathBuf], args: &[&str]) -> Output {
    command(configs).args(args).stdin(Stdio::null()).output().expect("otp-stream starts")
}

/// As [`otp_stream`], with variables in the environment.
pub(crate) fn otp_stream_with(configs: &[PathBuf], args: &[&str], environment: &[(&str, &str)]) -> Output {
    let mut command = command(configs);
    command.args(args).envs(environment.iter().copied()).stdin(Stdio::null());
    command.output().expect("otp-stream starts")
}

/// As [`otp_stream`], with text on standard input.
pub(crate) fn otp_stream_reading(configs: &[PathBuf], args: &[&str], input: &str) -> Output {
    let mut child = command(configs)
        .args(args)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("otp-stream starts");
    let mut stdin = child.stdin.take().expect("its standard input");
    let input = input.to_owned();
    let writer = std::thread::spawn(move || stdin.write_all(input.as_bytes()));
    let output = child.wait_with_output().expect("otp-stream ends");
    drop(writer.join().expect("the writer ends"));
    output
}

/// Ignores SIGXFSZ: a write beyond [`Process::limit_files`] is an error in the process instead of a signal that ends it.
pub(crate) const WITH_FILE_LIMIT: [&str; 4] = ["bash", "-c", "trap '' XFSZ; exec \"$@\"", "limitable"];

fn wrapped(wrapper: &[&str], program: &Command) -> Command {
    let mut command = Command::new(wrapper[0]);
    command.args(&wrapper[1..]).arg(program.get_program()).args(program.get_args());
    command
}

fn command(configs: &[PathBuf]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_otp-stream"));
    for config in configs {
        command.arg("--config").arg(config);
    }
    command
}

impl Process {
    /// Starts the process and does not wait until it is ready. Appends its output to `log`.
    pub(crate) fn spawn_run(configs: &[PathBuf], port: u16, log: &Path) -> Self {
        let mut run = command(configs);
        run.arg("run");
        Self::spawn(run, port, log)
    }

    /// As [`Process::spawn_run`], with `--create-topics`.
    pub(crate) fn spawn_run_with_topics(configs: &[PathBuf], port: u16, log: &Path) -> Self {
        let mut run = command(configs);
        run.args(["run", "--create-topics"]);
        Self::spawn(run, port, log)
    }

    /// As [`Process::spawn_run`], by way of a command that makes its arguments the process.
    pub(crate) fn spawn_run_under(wrapper: &[&str], configs: &[PathBuf], port: u16, log: &Path) -> Self {
        let mut run = wrapped(wrapper, &command(configs));
        run.arg("run");
        Self::spawn(run, port, log)
    }

    /// As [`Process::spawn_run`], with a clock that is ahead by this many seconds.
    pub(crate) fn spawn_run_at_clock(configs: &[PathBuf], port: u16, log: &Path, ahead_s: i64) -> Self {
        let library = log.with_file_name("wrong_clock.so");
        let source = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/broker/harness/wrong_clock.c");
        let built = Command::new("cc").args(["-shared", "-fPIC", "-o"]).arg(&library).arg(source).status();
        assert!(built.expect("a C compiler").success(), "{source} compiles");
        let mut run = command(configs);
        run.arg("run").env("LD_PRELOAD", library).env("WRONG_CLOCK_S", ahead_s.to_string());
        Self::spawn(run, port, log)
    }

    fn spawn(mut run: Command, port: u16, log: &Path) -> Self {
        let file: File = OpenOptions::new().create(true).append(true).open(log).expect("a log file");
        run.stdin(Stdio::null()).stdout(file.try_clone().expect("a second handle")).stderr(file);
        let child = run.spawn().expect("otp-stream starts");
        Self { child, port, log: log.to_owned() }
    }

    /// Waits until `/readyz` answers 200.
    pub(crate) fn await_ready(mut self) -> Self {
        let until = Instant::now() + READY_LIMIT;
        while Instant::now() < until {
            if let Some(status) = self.exit_status() {
                panic!("otp-stream run ended with {status}:\n{}", self.last_log_lines());
            }
            if self.is_ready() {
                return self;
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        panic!("otp-stream run is not ready after {READY_LIMIT:?}:\n{}", self.last_log_lines());
    }

    /// Waits until `/readyz` answers 503 with all of these texts, and returns its body.
    pub(crate) fn await_not_ready(&self, expected: &[&str]) -> String {
        let until = Instant::now() + READY_LIMIT;
        while Instant::now() < until {
            let body = self.get("/readyz").filter(|(status, _)| *status == 503).map(|(_, body)| body);
            if let Some(body) = body.filter(|body| expected.iter().all(|part| body.contains(part))) {
                return body;
            }
            std::thread::sleep(Duration::from_millis(50));
        }
        panic!(
            "/readyz does not say {expected:?} after {READY_LIMIT:?}; at last {:?}:\n{}",
            self.get("/readyz"),
            self.last_log_lines()
        );
    }

    pub(crate) fn is_ready(&self) -> bool {
        self.get("/readyz").is_some_and(|(status, _)| status == 200)
    }

    /// The exit status, if the process has ended.
    pub(crate) fn exit_status(&mut self) -> Option<ExitStatus> {
        self.child.try_wait().expect("its status")
    }

    /// Sends SIGKILL and waits for the end.
    pub(crate) fn kill_9(mut self) {
        self.child.kill().expect("it is killed");
        self.child.wait().expect("it ends");
    }

    /// Sends SIGTERM and waits for the end.
    pub(crate) fn terminate(mut self) -> ExitStatus {
        self.send_sigterm();
        self.await_exit()
    }

    /// Sends SIGTERM and does not wait.
    pub(crate) fn send_sigterm(&self) {
        self.run_shell(&format!("kill -TERM {}", self.child.id()));
    }

    /// Sends SIGSTOP: the process stands still until [`Process::resume`], without noticing.
    pub(crate) fn suspend(&self) {
        self.run_shell(&format!("kill -STOP {}", self.child.id()));
    }

    /// Sends SIGCONT.
    pub(crate) fn resume(&self) {
        self.run_shell(&format!("kill -CONT {}", self.child.id()));
    }

    /// Limits the size of each file that the process writes; `None`: no limit.
    pub(crate) fn limit_files(&self, bytes: Option<u64>) {
        let bytes = bytes.map_or_else(|| "unlimited".to_owned(), |bytes| bytes.to_string());
        self.run_shell(&format!("prlimit --pid {} --fsize={bytes}:unlimited", self.child.id()));
    }

    /// Limits the number of files that the process may have open; `None`: its hard limit.
    pub(crate) fn limit_open_files(&self, count: Option<u64>) {
        let count = count.map_or_else(|| "unlimited".to_owned(), |count| count.to_string());
        self.run_shell(&format!(
            "hard=$(prlimit --pid {0} --nofile -o HARD --noheadings); soft={count}; [ $soft != unlimited ] || soft=$hard; \
             prlimit --pid {0} --nofile=$soft:$hard",
            self.child.id()
        ));
    }

    /// The number of files that the process has open.
    pub(crate) fn open_files(&self) -> u64 {
        fs::read_dir(format!("/proc/{}/fd", self.child.id())).expect("it runs").count() as u64
    }

    /// The soft limit of open files.
    pub(crate) fn open_files_limit(&self) -> u64 {
        let limits = fs::read_to_string(format!("/proc/{}/limits", self.child.id())).expect("it runs");
        let line = limits.lines().find_map(|line| line.strip_prefix("Max open files")).expect("Linux has it");
        line.split_whitespace().next().expect("a limit").parse().expect("a number")
    }

    fn run_shell(&self, line: &str) {
        let status = Command::new("bash").args(["-c", line]).status().expect("bash starts");
        assert!(status.success(), "`{line}` succeeds");
    }

    /// Waits until the process ends.
    pub(crate) fn await_exit(&mut self) -> ExitStatus {
        let until = Instant::now() + END_LIMIT;
        while Instant::now() < until {
            if let Some(status) = self.exit_status() {
                return status;
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        panic!("otp-stream run has not ended after {END_LIMIT:?}:\n{}", self.last_log_lines());
    }

    pub(crate) fn metrics(&self) -> String {
        let (status, body) = self.get("/metrics").expect("an answer of /metrics");
        assert_eq!(status, 200, "{body}");
        body
    }

    /// The value of the metric whose line starts with `name`; 0 if there is none.
    pub(crate) fn metric(&self, name: &str) -> f64 {
        let text = self.metrics();
        let value = text.lines().find_map(|line| line.strip_prefix(name)?.trim().parse().ok());
        value.unwrap_or(0.0)
    }

    /// Status and body of a GET request.
    pub(crate) fn get(&self, path: &str) -> Option<(u16, String)> {
        let mut stream = TcpStream::connect(("127.0.0.1", self.port)).ok()?;
        stream.set_read_timeout(Some(Duration::from_secs(10))).ok()?;
        write!(stream, "GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n").ok()?;
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).ok()?;
        let answer = String::from_utf8_lossy(&answer).into_owned();
        let status = answer.split(' ').nth(1)?.parse().ok()?;
        let body = answer.split_once("\r\n\r\n").map_or("", |(_, body)| body).to_owned();
        Some((status, body))
    }

    fn last_log_lines(&self) -> String {
        let text = fs::read_to_string(&self.log).unwrap_or_default();
        let lines: Vec<&str> = text.lines().rev().take(40).collect();
        lines.into_iter().rev().collect::<Vec<_>>().join("\n")
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}
