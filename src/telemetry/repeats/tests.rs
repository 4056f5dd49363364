//! Which lines are written, and how a repeated one is counted.

use std::io;
use std::sync::Arc;

use tracing_subscriber::fmt::MakeWriter;

use super::*;

#[derive(Clone, Default)]
struct Written(Arc<Mutex<Vec<u8>>>);

impl io::Write for Written {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().expect("no panic").write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl<'a> MakeWriter<'a> for Written {
    type Writer = Self;

    fn make_writer(&'a self) -> Self {
        self.clone()
    }
}

/// The lines that are written while `log` runs.
fn lines(log: impl FnOnce()) -> Vec<String> {
    let written = Written::default();
    let lines = tracing_subscriber::fmt().without_time().with_ansi(false).with_writer(written.clone());
    let lines = lines.map_event_format(|inner| WithoutRepeats::new(inner, LogFormat::Text)).finish();
    tracing::subscriber::with_default(lines, log);
    let text = String::from_utf8(written.0.lock().expect("no panic").clone()).expect("a log is text");
    text.lines().map(|line| line.rsplit_once("tests: ").map_or(line, |(_, line)| line).to_owned()).collect()
}

#[test]
fn a_line_about_a_fault_is_written_once_whatever_numbers_it_has() {
    let written = lines(|| {
        for task in 0..48 {
            let reason = format!("offset {task} of `requests`");
            tracing::error!(task, %reason, "task failed");
            tracing::warn!(error = reason, "purge failed");
        }
    });
    assert_eq!(
        written,
        ["task failed task=0 reason=offset 0 of `requests`", "purge failed error=\"offset 0 of `requests`\""]
    );
}

#[test]
fn lines_with_other_texts_from_other_places_or_about_no_fault_are_all_written() {
    let written = lines(|| {
        for topic in ["a", "b"] {
            tracing::error!(topic, reason = "gone", "task failed");
        }
        tracing::error!(topic = "a", reason = "gone", "task failed");
        for records in 0..3 {
            tracing::error!(topic = "a", records, "retention removed records");
        }
    });
    assert_eq!(written.len(), 6, "{written:#?}");
}

#[test]
fn what_librdkafka_adds_as_detail_makes_no_other_line() {
    let written = lines(|| {
        for detail in ["broker a refused", "broker b refused"] {
            tracing::warn!(remedy = "start them", detail, "the brokers cannot be reached");
        }
    });
    assert_eq!(written.len(), 1, "{written:#?}");
}

#[test]
fn a_repeated_line_comes_again_each_minute_with_a_count() {
    let (mut repeats, begin) = (Repeats::default(), now());
    for (second, about, expected) in [
        (0, "a", Some(1)),
        (0, "a", None),
        (59, "a", None),
        (59, "b", Some(1)),
        (60, "a", Some(3)),
        (61, "a", None),
        (119, "a", None),
        (119, "b", Some(1)),
        (500, "a", Some(3)),
    ] {
        let seen = repeats.seen(about.to_owned(), begin + Duration::from_secs(second));
        assert_eq!(seen, expected, "{about} at {second} s");
    }
}

#[test]
fn the_oldest_line_is_forgotten_when_there_are_too_many() {
    let (mut repeats, begin) = (Repeats::default(), now());
    for line in 0..=LINES_MAX {
        let at = begin + Duration::from_millis(line as u64);
        assert_eq!(repeats.seen(line.to_string(), at), Some(1), "{line}");
    }
    let at = begin + Duration::from_secs(1);
    assert_eq!(repeats.lines.len(), LINES_MAX);
    assert_eq!(repeats.seen("1".to_owned(), at), None);
    assert_eq!(repeats.seen("0".to_owned(), at), Some(1));
}

#[test]
fn the_count_is_the_last_field_of_a_line() {
    for (line, format, expected) in [
        ("WARN a: b c=1", LogFormat::Text, "WARN a: b c=1 times=7\n"),
        (r#"{"level":"WARN","c":1}"#, LogFormat::Json, "{\"level\":\"WARN\",\"c\":1,\"times\":7}\n"),
    ] {
        assert_eq!(with_times(line, 7, format), expected);
    }
}
