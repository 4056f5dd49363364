//! Callers and readers in Avro, against one service with `examples/avro.toml`: requests, replies and every event.

use std::fs;
use std::sync::{Arc, Mutex, Weak};

use super::callers::TOLD;
use super::{Running, Shared, check_told, line_of, repository, shell};
use crate::harness::cluster::{Cluster, scenario_directory};
use crate::harness::registry::Registry;

const README: &str = "examples/README.md";

#[test]
fn a_java_caller_asks_and_reads_with_apicurios_serdes() {
    let line = line_of(README, "mvn ", true);
    let text = shell(&running().line(&line));
    let told = [
        "DIGIT send                successful",
        "DIGIT validate            accepted",
        "DIGIT create              one e-mail to the identity",
        "INT GENERATE, VALIDATE    status 200",
        "MOSIP generate, validate  VALIDATION_SUCCESSFUL",
        "otp-validation-result     3 accepted",
        "otp-lifecycle             4 issued, 3 verified",
        "otp-signal                ",
        "Every step went as it should.",
    ];
    check_told(&line, &text, &told);
}

#[test]
fn a_python_caller_asks_and_reads_with_confluent_kafka_fastavro_and_the_sdk_of_cloudevents() {
    let running = running();
    let line = line_of(README, "examples/python/otp.py ", true);
    let text = shell(&running.line(&format!("{line} --jwks {}", running.jwks.display())));
    check_told(&line, &text, &TOLD);
    let told = [
        "it is not in the Confluent wire format",
        "DIGIT create            one e-mail to the identity",
        "otp-signal              ",
        "CloudEvents             the SDK reads the events of 9 topics",
    ];
    check_told(&line, &text, &told);
    check_reader(&running);
    check_collector(&running);
}

/// The short reader of the first page prints what that caller has caused.
fn check_reader(running: &Running) {
    let line = line_of("README.md", "examples/python/avro_reader.py ", true);
    for document in [README, "docs/schemas.md"] {
        assert_eq!(line, line_of(document, "examples/python/avro_reader.py ", true), "{document}");
    }
    let text = shell(&running.line(&line));
    let caused = text.lines().filter(|line| line.contains("'clientRef': 'python-")).count();
    assert_eq!(caused, 9, "5 issued, 4 verified:\n{text}");
    assert!(text.contains("'occurredAt': datetime.datetime("), "logical types are those of Python:\n{text}");
}

/// The collector for analysts reads the same topics.
fn check_collector(running: &Running) {
    let database = scenario_directory("examples-avro").join("otp.sqlite");
    let line = line_of("docs/analytics.md", "examples/analytics/collect.py ", true);
    shell(&running.line(&format!("{line} --database {} --idle-s 10", database.display())));
    let sql = "SELECT type, count(*), min(typeof(occurredAt)), count(DISTINCT challengeId) FROM lifecycle WHERE clientRef LIKE 'python-%' GROUP BY type
        UNION ALL SELECT result, count(*), min(typeof(occurredAt)), count(DISTINCT challengeId) FROM validation_result WHERE clientRef LIKE 'python-%' GROUP BY result";
    let program =
        "import sqlite3, sys\nfor row in sqlite3.connect(sys.argv[1]).execute(sys.argv[2]): print(*row)";
    let rows = shell(&format!("python3 -c '{program}' {} \"{sql}\"", database.display()));
    assert_eq!(rows, "issued 5 integer 5\nverified 4 integer 4\naccepted 4 integer 4\n");
}

fn running() -> Arc<Running> {
    static SHARED: Shared = Mutex::new(Weak::new());
    Running::shared(&SHARED, start)
}

fn start() -> Running {
    let registry = Registry::start();
    let directory = scenario_directory("examples-avro");
    // The store of a service that another test has started belongs to a cluster that is gone.
    drop(fs::remove_dir_all(&directory));
    fs::create_dir_all(&directory).expect("a directory for the service");
    let text = fs::read_to_string(repository().join("examples/avro.toml")).expect("it is there");
    assert!(text.contains("localhost:8081"), "it names the registry of `./dev registry start`");
    let settings = directory.join("avro.toml");
    fs::write(&settings, text.replace("localhost:8081", &format!("127.0.0.1:{}", registry.port())))
        .expect("written");
    Running::start("examples-avro", Cluster::of_one("examples-avro", ""), Some(registry), &[settings])
}
