//! What a command says about the records that it judged or produced.

use serde::Serialize;

use super::Accepted;
use crate::cli::{Failure, print};

/// What became of the records of a file. Prints as text for people, as JSON for programs.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Report<'a> {
    pub topic: &'a str,
    /// Whether the records are on the topic. If not they were only judged.
    pub produced: bool,
    /// Records with a value.
    pub put: usize,
    /// Tombstones.
    pub deleted: usize,
    /// Entries of the file that were wrong.
    pub skipped: Vec<SkippedEntry>,
    /// Entries of the file that this service has no use for, or that repeat another.
    pub left_out: u64,
    /// The keys of the records; absent where a key names a person.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub keys: Option<Vec<&'a str>>,
}

#[derive(Debug, Serialize)]
pub(crate) struct SkippedEntry {
    #[serde(skip_serializing_if = "Option::is_none")]
    line: Option<u64>,
    field: String,
    reason: String,
}

impl<'a> Report<'a> {
    /// `shows_keys`: the keys name no person.
    pub(crate) fn of(topic: &'a str, accepted: &'a Accepted, shows_keys: bool, produced: bool) -> Self {
        let deleted = accepted.drafts.iter().filter(|draft| draft.value.is_none()).count();
        let skipped = accepted.skipped.iter().map(|problem| SkippedEntry {
            line: problem.place.line,
            field: problem.place.field.clone(),
            reason: problem.what.clone(),
        });
        Self {
            topic,
            produced,
            put: accepted.drafts.len() - deleted,
            deleted,
            skipped: skipped.collect(),
            left_out: accepted.left_out,
            keys: shows_keys.then(|| accepted.drafts.iter().map(|draft| draft.key.as_str()).collect()),
        }
    }

    /// # Errors
    /// Standard output cannot be written.
    pub(crate) fn print(&self, as_json: bool) -> Result<(), Failure> {
        print(&if as_json { self.json() } else { self.text() })
    }

    fn json(&self) -> String {
        let mut text = serde_json::to_string(self).expect("a report is a plain value");
        text.push('\n');
        text
    }

    fn text(&self) -> String {
        let records = counted(self.put + self.deleted, "record", "records");
        let mut text = match (self.produced, self.deleted) {
            (true, 0) => format!("{records} produced to {}", self.topic),
            (true, deleted) => format!("{records} produced to {}, {deleted} of them deletions", self.topic),
            (false, 0) => format!("{records} good for {}, nothing produced", self.topic),
            (false, deleted) => {
                format!("{records} good for {}, {deleted} of them deletions, nothing produced", self.topic)
            }
        };
        if !self.skipped.is_empty() {
            text.push_str(&format!("; {} skipped", counted(self.skipped.len(), "bad entry", "bad entries")));
        }
        if self.left_out > 0 {
            text.push_str(&format!("; {} of the file left out", self.left_out));
        }
        text.push('\n');
        for key in self.keys.iter().flatten() {
            text.push_str(&format!("  {key}\n"));
        }
        text
    }
}

fn counted(count: usize, one: &str, several: &str) -> String {
    format!("{count} {}", if count == 1 { one } else { several })
}

#[cfg(test)]
mod tests {
    use super::super::{Draft, Place, Problem};
    use super::*;

    #[test]
    fn a_report_counts_and_names_keys_that_name_nobody() {
        let draft = |key: &str, value: Option<&str>| Draft {
            place: Place::default(),
            key: key.to_owned(),
            value: value.map(Into::into),
        };
        let accepted = Accepted {
            drafts: vec![draft("egov/pb", Some("{}")), draft("egov/ka", None)],
            skipped: vec![Problem::new(Place::new(7, "locale"), "it is missing", "add it")],
            left_out: 3,
        };
        let report = Report::of("otp-policy", &accepted, true, true);
        assert_eq!(
            report.text(),
            "2 records produced to otp-policy, 1 of them deletions; 1 bad entry skipped; 3 of the file left out\n  \
             egov/pb\n  egov/ka\n"
        );
        assert_eq!(
            report.json(),
            "{\"topic\":\"otp-policy\",\"produced\":true,\"put\":1,\"deleted\":1,\"skipped\":[{\"line\":7,\"field\":\
             \"locale\",\"reason\":\"it is missing\"}],\"leftOut\":3,\"keys\":[\"egov/pb\",\"egov/ka\"]}\n"
        );
        let silent = Report::of("user-directory", &accepted, false, false);
        assert_eq!(
            silent.text(),
            "2 records good for user-directory, 1 of them deletions, nothing produced; 1 bad entry skipped; 3 of the file \
             left out\n"
        );
        assert!(!silent.json().contains("egov/pb"), "{}", silent.json());
    }
}
