//! Compares what processes report as done with what the reference counts: a commit reports what it did, once, and nothing
//! of what was aborted.

use otp_topology::contract::RequestEnd;
use otp_topology::otp::LogTime;
use otp_topology::task::Counters;

use crate::names::instance_name;
use crate::oracle::{Oracle, Verdict};

/// What is compared of counters, in any order.
#[derive(Debug, PartialEq, Eq)]
struct Facts {
    requests: Vec<(&'static str, &'static str, u64)>,
    replied: Vec<LogTime>,
    repeated: u64,
    dead_letters: Vec<((&'static str, &'static str), u64)>,
}

#[derive(Default)]
pub(super) struct Counted {
    /// By producer: committed transactions that nobody has reported. An instance that crashed reports nothing.
    decided: Vec<(usize, Facts)>,
    reported: Vec<(usize, Facts)>,
}

impl Counted {
    pub(super) fn decided(&mut self, producer: usize, counters: Counters) {
        self.decided.push((producer, Facts::of(counters)));
    }

    /// A process that lost its tasks during the commit reports that nothing was done.
    pub(super) fn reported(&mut self, producer: usize, counters: Counters) {
        if counters != Counters::default() {
            self.reported.push((producer, Facts::of(counters)));
        }
    }

    /// Every transaction whose outcome was logged is in the list of the decided ones.
    ///
    /// # Errors
    /// A report counts something else than its transaction did.
    pub(super) fn check(&mut self) -> Verdict {
        for report in std::mem::take(&mut self.reported) {
            let Some(at) = self.decided.iter().position(|it| *it == report) else {
                let (producer, counts) = report;
                let what = format!(
                    "{} reports {counts:?}, but no transaction of it did that",
                    instance_name(producer)
                );
                return Err(Oracle::Counted.violation(what));
            };
            self.decided.remove(at);
        }
        Ok(())
    }
}

impl Facts {
    fn of(counters: Counters) -> Self {
        let Counters { requests, mut replied, repeated, mut dead_letters, .. } = counters;
        let end = |(end, count): (RequestEnd, u64)| (end.operation, end.outcome, count);
        let mut requests: Vec<_> = requests.into_iter().map(end).collect();
        requests.sort();
        replied.sort();
        dead_letters.sort();
        Self { requests, replied, repeated, dead_letters }
    }
}
