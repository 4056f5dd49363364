//! Records that a file asks for, and what is wrong with it.

use std::collections::BTreeMap;

use super::{Place, Problem};
use crate::cli::Failure;

/// A record before it is judged.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Draft {
    pub place: Place,
    pub key: String,
    /// `None`: a tombstone.
    pub value: Option<Vec<u8>>,
}

/// What was read of a file.
#[derive(Debug, Default)]
pub(crate) struct Batch {
    pub drafts: Vec<Draft>,
    pub problems: Vec<Problem>,
    /// Entries that are good and that this service has no use for.
    pub left_out: u64,
}

/// Records that may be produced.
#[derive(Debug)]
pub(crate) struct Accepted {
    pub drafts: Vec<Draft>,
    /// The problems of the entries that were skipped.
    pub skipped: Vec<Problem>,
    pub left_out: u64,
}

impl Batch {
    /// Judges every record. A key may come once; the same record again counts as left out.
    #[must_use]
    pub(crate) fn judged(mut self, judge: impl Fn(&Draft) -> Result<(), Problem>) -> Self {
        let mut first: BTreeMap<String, Draft> = BTreeMap::new();
        let mut good = Vec::with_capacity(self.drafts.len());
        for draft in self.drafts {
            if let Err(problem) = judge(&draft) {
                self.problems.push(problem);
                continue;
            }
            match first.get(&draft.key) {
                Some(known) if known.value == draft.value => self.left_out += 1,
                Some(known) => {
                    let what = match known.place.line {
                        Some(line) => format!("another value for the key {} than in line {line}", draft.key),
                        None => format!("a second value for the key {}", draft.key),
                    };
                    self.problems.push(Problem::new(draft.place, what, "keep one of them"));
                }
                None => {
                    first.insert(draft.key.clone(), draft.clone());
                    good.push(draft);
                }
            }
        }
        self.problems.sort_by_key(|problem| problem.place.line);
        Self { drafts: good, ..self }
    }

    /// The records, unless something is wrong. `skip_bad`: what is wrong is skipped.
    ///
    /// # Errors
    /// Everything that is wrong, or there is no record at all.
    pub(crate) fn accepted(self, file: &str, skip_bad: bool) -> Result<Accepted, Failure> {
        if !self.problems.is_empty() && !skip_bad {
            let advice = "nothing was produced; correct the file, or give --skip-bad to produce the rest";
            return Err(Failure::Usage(Problem::list(&self.problems, file, advice)));
        }
        if self.drafts.is_empty() {
            let mut lines = Problem::list(&self.problems, file, "");
            if !lines.is_empty() {
                lines.push('\n');
            }
            let left_out = self.left_out;
            lines
                .push_str(&format!("{file}: no record for this service ({left_out} entries are not for it)"));
            return Err(Failure::Usage(lines));
        }
        Ok(Accepted { drafts: self.drafts, skipped: self.problems, left_out: self.left_out })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn draft(line: u64, key: &str, value: &str) -> Draft {
        Draft { place: Place::new(line, ""), key: key.to_owned(), value: Some(value.into()) }
    }

    fn judge(draft: &Draft) -> Result<(), Problem> {
        match draft.value.as_deref() {
            Some(b"bad") => Err(Problem::new(draft.place.clone(), "it is bad", "mend it")),
            Some(_) | None => Ok(()),
        }
    }

    #[test]
    fn one_bad_entry_stops_all_unless_it_is_skipped() {
        let check = |drafts: &[Draft], skip: bool, expected: Result<(&[&str], usize, u64), &str>| {
            let batch = Batch { drafts: drafts.to_vec(), ..Batch::default() };
            match (batch.judged(judge).accepted("f.json", skip), expected) {
                (Ok(accepted), Ok((keys, skipped, left_out))) => {
                    let found: Vec<_> = accepted.drafts.iter().map(|it| it.key.as_str()).collect();
                    assert_eq!(
                        (found.as_slice(), accepted.skipped.len(), accepted.left_out),
                        (keys, skipped, left_out)
                    );
                }
                (Err(Failure::Usage(text)), Err(expected)) => assert_eq!(text, expected),
                (found, expected) => panic!("{found:?} instead of {expected:?}"),
            }
        };
        let (good, bad) = (draft(1, "a", "1"), draft(2, "b", "bad"));
        let rest = "nothing was produced; correct the file, or give --skip-bad to produce the rest";
        check(std::slice::from_ref(&good), false, Ok((&["a"], 0, 0)));
        check(&[good.clone(), draft(3, "a", "1")], false, Ok((&["a"], 0, 1)));
        check(&[good.clone(), bad.clone()], true, Ok((&["a"], 1, 0)));
        check(
            &[good.clone(), bad.clone()],
            false,
            Err(&format!("f.json, line 2: it is bad; mend it\n{rest}")),
        );
        let twice = "f.json, line 9: another value for the key a than in line 1; keep one of them";
        check(&[good, draft(9, "a", "2")], false, Err(&format!("{twice}\n{rest}")));
        let none = "f.json, line 2: it is bad; mend it\nf.json: no record for this service (0 entries are not for it)";
        check(&[bad], true, Err(none));
    }
}
