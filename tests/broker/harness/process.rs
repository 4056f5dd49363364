//! The program under test as a process: started, asked over HTTP, killed or told to end.

use std::fs::{self, File, OpenOptions};
use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Output, Stdio};
use std::time::{Duration, Instant};

const READY_LIMIT: Duration = Duration::from_secs(60);
const END_LIMIT: Duration = Duration::from_secs(30);

/// `otp-stream run`; killed when dropped.
pub struct Process {
    child: Child,
    port: u16,
    log: PathBuf,
}

/// `otp-stream --config A --config B … ARGS`, to its end.
pub fn otp_stream(configs: &[PathBuf], args: &[&str]) -> Output {
    command(configs).args(args).stdin(Stdio::null()).output().expect("otp-stream starts")
}

/// The same, with text on its standard input.
pub fn otp_stream_reading(configs: &[PathBuf], args: &[&str], input: &str) -> Output {
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

fn command(configs: &[PathBuf]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_otp-stream"));
    for config in configs {
        command.arg("--config").arg(config);
    }
    command
}

impl Process {
    /// Just started. `log` is appended to.
    pub fn start_only(configs: &[PathBuf], port: u16, log: &Path) -> Self {
        let mut run = command(configs);
        run.arg("run");
        Self::spawn(run, port, log)
    }

    /// As [`Process::start_only`]; a write beyond [`Process::limit_files`] is an error to it and not its end.
    pub fn start_limitable(configs: &[PathBuf], port: u16, log: &Path) -> Self {
        let program = command(configs);
        let mut run = Command::new("bash");
        run.args(["-c", "trap '' XFSZ; exec \"$@\"", "limitable"]);
        run.arg(program.get_program()).args(program.get_args()).arg("run");
        Self::spawn(run, port, log)
    }

    fn spawn(mut run: Command, port: u16, log: &Path) -> Self {
        let file: File = OpenOptions::new().create(true).append(true).open(log).expect("a log file");
        run.stdin(Stdio::null()).stdout(file.try_clone().expect("a second handle")).stderr(file);
        let child = run.spawn().expect("otp-stream starts");
        Self { child, port, log: log.to_owned() }
    }

    pub fn await_ready(mut self) -> Self {
        let until = Instant::now() + READY_LIMIT;
        while Instant::now() < until {
            if let Some(status) = self.ended() {
                panic!("otp-stream run ended with {status}:\n{}", self.last_words());
            }
            if self.is_ready() {
                return self;
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        panic!("otp-stream run is not ready after {READY_LIMIT:?}:\n{}", self.last_words());
    }

    pub fn is_ready(&self) -> bool {
        self.get("/readyz").is_some_and(|(status, _)| status == 200)
    }

    /// Its status, if it has ended.
    pub fn ended(&mut self) -> Option<ExitStatus> {
        self.child.try_wait().expect("its status")
    }

    /// SIGKILL, and the end awaited.
    pub fn kill_9(mut self) {
        self.child.kill().expect("it is killed");
        self.child.wait().expect("it ends");
    }

    /// SIGTERM, and the end awaited.
    pub fn terminate(mut self) -> ExitStatus {
        self.tell_to_end();
        self.await_end()
    }

    /// SIGTERM.
    pub fn tell_to_end(&self) {
        self.run_on(&format!("kill -TERM {}", self.child.id()));
    }

    /// SIGSTOP: it does nothing until [`Process::go_on`], and does not know.
    pub fn hold(&self) {
        self.run_on(&format!("kill -STOP {}", self.child.id()));
    }

    /// SIGCONT.
    pub fn go_on(&self) {
        self.run_on(&format!("kill -CONT {}", self.child.id()));
    }

    /// No file of it grows beyond so many bytes; `None`: without limit.
    pub fn limit_files(&self, bytes: Option<u64>) {
        let bytes = bytes.map_or_else(|| "unlimited".to_owned(), |bytes| bytes.to_string());
        self.run_on(&format!("prlimit --pid {} --fsize={bytes}:unlimited", self.child.id()));
    }

    fn run_on(&self, line: &str) {
        let told = Command::new("bash").args(["-c", line]).status().expect("bash starts");
        assert!(told.success(), "`{line}` succeeds");
    }

    /// Waits for an end that comes by itself.
    pub fn await_end(&mut self) -> ExitStatus {
        let until = Instant::now() + END_LIMIT;
        while Instant::now() < until {
            if let Some(status) = self.ended() {
                return status;
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        panic!("otp-stream run has not ended after {END_LIMIT:?}:\n{}", self.last_words());
    }

    pub fn metrics(&self) -> String {
        let (status, body) = self.get("/metrics").expect("an answer of /metrics");
        assert_eq!(status, 200, "{body}");
        body
    }

    /// The value of one line of the metrics; 0 if it is not there.
    pub fn metric(&self, name: &str) -> f64 {
        let text = self.metrics();
        let value = text.lines().find_map(|line| line.strip_prefix(name)?.trim().parse().ok());
        value.unwrap_or(0.0)
    }

    /// Status and body of a GET.
    pub fn get(&self, path: &str) -> Option<(u16, String)> {
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

    fn last_words(&self) -> String {
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
