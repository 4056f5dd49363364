//! Results and lifecycle events in a database, and the five questions: by the commands of `docs/analytics.md`.

use std::collections::BTreeMap;
use std::fs;
use std::io::{BufRead as _, BufReader};
use std::process::Stdio;

use serde_json::{Map, Value};

use super::{line_of, prepared, repository, shell};
use crate::harness::cluster::{cluster, scenario_directory};

const DOCUMENT: &str = "docs/analytics.md";
const QUESTIONS: [&str; 5] = ["conversion", "time_to_verify", "lock_rate", "resend_rate", "reasons"];

#[test]
fn a_collector_that_is_killed_counts_nothing_twice_and_misses_nothing() {
    let directory = scenario_directory("analytics");
    fs::create_dir_all(&directory).expect("a directory");
    let database = format!("--database {}/otp.sqlite", directory.display());
    let with_addresses = |line: String| line.replace("localhost:9092", &cluster().bootstrap);
    let traffic = with_addresses(line_of(DOCUMENT, "examples/analytics/traffic.py ", false));
    let invented = "--database invented.sqlite";
    let collect =
        with_addresses(line_of(DOCUMENT, &format!("examples/analytics/collect.py {invented} "), false));
    let collect = collect.replace(invented, &database);
    let report = line_of(DOCUMENT, &format!("examples/analytics/report.py {invented} "), false)
        .replace(invented, &database)
        .replace("docs/pictures", &format!("{}/pictures", directory.display()));

    let invented: Map<String, Value> = serde_json::from_str(&shell(&traffic)).expect("its counts as JSON");
    let count = |name: &str| invented[name].as_u64().unwrap_or_else(|| panic!("{name} in {invented:?}"));
    assert!(count("events") > 20_000, "{invented:?}");

    kill_after_the_first_batch(&format!("{collect} --checkpoint-s 3600"));
    let text = shell(&format!("{collect} --idle-s 10"));
    let (stored, known) = counts_of(text.lines().last().expect("a line"));
    assert!(known > 0, "events were stored, and their offsets were not:\n{text}");
    assert_eq!(stored + known, count("events"), "every event was read again:\n{text}");
    // A checkpoint was written at the end: nothing is read once more.
    assert_eq!(shell(&format!("{collect} --idle-s 10")), "");

    let answers = answers(&shell(&report));
    let sum = |question: &str, column: &str| -> u64 {
        answers[question].iter().map(|row| row[column].parse::<u64>().expect("a number")).sum()
    };
    assert_eq!(
        (sum("conversion", "issued"), sum("conversion", "verified")),
        (count("issued"), count("verified"))
    );
    assert_eq!(sum("time_to_verify", "verified"), count("verified"));
    assert_eq!(sum("lock_rate", "locked"), count("locked"));
    assert_eq!(
        (sum("resend_rate", "issued"), sum("resend_rate", "resent")),
        (count("issued"), count("resent"))
    );
    let rejected: u64 =
        invented.keys().filter(|name| name.starts_with("rejected ")).map(|name| count(name)).sum();
    assert_eq!(sum("reasons", "events"), rejected + count("suppressed"));
    check_planted(&answers);
    for question in QUESTIONS {
        let made = fs::read(directory.join(format!("pictures/{question}.png"))).expect("a picture");
        assert!(made.starts_with(b"\x89PNG") && made.len() > 5_000, "{question}.png");
        let shown = repository().join(format!("docs/pictures/{question}.png"));
        assert!(shown.exists(), "{} is missing: {DOCUMENT} shows it", shown.display());
    }
}

/// What `traffic.py` has planted shows.
fn check_planted(answers: &BTreeMap<String, Vec<BTreeMap<String, String>>>) {
    let find = |question: &str, column: &str, value: &str| {
        answers[question].iter().find(|row| row[column] == value).unwrap_or_else(|| panic!("{value}")).clone()
    };
    let pumped = find("conversion", "prefix", "9333");
    assert_eq!((pumped["tenant"].as_str(), pumped["verified"].as_str()), ("pb.ludhiana", "0"));
    let guessed = find("lock_rate", "day", "2026-11-04");
    assert_eq!(guessed["locked"], "40");
    assert_eq!(answers["resend_rate"][0]["prefix"], "9417", "the operator that delivers late");
}

/// Sends SIGKILL when a first batch is in the database.
fn kill_after_the_first_batch(line: &str) {
    let mut command = prepared(&["bash", "-c"], &format!("exec {line}"));
    command.stdout(Stdio::piped());
    let mut child = command.spawn().expect("bash starts");
    let mut lines = BufReader::new(child.stdout.take().expect("a pipe")).lines();
    let first = lines.next().expect("the collector stores something").expect("a line");
    child.kill().expect("it runs");
    child.wait().expect("it ends");
    assert!(counts_of(&first).0 > 0, "{first}");
}

/// `N stored, M known already`
fn counts_of(line: &str) -> (u64, u64) {
    let numbers: Vec<u64> = line.split(' ').filter_map(|word| word.parse().ok()).collect();
    let [stored, known] = numbers.as_slice() else { panic!("not counts: {line}") };
    (*stored, *known)
}

/// By question: its rows, by the names of the columns.
fn answers(text: &str) -> BTreeMap<String, Vec<BTreeMap<String, String>>> {
    let table = |block: &str| {
        let mut lines = block.lines();
        let name = lines.next()?.strip_prefix("# ")?.to_owned();
        let columns: Vec<&str> = lines.next()?.split('\t').collect();
        let row = |line: &str| {
            columns.iter().zip(line.split('\t')).map(|(a, b)| ((*a).to_owned(), b.to_owned())).collect()
        };
        Some((name, lines.map(row).collect()))
    };
    text.split("\n\n").filter_map(table).collect()
}
