//! What a worker was asked and has not answered: questions of one kind are answered together.
//!
//! Knows no cluster: who asks it is an argument.

use std::collections::{BTreeMap, BTreeSet};

use otp_topology::otp::LogTime;
use otp_topology::thread::{AssignmentId, Question, RecoveryUnit};
use otp_topology::wire::record::SourcePartition;

use crate::kafka::EdgeError;

/// A changelog end with at most this many records is a tail: reading it takes less time than waiting for it. All tails of one
/// group together need no more memory than one long restore.
const TAIL_RECORDS_MAX: i64 = 4_000;

/// Topic and number.
pub(super) type Partition = (String, i32);

#[derive(Default)]
pub(super) struct Asked {
    pub stable: Vec<UnitQuestion>,
    pub ranges: Vec<UnitQuestion>,
    pub restores: Vec<Restore>,
    pub ends: Vec<EndsQuestion>,
    /// Partitions of the repartition topic, with the first offset that stays.
    pub purges: Vec<(i32, i64)>,
}

pub(super) struct UnitQuestion {
    pub assignment: AssignmentId,
    pub unit: RecoveryUnit,
    pub sources: Vec<SourcePartition>,
}

#[derive(Clone, Copy)]
pub(super) struct Restore {
    pub assignment: AssignmentId,
    pub task: i32,
    pub from: i64,
    pub bound: i64,
}

pub(super) struct EndsQuestion {
    pub assignment: AssignmentId,
    pub asked_at: LogTime,
    pub sources: Vec<SourcePartition>,
}

impl Asked {
    pub(super) fn add(&mut self, question: Question) {
        match question {
            Question::StableOffsets { assignment, unit, sources } => {
                self.stable.push(UnitQuestion { assignment, unit, sources });
            }
            Question::OffsetRanges { assignment, unit, sources } => {
                self.ranges.push(UnitQuestion { assignment, unit, sources });
            }
            Question::Restore { assignment, task, from, bound } => {
                self.restores.push(Restore { assignment, task, from, bound });
            }
            Question::InputEnds { assignment, asked_at, sources } => {
                self.ends.push(EndsQuestion { assignment, asked_at, sources });
            }
            Question::Purge { partition, before } => self.purges.push((partition, before)),
        }
    }

    /// Drops the questions of assignments that have ended. A purge stays useful.
    pub(super) fn drop_ended(&mut self, has_ended: impl Fn(AssignmentId) -> bool) {
        self.stable.retain(|it| !has_ended(it.assignment));
        self.ranges.retain(|it| !has_ended(it.assignment));
        self.restores.retain(|it| !has_ended(it.assignment));
        self.ends.retain(|it| !has_ended(it.assignment));
    }
}

impl Restore {
    pub(super) fn is_tail(&self) -> bool {
        self.bound - self.from <= TAIL_RECORDS_MAX
    }
}

/// Asks for the partitions of several questions at once. If that fails, asks for each question alone, so that a partition
/// without a leader fails only what it belongs to. Asks no more once it `is_over`: the last failure answers the rest.
pub(super) fn ask_together<T: Clone>(
    asked: &[Vec<Partition>],
    is_over: impl Fn() -> bool,
    ask: impl Fn(&[Partition]) -> Result<Vec<T>, EdgeError>,
) -> Vec<Result<Vec<T>, String>> {
    let mut failure = String::new();
    if asked.len() > 1 {
        let all: BTreeSet<&Partition> = asked.iter().flatten().collect();
        let all: Vec<Partition> = all.into_iter().cloned().collect();
        match ask(&all) {
            Ok(answers) => {
                let found: BTreeMap<Partition, T> = all.into_iter().zip(answers).collect();
                let of = |question: &Vec<Partition>| question.iter().map(|it| found[it].clone()).collect();
                return asked.iter().map(|question| Ok(of(question))).collect();
            }
            Err(error) => failure = error.to_string(),
        }
    }
    let mut alone = |question: &Vec<Partition>| {
        if !failure.is_empty() && is_over() {
            return Err(failure.clone());
        }
        ask(question).map_err(|error| {
            failure = error.to_string();
            failure.clone()
        })
    };
    asked.iter().map(&mut alone).collect()
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;

    use super::*;

    /// Asks for the partitions of each question, where partition 9 has no leader. `requests`: how many partitions each
    /// request must have.
    fn check(asked: &[&[i32]], expected: &[Option<&[i32]>], requests: &[usize]) {
        check_within(usize::MAX, asked, expected, requests);
    }

    /// The same, and it is over after `requests_max` requests.
    fn check_within(requests_max: usize, asked: &[&[i32]], expected: &[Option<&[i32]>], requests: &[usize]) {
        let named = |it: &&[i32]| it.iter().map(|number| ("t".to_owned(), *number)).collect();
        let asked: Vec<Vec<Partition>> = asked.iter().map(named).collect();
        let made = RefCell::new(Vec::new());
        let is_over = || made.borrow().len() >= requests_max;
        let answers = ask_together(&asked, is_over, |partitions| {
            made.borrow_mut().push(partitions.len());
            match partitions.iter().any(|(_, number)| *number == 9) {
                true => Err(EdgeError { what: "ends".to_owned(), code: None, text: "no leader".to_owned() }),
                false => Ok(partitions.iter().map(|(_, number)| number * 10).collect()),
            }
        });
        let answers: Vec<_> = answers.iter().map(|it| it.as_deref().ok()).collect();
        assert_eq!(answers, expected, "{asked:?}");
        assert_eq!(made.into_inner(), requests, "{asked:?}");
    }

    #[test]
    fn questions_are_asked_together_and_a_failure_stays_with_its_own() {
        check(&[], &[], &[]);
        check(&[&[1, 2]], &[Some(&[10, 20])], &[2]);
        check(&[&[2, 1], &[3, 1]], &[Some(&[20, 10]), Some(&[30, 10])], &[3]);
        check(&[&[1], &[9], &[2, 3]], &[Some(&[10]), None, Some(&[20, 30])], &[4, 1, 1, 2]);
        check_within(2, &[&[1], &[9], &[2, 3]], &[Some(&[10]), None, None], &[4, 1]);
        check_within(0, &[&[1, 2]], &[Some(&[10, 20])], &[2]);
    }
}
