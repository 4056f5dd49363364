//! Prints the story: the SMS and the outcome in plain words, and on request every event in full.
//!
//! In colour on a terminal; plain elsewhere and under `NO_COLOR`.

use std::io::{IsTerminal as _, stdout};

use otp_topology::otp::LogTime;
use serde_json::Value;

use super::story::StoryStep;

pub(super) struct Screen {
    colour: bool,
    /// Prints every event in full.
    events: bool,
}

/// An event to print.
pub(super) struct ShownEvent {
    pub topic: String,
    pub kind: String,
    pub key: String,
    pub value: String,
    pub id: String,
    /// Log time.
    pub time: LogTime,
}

const BOLD: &str = "1";
const DIM: &str = "2";
const RED: &str = "31";
const GREEN: &str = "32";
const YELLOW: &str = "33";
const CYAN: &str = "36";

impl Screen {
    pub(super) fn new(events: bool) -> Self {
        Self { colour: stdout().is_terminal() && std::env::var_os("NO_COLOR").is_none(), events }
    }

    pub(super) fn opening(&self, cluster: Option<&str>) {
        println!("{}", self.paint(BOLD, "otp-stream: one-time passwords as events"));
        match cluster {
            Some(servers) => println!("On the cluster at {servers}, with topics of its own (demo-…).\n"),
            None => println!("On a mock cluster inside this process; it leaves nothing behind.\n"),
        }
    }

    pub(super) fn step(&self, number: usize, step: &StoryStep) {
        println!("{}", self.paint(BOLD, &format!("{number}. {}", step.title)));
        println!("   {}", self.paint(DIM, step.explanation));
    }

    /// Who asks for what; with `--events` also the request event.
    pub(super) fn request(&self, sentence: &str, topic: &str, value: &str) {
        println!("   {sentence}");
        if self.events {
            println!("   {} {}", self.paint(YELLOW, "──▶"), self.paint(YELLOW, topic));
            println!("       {value}");
        }
    }

    pub(super) fn event(&self, event: &ShownEvent) {
        if self.events {
            let what = format!("{} ({})", event.topic, event.kind);
            println!("   {} {}", self.paint(GREEN, "◀──"), self.paint(CYAN, &what));
            println!("       {}", event.value);
            println!("       {}", self.paint(DIM, &format!("key {}  ce_id {}", event.key, event.id)));
        }
    }

    /// The SMS, then the outcome, from all events that followed one request.
    pub(super) fn outcome(&self, events: &[ShownEvent]) {
        for sms in values(events, "sms") {
            self.phone(text(&sms, "mobileNumber"), text(&sms, "message"));
        }
        for result in values(events, "validation-result") {
            println!("   {}", self.verdict(text(&result, "result") == "accepted", &reason(&result)));
        }
        if values(events, "issued").next().is_some() {
            let how = if values(events, "sms").next().is_some() {
                "a code was issued and sent"
            } else {
                "a code was issued; the reply shows it"
            };
            println!("   {}", self.verdict(true, how));
        }
        for locked in values(events, "locked") {
            let lock_ms = locked["lockedUntil"].as_i64().zip(locked["occurredAt"].as_i64());
            let minutes = lock_ms.map_or(0, |(until, from)| (until - from) / 60_000);
            println!("   {}", self.paint(YELLOW, &format!("The number is locked for {minutes} minutes.")));
        }
    }

    pub(super) fn end_of_step(&self) {
        println!();
    }

    pub(super) fn ending(&self, is_mock: bool) {
        println!("{}", self.paint(BOLD, "Done: every expected event arrived."));
        if !self.events {
            println!("The events in full: the same command with --events.");
        }
        if is_mock {
            println!(
                "The mock cluster ignores how transactions end, so this run does not show exactly-once processing. \
                 For a real Kafka: `./dev kafka start`, then `./dev demo`."
            );
        } else {
            println!(
                "The topics of this run stay on the cluster: delete them when you do not need them any more."
            );
        }
        println!("Next: README.md, \"By hand\".");
    }

    /// The SMS as a phone shows it.
    fn phone(&self, number: &str, message: &str) {
        let width = message.chars().count().max(number.chars().count() + 7);
        let rule = "─".repeat(width + 2);
        println!("      ┌{rule}┐");
        println!("      │ {:width$} │", format!("SMS to {number}"));
        println!("      │ {}{} │", self.paint(BOLD, message), " ".repeat(width - message.chars().count()));
        println!("      └{rule}┘");
    }

    fn verdict(&self, is_accepted: bool, why: &str) -> String {
        if is_accepted {
            format!("{} {why}.", self.paint(GREEN, "✓ Accepted:"))
        } else {
            format!("{} {why}.", self.paint(RED, "✗ Refused:"))
        }
    }

    fn paint(&self, code: &str, text: &str) -> String {
        if self.colour { format!("\x1b[{code}m{text}\x1b[0m") } else { text.to_owned() }
    }
}

/// The values of all events of one kind.
fn values<'a>(events: &'a [ShownEvent], kind: &'a str) -> impl Iterator<Item = Value> + 'a {
    events
        .iter()
        .filter(move |event| event.kind == kind)
        .map(|event| serde_json::from_str(&event.value).unwrap_or_default())
}

fn text<'a>(value: &'a Value, member: &str) -> &'a str {
    value[member].as_str().unwrap_or_default()
}

/// Why a validation was accepted or refused, in words.
fn reason(result: &Value) -> String {
    let words = match text(result, "reason") {
        "verified" => "the code is right",
        "wrong_code" => "the code is wrong",
        "already_used" => "the code was used before",
        "expired" => "the code has expired",
        "locked" => "the number is locked",
        other => other,
    };
    match result["attemptsRemaining"].as_i64() {
        Some(0) => format!("{words}, no try left"),
        Some(1) => format!("{words}, 1 try left"),
        Some(tries) => format!("{words}, {tries} tries left"),
        None => words.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reason_is_told_in_words_with_the_tries_that_are_left() {
        for (result, expected) in [
            (r#"{"reason":"verified","attemptsRemaining":null}"#, "the code is right"),
            (r#"{"reason":"wrong_code","attemptsRemaining":2}"#, "the code is wrong, 2 tries left"),
            (r#"{"reason":"wrong_code","attemptsRemaining":1}"#, "the code is wrong, 1 try left"),
            (r#"{"reason":"a_new_one"}"#, "a_new_one"),
        ] {
            assert_eq!(reason(&serde_json::from_str(result).expect("JSON")), expected);
        }
    }
}
