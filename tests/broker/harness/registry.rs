//! A real schema registry: Apicurio in memory, on a port of its own. It dies with the test program.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use super::cluster::{free_port, scenario_directory};

const START_LIMIT: Duration = Duration::from_secs(120);
/// The Confluent API.
const PATH: &str = "/apis/ccompat/v7";

/// A running registry. Its schemas are gone when it ends.
pub(crate) struct Registry {
    port: u16,
    /// This shell kills the JVM when its standard input closes.
    shell: Child,
}

impl Registry {
    pub(crate) fn start() -> Self {
        Self::start_on(free_port())
    }

    /// Waits until it answers.
    pub(crate) fn start_on(port: u16) -> Self {
        let directory = scenario_directory(&format!("registry-{port}"));
        fs::create_dir_all(&directory).expect("a directory for the registry");
        let log = directory.join("registry.log");
        let file = File::options().create(true).append(true).open(&log).expect("a log file");
        let mut command = Command::new("bash");
        command.args(["-c", SHELL, "registry"]).arg(jar()).arg(port.to_string()).stdin(Stdio::piped());
        command.stdout(file.try_clone().expect("a second handle")).stderr(file);
        let registry = Self { port, shell: command.spawn().expect("bash starts") };
        let until = Instant::now() + START_LIMIT;
        while registry.request("GET", "/subjects", "").is_none_or(|(status, _)| status != 200) {
            let log = || fs::read_to_string(&log).unwrap_or_default();
            assert!(
                Instant::now() < until,
                "the registry did not start within {START_LIMIT:?}; its log:\n{}",
                log()
            );
            std::thread::sleep(Duration::from_millis(50));
        }
        registry
    }

    /// Sends SIGKILL, waits for the end, and returns the port.
    pub(crate) fn kill_9(mut self) -> u16 {
        self.end();
        self.port
    }

    pub(crate) fn port(&self) -> u16 {
        self.port
    }

    /// As in `schema_registry.urls`.
    pub(crate) fn url(&self) -> String {
        url_on(self.port)
    }

    /// Registers a schema as another program would, and returns its id.
    pub(crate) fn register(&self, subject: &str, schema: &str) -> u32 {
        let body = serde_json::json!({ "schema": schema }).to_string();
        let (status, answer) =
            self.request("POST", &format!("/subjects/{subject}/versions"), &body).expect("an answer");
        assert_eq!(status, 200, "{answer}");
        let answer: serde_json::Value = serde_json::from_str(&answer).expect("JSON");
        answer["id"].as_u64().and_then(|id| u32::try_from(id).ok()).expect("an id")
    }

    /// Subject and schema by id: the latest of each subject.
    pub(crate) fn schemas(&self) -> BTreeMap<u32, (String, String)> {
        let get = |path: &str| -> serde_json::Value {
            let (status, answer) = self.request("GET", path, "").expect("an answer");
            assert_eq!(status, 200, "{path}: {answer}");
            serde_json::from_str(&answer).expect("JSON")
        };
        let subjects = get("/subjects");
        let schema = |subject: &serde_json::Value| {
            let subject = subject.as_str().expect("a name");
            let latest = get(&format!("/subjects/{subject}/versions/latest"));
            let schema = latest["schema"].as_str().expect("a text").to_owned();
            (latest["id"].as_u64().expect("an id") as u32, (subject.to_owned(), schema))
        };
        subjects.as_array().expect("a list").iter().map(schema).collect()
    }

    /// Status and body. `None`: it does not answer.
    pub(crate) fn request(&self, method: &str, path: &str, body: &str) -> Option<(u16, String)> {
        let mut stream = TcpStream::connect(("127.0.0.1", self.port)).ok()?;
        stream.set_read_timeout(Some(Duration::from_secs(10))).ok()?;
        let head = format!(
            "{method} {PATH}{path} HTTP/1.0\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n",
            body.len()
        );
        stream.write_all((head + body).as_bytes()).ok()?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer).ok()?;
        let status = answer.split(' ').nth(1)?.parse().ok()?;
        Some((status, answer.split_once("\r\n\r\n").map_or("", |(_, body)| body).to_owned()))
    }

    fn end(&mut self) {
        drop(self.shell.stdin.take());
        self.shell.wait().expect("the shell ends");
    }
}

impl Drop for Registry {
    fn drop(&mut self) {
        self.end();
    }
}

pub(crate) fn url_on(port: u16) -> String {
    format!("http://127.0.0.1:{port}{PATH}")
}

/// The program that `./dev test` has fetched.
fn jar() -> PathBuf {
    let directory = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join(".registry/app");
    let is_jar = |path: &PathBuf| path.to_string_lossy().ends_with("-runner.jar");
    let mut files = fs::read_dir(&directory).into_iter().flatten().flatten().map(|entry| entry.path());
    files.find(is_jar).unwrap_or_else(|| {
        panic!(
            "no schema registry in {}; `./dev test` and `./dev registry start` fetch it",
            directory.display()
        )
    })
}

const SHELL: &str = r#"
java -Xmx256m -XX:+UseSerialGC -XX:TieredStopAtLevel=1 -Dquarkus.http.host=127.0.0.1 -Dquarkus.http.port="$2" -jar "$1" \
  </dev/null &
registry=$!
read -r _
kill -9 "$registry"
wait "$registry"
"#;
