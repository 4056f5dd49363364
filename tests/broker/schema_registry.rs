//! The schema registry: commands, registration and the worker against a real one; and TLS with an own CA.

use std::fs;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use otp_codec::Lookup;
use otp_stream::testing::{Registration, Sources, Subject, Worker, load_config};

use crate::harness::cluster::{free_port, scenario_directory};
use crate::harness::process::otp_stream;
use crate::harness::registry::{Registry, url_on};

const LIMIT: Duration = Duration::from_secs(60);
const LIFECYCLE: &str = include_str!("../../schemas/lifecycle.avsc");
const SIGNAL: &str = include_str!("../../schemas/signal.avsc");

/// A configuration with two topics in Avro, as `--set` takes it.
fn sets(url: &str, more: &[&str]) -> Vec<String> {
    let own = format!("schema_registry.urls=[{url:?}]");
    let fixed = ["formats.lifecycle=avro", "formats.signal=avro"];
    [own.as_str()].into_iter().chain(fixed).chain(more.iter().copied()).map(str::to_owned).collect()
}

/// Runs `otp-stream schemas …` and returns its exit code and all that it prints.
fn schemas(sets: &[String], command: &str) -> (i32, String) {
    let mut args: Vec<&str> = sets.iter().flat_map(|set| ["--set", set.as_str()]).collect();
    args.extend(["schemas", command]);
    let output = otp_stream(&[], &args);
    let text = String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned();
    (output.status.code().expect("it ends by itself"), text)
}

fn check(sets: &[String], command: &str, code: i32, parts: &[&str]) {
    let (ended, text) = schemas(sets, command);
    assert_eq!(ended, code, "schemas {command}: {text}");
    for part in parts {
        assert!(text.contains(part), "schemas {command}: expected {part:?} in: {text}");
    }
}

fn worker(sets: &[String], subjects: &[(&str, &str)]) -> Worker {
    let loaded =
        load_config(&Sources { sets: sets.to_vec(), ..Sources::default() }).expect("a configuration");
    let subjects = subjects.iter().map(|(topic, schema)| Subject::of_topic(topic, schema)).collect();
    Worker::start(&loaded.config.schema_registry, subjects).expect("a worker")
}

/// Asks until `is_there`.
fn until<T: std::fmt::Debug>(ask: impl Fn() -> T, is_there: impl Fn(&T) -> bool) -> T {
    let end = Instant::now() + LIMIT;
    loop {
        let said = ask();
        if is_there(&said) {
            return said;
        }
        assert!(Instant::now() < end, "after {LIMIT:?} still {said:?}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

fn settled(worker: &Worker) -> Registration {
    until(|| worker.registration(), |it| !matches!(it, Registration::Waiting(_)))
}

fn answer(worker: &Worker, id: u32) -> Lookup {
    until(|| worker.schema_of(id), |it| *it != Lookup::Pending)
}

/// The schema without one of its fields.
fn without(schema: &str, field: &str) -> String {
    let mut schema: serde_json::Value = serde_json::from_str(schema).expect("JSON");
    let fields = schema["fields"].as_array_mut().expect("a record");
    let before = fields.len();
    fields.retain(|it| it["name"] != field);
    assert_eq!(fields.len(), before - 1, "{field} is a field");
    schema.to_string()
}

#[test]
fn schemas_are_checked_and_registered_and_an_incompatible_one_is_refused() {
    let registry = Registry::start();
    let sets_of = |more: &[&str]| sets(&registry.url(), more);
    let good = sets_of(&[]);
    check(&good, "check", 1, &["otp-lifecycle-value: not registered", "otp-signal-value: not registered"]);
    check(&good, "register", 0, &["otp-lifecycle-value: id ", "otp-signal-value: id "]);
    check(&good, "check", 0, &["otp-lifecycle-value: registered (id ", ", BACKWARD)"]);
    check(&good, "register", 0, &["otp-signal-value: id "]);

    let worker_of = |sets: &[String], topics: &[&str]| {
        worker(sets, &topics.iter().map(|topic| (*topic, LIFECYCLE)).collect::<Vec<_>>())
    };
    let known = worker_of(&good, &["otp-lifecycle"]);
    let Registration::Done(ids) = settled(&known) else { panic!("{:?}", known.registration()) };
    let id = ids["otp-lifecycle-value"];
    let Lookup::Found(text) = answer(&known, id) else { panic!("{id} is registered") };
    let parsed = |text: &str| serde_json::from_str::<serde_json::Value>(text).expect("JSON");
    assert_eq!(parsed(&text), parsed(LIFECYCLE));
    assert_eq!(answer(&known, 987_654), Lookup::NotFound);
    assert_eq!(known.outage(), None);

    let absent = worker_of(&sets_of(&["schema_registry.auto_register=false"]), &["other"]);
    let Registration::Refused(troubles) = settled(&absent) else { panic!("{:?}", absent.registration()) };
    assert!(troubles[0].to_string().contains("otp-stream schemas register"), "{troubles:?}");

    // Somebody else has registered another schema there, in a subject without a compatibility level.
    registry.register("taken-value", &without(LIFECYCLE, "eventId"));
    let taken = sets_of(&["kafka.topics.lifecycle=taken"]);
    let field = "`eventId` is new and has no default";
    check(
        &taken,
        "register",
        1,
        &["subject taken-value", "the level BACKWARD", field, "otp-signal-value: id "],
    );
    check(&taken, "check", 1, &["taken-value: NOT COMPATIBLE", field, "otp-signal-value: registered"]);
    let refused = worker_of(&good, &["taken"]);
    let Registration::Refused(troubles) = settled(&refused) else { panic!("{:?}", refused.registration()) };
    assert!(troubles[0].to_string().contains(field), "{troubles:?}");
    let level = registry.request("GET", "/config/taken-value", "").expect("an answer").1;
    assert!(level.contains("BACKWARD"), "{level}");
}

#[test]
fn a_registry_that_is_killed_and_started_again_delays_and_loses_nothing() {
    let registry = Registry::start();
    let sets = sets(&registry.url(), &[]);
    let known = worker(&sets, &[("otp-lifecycle", LIFECYCLE)]);
    let Registration::Done(ids) = settled(&known) else { panic!("{:?}", known.registration()) };
    let id = ids["otp-lifecycle-value"];
    assert!(matches!(answer(&known, id), Lookup::Found(_)));
    let port = registry.kill_9();

    // What is known goes on; what is not waits. Who starts meanwhile waits, too.
    assert_eq!(known.schema_of(id + 1), Lookup::Pending);
    let outage = until(|| known.outage(), Option::is_some).expect("an outage");
    assert!(outage.contains(&url_on(port)) && outage.contains("no connection"), "{outage}");
    assert!(matches!(known.schema_of(id), Lookup::Found(_)));
    assert_eq!(known.schema_of(id + 1), Lookup::Pending);
    let late = worker(&sets, &[("otp-lifecycle", LIFECYCLE)]);
    let waiting = until(|| late.registration(), |it| *it != Registration::Waiting(None));
    let Registration::Waiting(Some(reason)) = waiting else { panic!("{waiting:?}") };
    assert!(reason.contains("subject otp-lifecycle-value") && reason.contains("no connection"), "{reason}");
    check(&sets, "check", 1, &["no connection", "is a schema registry at schema_registry.urls?"]);

    let registry = Registry::start_on(port);
    assert_eq!(registry.port(), port);
    assert!(matches!(settled(&late), Registration::Done(_)), "{:?}", late.registration());
    assert_eq!(registry.register("other-value", SIGNAL), id + 1, "it counts from one again");
    until(|| known.schema_of(id + 1), |it| matches!(it, Lookup::Found(_)));
    assert_eq!(known.outage(), None);
}

/// A server with a certificate of a CA that the system does not know. It answers every path with a file.
struct TlsServer {
    child: Child,
    port: u16,
    directory: PathBuf,
}

impl TlsServer {
    fn start() -> Self {
        let (port, directory) = (free_port(), scenario_directory("registry-tls"));
        fs::create_dir_all(directory.join("schemas/ids")).expect("a directory");
        let status = Command::new("bash").args(["-ec", CERTIFICATES]).current_dir(&directory).status();
        assert!(status.expect("bash starts").success(), "openssl makes certificates");
        let body = r#"{"schema":"\"string\""}"#;
        let answer = format!("HTTP/1.0 200 OK\r\nContent-Length: {}\r\n\r\n{body}", body.len());
        // openssl takes the whole request target as the name of the file.
        fs::write(directory.join("schemas/ids/7?deleted=true"), answer).expect("written");
        let mut command = Command::new("openssl");
        command.args(["s_server", "-HTTP", "-quiet", "-accept", &port.to_string()]);
        command.args(["-cert", "server.pem", "-key", "server.key"]).current_dir(&directory);
        let child = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn();
        Self { child: child.expect("openssl starts"), port, directory }
    }
}

impl Drop for TlsServer {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

const CERTIFICATES: &str = r#"
exec 2>/dev/null
openssl req -x509 -newkey rsa:2048 -nodes -keyout ca.key -out ca.pem -days 2 -subj /CN=own-ca
openssl req -newkey rsa:2048 -nodes -keyout server.key -out server.csr -subj /CN=localhost
printf 'subjectAltName=DNS:localhost\n' >names
openssl x509 -req -in server.csr -CA ca.pem -CAkey ca.key -CAcreateserial -days 2 -extfile names -out server.pem
"#;

#[test]
fn a_registry_with_an_own_ca_is_trusted_if_the_ca_is_named_and_only_under_its_name() {
    let server = TlsServer::start();
    let ca = format!("schema_registry.ca_file={}", server.directory.join("ca.pem").display());
    let at = |host: &str, more: &[&str]| worker(&sets(&format!("https://{host}:{}", server.port), more), &[]);
    let trusted = at("localhost", &[&ca]);
    assert_eq!(answer(&trusted, 7), Lookup::Found("\"string\"".into()));
    for (host, more) in [("localhost", &[][..]), ("127.0.0.1", &[ca.as_str()])] {
        let distrusted = at(host, more);
        assert_eq!(distrusted.schema_of(7), Lookup::Pending);
        let outage = until(|| distrusted.outage(), Option::is_some).expect("an outage");
        assert!(outage.contains("certificate verify failed"), "{host}: {outage}");
        assert_eq!(distrusted.schema_of(7), Lookup::Pending);
    }
}
