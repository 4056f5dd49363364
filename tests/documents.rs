//! The examples of the contract pages: `otp-stream replay` gives what they show.
//!
//! An example is a code block with the word `replay`. Everything in one block is one run, from an empty state on.
//!
//! ```text
//! --set KEY=VALUE               an option of the run; only before the first request
//! > TOPIC [+SECONDS s]          a record, so long after the one before; the first comes at 2025-01-01T00:00:00Z
//! NAME: VALUE                   a header of it, any number of lines
//! {…}                           its value, on one or more lines
//! < TOPIC                       what the record brought to that topic, then the value, and so on. Topics that are not named
//! {…}                           for a record are not shown
//! ```
//!
//! With `OTP_DOCUMENTS_RECORD` set, the values that the program gives are written into the pages.

use std::fmt::Write as _;
use std::fs;
use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};

use serde_json::{Value, json};

const START_MS: u64 = 1_735_689_600_000;
const PAGES: [&str; 3] = ["egov.md", "int-otp.md", "mosip.md"];

#[test]
fn the_examples_of_the_contract_pages_hold() {
    let pages = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/contracts");
    let mut report = String::new();
    for page in PAGES {
        let path = pages.join(page);
        let text = fs::read_to_string(&path).expect("the page can be read");
        let (found, count) = played(&text);
        assert!(count > 0, "{page} has no example");
        if std::env::var_os("OTP_DOCUMENTS_RECORD").is_some() {
            fs::write(&path, found).expect("the page can be written");
        } else if found != text {
            for (shown, given) in text.lines().zip(found.lines()).filter(|(shown, given)| shown != given) {
                writeln!(report, "{page}\n  shows {shown}\n  given {given}").expect("text grows");
            }
        }
    }
    assert!(report.is_empty(), "{report}");
}

/// The page as it should be, and how many examples it has.
fn played(page: &str) -> (String, usize) {
    let (mut out, mut count) = (String::new(), 0);
    let mut lines = page.lines();
    while let Some(line) = lines.next() {
        writeln!(out, "{line}").expect("text grows");
        if line == "```replay" {
            let block: Vec<&str> = lines.by_ref().take_while(|line| *line != "```").collect();
            out.push_str(&play(&block));
            out.push_str("```\n");
            count += 1;
        }
    }
    (out, count)
}

/// A record of an example: its lines in the page, and the topics of which it shows the output.
struct Step<'a> {
    lines: Vec<&'a str>,
    topic: &'a str,
    after_ms: u64,
    shown: Vec<&'a str>,
}

fn play(block: &[&str]) -> String {
    let options: Vec<&str> = block.iter().take_while(|line| !line.starts_with('>')).copied().collect();
    let steps = steps(&block[options.len()..]);
    let mut time = START_MS;
    let mut input = String::new();
    for step in &steps {
        time += step.after_ms;
        writeln!(input, "{}", record(step, time)).expect("text grows");
    }
    let mut outputs = replay(&options, &input).into_iter();
    let mut page: String = options.iter().map(|line| format!("{line}\n")).collect();
    for step in steps {
        let output: Vec<Value> = outputs.by_ref().take_while(|line| line["ack"].is_null()).collect();
        for line in step.lines {
            writeln!(page, "{line}").expect("text grows");
        }
        for topic in step.shown {
            writeln!(page, "< {topic}").expect("text grows");
            let of_topic: Vec<&Value> = output.iter().filter(|line| line["topic"] == topic).collect();
            assert!(!of_topic.is_empty(), "nothing came to {topic}, but {output:#?}");
            for line in of_topic {
                let payload = line["payload"].as_str().unwrap_or("null");
                writeln!(page, "{payload}").expect("text grows");
            }
        }
    }
    page
}

fn steps<'a>(lines: &[&'a str]) -> Vec<Step<'a>> {
    let mut steps: Vec<Step<'a>> = Vec::new();
    for line in lines {
        if let Some(head) = line.strip_prefix("> ") {
            let (topic, after) = head.split_once(" +").unwrap_or((head, "0 s"));
            let after: f64 = after.trim_end_matches(" s").parse().expect("a number of seconds");
            let after_ms = (after * 1000.0).round() as u64;
            steps.push(Step { lines: vec![line], topic, after_ms, shown: Vec::new() });
        } else {
            let step = steps.last_mut().expect("a block begins with a record");
            match line.strip_prefix("< ") {
                Some(topic) => step.shown.push(topic),
                None if step.shown.is_empty() => step.lines.push(line),
                None => {}
            }
        }
    }
    steps
}

fn record(step: &Step<'_>, time: u64) -> Value {
    let headers = step.lines[1..].iter().take_while(|line| !line.starts_with('{'));
    let headers: Vec<(&str, &str)> = headers.map(|line| line.split_once(": ").expect("a header")).collect();
    let body = step.lines[1..].iter().skip(headers.len()).copied().collect::<Vec<_>>().join("\n");
    let headers: Vec<&str> = headers.into_iter().flat_map(|(name, value)| [name, value]).collect();
    json!({"topic": step.topic, "ts": time, "headers": headers, "payload": body})
}

fn replay(options: &[&str], input: &str) -> Vec<Value> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut command = Command::new(env!("CARGO_BIN_EXE_otp-stream"));
    for (name, _) in std::env::vars_os().filter(|(name, _)| name.to_string_lossy().starts_with("OTP_STREAM"))
    {
        command.env_remove(name);
    }
    let keys = root.join("tests/corpus/test-keys.toml");
    let mut child = command
        .args(["--set", &format!("keys.file={}", keys.display())])
        .args(options.iter().flat_map(|line| line.splitn(2, ' ')))
        .args(["replay", "--ack", "--reveal"])
        .current_dir(root.join("tests/corpus"))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the program can be started");
    child.stdin.take().expect("a pipe").write_all(input.as_bytes()).expect("it reads its input");
    let output = child.wait_with_output().expect("it ends");
    assert!(output.status.success(), "{}\n{input}", String::from_utf8_lossy(&output.stderr));
    let lines = String::from_utf8(output.stdout).expect("lines are UTF-8");
    lines.lines().map(|line| serde_json::from_str(line).expect("lines are JSON")).collect()
}
