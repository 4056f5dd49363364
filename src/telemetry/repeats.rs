//! Log lines about faults, which repeat while a fault lasts: each is written once, then once a minute with a count.
//!
//! A line is about a fault if it has a field `reason`, `error`, `remedy` or `line` (librdkafka's own). Two lines are the
//! same if they come from the same place in the code and differ in numbers only. Every room logs plainly; nothing but this
//! file counts.

use std::collections::HashMap;
use std::fmt::{self, Debug, Write};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use tracing::field::{Field, Visit};
use tracing::{Event, Subscriber};
use tracing_subscriber::fmt::format::Writer;
use tracing_subscriber::fmt::{FmtContext, FormatEvent, FormatFields};
use tracing_subscriber::registry::LookupSpan;

use crate::config::LogFormat;

/// Shortest time between two lines about the same fault.
const INTERVAL: Duration = Duration::from_secs(60);
/// Lines that are remembered; the oldest is forgotten.
const LINES_MAX: usize = 256;
/// A line with one of these fields is about a fault.
const FAULT_FIELDS: [&str; 4] = ["reason", "error", "remedy", "line"];
/// Its text differs each time, and is no part of what a line is about.
const DETAIL: &str = "detail";

/// Formats as `inner` does, and leaves out repeated lines.
pub(super) struct WithoutRepeats<F> {
    inner: F,
    format: LogFormat,
    repeats: Mutex<Repeats>,
}

/// When each line was last written, and how often it came since.
#[derive(Default)]
struct Repeats {
    lines: HashMap<String, Repeat>,
}

struct Repeat {
    written: Instant,
    count: u64,
}

/// What a line is about: its place in the code and its texts, without digits.
struct About {
    text: String,
    is_fault: bool,
}

struct WithoutDigits<'a>(&'a mut String);

impl<F> WithoutRepeats<F> {
    pub(super) fn new(inner: F, format: LogFormat) -> Self {
        Self { inner, format, repeats: Mutex::default() }
    }
}

impl<S, N, F> FormatEvent<S, N> for WithoutRepeats<F>
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'writer> FormatFields<'writer> + 'static,
    F: FormatEvent<S, N>,
{
    fn format_event(
        &self,
        context: &FmtContext<'_, S, N>,
        mut writer: Writer<'_>,
        event: &Event<'_>,
    ) -> fmt::Result {
        let about = About::of(event);
        let times = match about.is_fault {
            true => self.repeats.lock().unwrap_or_else(PoisonError::into_inner).seen(about.text, now()),
            false => Some(1),
        };
        match times {
            None => Ok(()),
            Some(1) => self.inner.format_event(context, writer, event),
            Some(times) => {
                let mut line = String::new();
                self.inner.format_event(context, Writer::new(&mut line), event)?;
                writer.write_str(&with_times(line.trim_end(), times, self.format))
            }
        }
    }
}

fn with_times(line: &str, times: u64, format: LogFormat) -> String {
    match format {
        LogFormat::Text => format!("{line} times={times}\n"),
        LogFormat::Json => {
            let members = line.strip_suffix('}').unwrap_or(line);
            format!("{members},\"times\":{times}}}\n")
        }
    }
}

impl Repeats {
    /// How often a line came since it was last written, if it is due.
    fn seen(&mut self, about: String, now: Instant) -> Option<u64> {
        if let Some(repeat) = self.lines.get_mut(&about) {
            repeat.count += 1;
            let is_due = now.duration_since(repeat.written) >= INTERVAL;
            return is_due.then(|| {
                repeat.written = now;
                std::mem::take(&mut repeat.count)
            });
        }
        if self.lines.len() >= LINES_MAX
            && let Some((oldest, _)) = self.lines.iter().min_by_key(|(_, repeat)| repeat.written)
        {
            let oldest = oldest.clone();
            self.lines.remove(&oldest);
        }
        self.lines.insert(about, Repeat { written: now, count: 0 });
        Some(1)
    }
}

impl About {
    fn of(event: &Event<'_>) -> Self {
        let metadata = event.metadata();
        let text = format!("{} {:?} ", metadata.target(), metadata.line());
        let mut about = Self { text, is_fault: false };
        event.record(&mut about);
        about
    }

    fn add(&mut self, field: &Field, value: fmt::Arguments<'_>) {
        self.is_fault |= FAULT_FIELDS.contains(&field.name());
        if field.name() != DETAIL {
            let written = WithoutDigits(&mut self.text).write_fmt(value);
            debug_assert!(written.is_ok(), "a text takes every character");
        }
    }
}

impl Visit for About {
    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        self.add(field, format_args!("{value:?} "));
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.add(field, format_args!("{value} "));
    }

    fn record_f64(&mut self, _: &Field, _: f64) {}

    fn record_i64(&mut self, _: &Field, _: i64) {}

    fn record_u64(&mut self, _: &Field, _: u64) {}
}

impl Write for WithoutDigits<'_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        self.0.extend(text.chars().filter(|it| !it.is_ascii_digit()));
        Ok(())
    }
}

#[expect(clippy::disallowed_methods, reason = "paces log lines; decides nothing")]
fn now() -> Instant {
    Instant::now()
}

#[cfg(test)]
mod tests;
