//! How the story looks: in colour on a terminal, plain elsewhere and under NO_COLOR.

use std::io::{IsTerminal as _, stdout};

use super::story::Step;

pub(super) struct Paper {
    colour: bool,
}

/// An event to show.
pub(super) struct Shown<'a> {
    pub topic: &'a str,
    pub kind: &'a str,
    pub key: &'a str,
    pub value: &'a str,
    pub id: &'a str,
}

const BOLD: &str = "1";
const DIM: &str = "2";
const GREEN: &str = "32";
const YELLOW: &str = "33";
const CYAN: &str = "36";

impl Paper {
    pub fn new() -> Self {
        Self { colour: stdout().is_terminal() && std::env::var_os("NO_COLOR").is_none() }
    }

    pub fn opening(&self, cluster: Option<&str>) {
        println!("{}", self.paint(BOLD, "otp-stream: one-time passwords as events"));
        match cluster {
            Some(servers) => println!("On the real cluster at {servers}, with topics of its own (demo-…).\n"),
            None => println!("On a mock cluster inside this process; nothing outside is touched.\n"),
        }
    }

    pub fn step(&self, number: usize, step: &Step) {
        println!("{}", self.paint(BOLD, &format!("{number}. {}", step.title)));
        println!("   {}", step.tells);
    }

    pub fn asked(&self, topic: &str, value: &str) {
        println!("   {} {}", self.paint(YELLOW, "──▶"), self.paint(YELLOW, topic));
        println!("       {value}");
    }

    pub fn event(&self, it: &Shown<'_>) {
        let what = format!("{} ({})", it.topic, it.kind);
        println!("   {} {}", self.paint(GREEN, "◀──"), self.paint(CYAN, &what));
        println!("       {}", self.emphasised(it.value));
        println!("       {}", self.paint(DIM, &format!("key {}  ce_id {}", it.key, it.id)));
    }

    pub fn gap(&self) {
        println!();
    }

    pub fn ending(&self, is_mock: bool) {
        println!("{}", self.paint(BOLD, "Every event that the story expects was seen."));
        if is_mock {
            println!(
                "What the mock cannot show: exactly-once. It ignores how transactions end. `./dev kafka start` and \
                 `./dev demo` tell the same story on a real Kafka; `./dev test` kills the service there, again and again."
            );
        } else {
            println!(
                "Its topics stay on the cluster under the names shown above; delete them when you have seen enough."
            );
        }
        println!("Next: README.md, \"By hand\".");
    }

    /// What the story is about stands out of the JSON around it.
    fn emphasised(&self, json: &str) -> String {
        let mut text = json.to_owned();
        for name in
            ["message", "type", "result", "reason", "attempts", "isSuccessful", "isValidationSuccessful"]
        {
            let Some(at) = text.find(&format!("\"{name}\":")) else { continue };
            let value = at + name.len() + 3;
            let end = match text[value..].strip_prefix('"') {
                Some(inner) => value + inner.find('"').map_or(0, |end| end + 2),
                None => value + text[value..].find([',', '}']).unwrap_or(0),
            };
            if end > value && &text[value..end] != "null" {
                text.replace_range(at..end, &self.paint(BOLD, &text[at..end]));
            }
        }
        text
    }

    fn paint(&self, code: &str, text: &str) -> String {
        if self.colour { format!("\x1b[{code}m{text}\x1b[0m") } else { text.to_owned() }
    }
}
