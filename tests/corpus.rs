//! Recorded lines: `otp-stream replay` gives the recorded output, byte for byte.
//!
//! Decides nothing about what is right: the output is what the program gave when the lines were recorded. How to
//! record is in `tests/corpus/README.md`.
//!
//! ```text
//! corpus/<name>/{arguments.txt, config.toml?, input.jsonl} ─▶ otp-stream replay --ack ─▶ compared with output.jsonl
//! ```

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// Differences that one failure shows.
const SHOWN_MAX: usize = 5;
/// How much of a line is shown before the place from which it differs.
const CONTEXT_BYTES: usize = 60;

#[test]
fn every_recording_is_replayed_to_the_same_bytes() {
    let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/corpus");
    let entries = fs::read_dir(&corpus).expect("the corpus is a directory");
    let mut recordings: Vec<PathBuf> =
        entries.map(|entry| entry.expect("it can be listed").path()).filter(|path| path.is_dir()).collect();
    recordings.sort();
    assert!(!recordings.is_empty(), "{} holds no recording", corpus.display());
    let mut report = String::new();
    for recording in &recordings {
        let found = replay(&corpus, recording);
        let file = recording.join("output.jsonl");
        if std::env::var_os("OTP_CORPUS_RECORD").is_some() {
            fs::write(&file, &found).expect("the recording can be written");
            continue;
        }
        let expected = fs::read_to_string(&file).expect("a recording has an output.jsonl");
        if found != expected {
            describe(&mut report, recording, &expected, &found);
        }
    }
    assert!(report.is_empty(), "{report}");
}

fn replay(corpus: &Path, recording: &Path) -> String {
    let arguments =
        fs::read_to_string(recording.join("arguments.txt")).expect("a recording has an arguments.txt");
    let mut command = Command::new(env!("CARGO_BIN_EXE_otp-stream"));
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("OTP_STREAM") {
            command.env_remove(name);
        }
    }
    let config = recording.join("config.toml");
    if config.exists() {
        command.arg("--config").arg(config);
    }
    command
        .args(["--set", &format!("keys.file={}", corpus.join("test-keys.toml").display()), "replay", "--ack"])
        .args(arguments.split_whitespace())
        .arg("--input")
        .arg(recording.join("input.jsonl"))
        .current_dir(corpus)
        .stdin(Stdio::null());
    let output = command.output().expect("the program can be started");
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{}: {}\n{errors}", recording.display(), output.status);
    String::from_utf8(output.stdout).expect("lines are UTF-8")
}

/// Shows the first differences: the input line, then what is missing and what is new after it.
fn describe(report: &mut String, recording: &Path, expected: &str, found: &str) {
    let input = fs::read_to_string(recording.join("input.jsonl")).expect("a recording has an input.jsonl");
    let input: Vec<&str> = input.lines().collect();
    let (expected, found) = (groups(expected), groups(found));
    let differing: Vec<usize> =
        (0..expected.len().max(found.len())).filter(|at| expected.get(*at) != found.get(*at)).collect();
    writeln!(report, "{}: {} input lines differ", recording.display(), differing.len()).expect("text grows");
    for at in differing.iter().take(SHOWN_MAX) {
        let none = Vec::new();
        let (was, is) = (expected.get(*at).unwrap_or(&none), found.get(*at).unwrap_or(&none));
        let number = number_of(was).or_else(|| number_of(is));
        let line = number.and_then(|number| input.get(number - 1)).unwrap_or(&"(no such line)");
        writeln!(report, "  after line {}: {line}", number.unwrap_or_default()).expect("text grows");
        let gone: Vec<&str> = was.iter().copied().filter(|line| !is.contains(line)).collect();
        let new: Vec<&str> = is.iter().copied().filter(|line| !was.contains(line)).collect();
        for at in 0..gone.len().max(new.len()) {
            let (gone, new) = (gone.get(at).unwrap_or(&""), new.get(at).unwrap_or(&""));
            let same = gone.bytes().zip(new.bytes()).take_while(|(one, other)| one == other).count();
            writeln!(report, "    - {}\n    + {}", excerpt(gone, same), excerpt(new, same))
                .expect("text grows");
        }
    }
}

/// The beginning of a line, and what stands around the place from which it differs.
fn excerpt(line: &str, at: usize) -> String {
    let boundary = |at: usize| (0..=at.min(line.len())).rev().find(|at| line.is_char_boundary(*at));
    let part = |from: usize, to: usize| &line[boundary(from).unwrap_or(0)..boundary(to).unwrap_or(0)];
    let from = at.saturating_sub(CONTEXT_BYTES);
    if from <= 2 * CONTEXT_BYTES {
        return part(0, at + 2 * CONTEXT_BYTES).to_owned();
    }
    format!("{} … {}", part(0, CONTEXT_BYTES), part(from, at + 2 * CONTEXT_BYTES))
}

/// The output lines by the input line that they belong to; the last of each group is its acknowledgement.
fn groups(output: &str) -> Vec<Vec<&str>> {
    output.lines().collect::<Vec<_>>().split_inclusive(|line| is_ack(line)).map(<[&str]>::to_vec).collect()
}

/// The input line's number, counted from 1.
fn number_of(group: &[&str]) -> Option<usize> {
    let ack = group.last().filter(|line| is_ack(line))?;
    ack.trim_start_matches("{\"ack\":").trim_end_matches('}').parse().ok()
}

fn is_ack(line: &str) -> bool {
    line.starts_with("{\"ack\":")
}
