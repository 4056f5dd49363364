//! What a task did since the last commit. The metrics count it only after the commit.

use crate::contract::RequestEnd;
use crate::otp::{ContractName, LogTime};
use crate::wire::record::SourceTopic;

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Counters {
    /// Records processed, by source topic.
    pub records: Vec<(SourceTopic, u64)>,
    pub requests: Vec<(RequestEnd, u64)>,
    /// Members of requests that their contract does not have, where it counts them.
    pub unknown_members: Vec<(ContractName, u64)>,
    /// By stage and code.
    pub dead_letters: Vec<((&'static str, &'static str), u64)>,
    /// Records that were applied before.
    pub skipped: u64,
    pub forwarded: u64,
    /// Records for the next home of a request that visits several.
    pub hops: u64,
    /// Repeated requests that got the remembered reply.
    pub repeated: u64,
    pub expired: u64,
    /// Append times of the requests that got a new reply.
    pub replied: Vec<LogTime>,
    /// Keys of stored policies with a rule beyond the present bounds; the nearest bound was used instead.
    pub policies_beyond_bounds: Vec<String>,
    /// Requests with a deadline that cannot be read, by caller. They are served as if they had none.
    pub unreadable_deadlines: Vec<(String, u64)>,
}

impl Counters {
    pub fn count(&mut self, end: RequestEnd) {
        add(&mut self.requests, end, 1);
    }

    pub fn count_unknown_members(&mut self, contract: ContractName, count: usize) {
        if count > 0 {
            add(&mut self.unknown_members, contract, count as u64);
        }
    }

    pub fn count_dead_letter(&mut self, stage: &'static str, code: &'static str) {
        add(&mut self.dead_letters, (stage, code), 1);
    }

    pub fn count_unreadable_deadline(&mut self, caller: &str) {
        add(&mut self.unreadable_deadlines, caller.to_owned(), 1);
    }

    pub fn count_record(&mut self, topic: SourceTopic) {
        add(&mut self.records, topic, 1);
    }

    /// Moves everything that `other` counted into this.
    pub fn take_from(&mut self, other: &mut Self) {
        for (topic, count) in other.records.drain(..) {
            add(&mut self.records, topic, count);
        }
        for (end, count) in other.requests.drain(..) {
            add(&mut self.requests, end, count);
        }
        for (contract, count) in other.unknown_members.drain(..) {
            add(&mut self.unknown_members, contract, count);
        }
        for (at, count) in other.dead_letters.drain(..) {
            add(&mut self.dead_letters, at, count);
        }
        for (caller, count) in other.unreadable_deadlines.drain(..) {
            add(&mut self.unreadable_deadlines, caller, count);
        }
        self.replied.append(&mut other.replied);
        self.policies_beyond_bounds.append(&mut other.policies_beyond_bounds);
        for (sum, part) in [
            (&mut self.skipped, &mut other.skipped),
            (&mut self.forwarded, &mut other.forwarded),
            (&mut self.hops, &mut other.hops),
            (&mut self.repeated, &mut other.repeated),
            (&mut self.expired, &mut other.expired),
        ] {
            *sum += std::mem::take(part);
        }
    }
}

fn add<K: PartialEq>(counts: &mut Vec<(K, u64)>, key: K, count: u64) {
    match counts.iter_mut().find(|(it, _)| *it == key) {
        Some((_, sum)) => *sum += count,
        None => counts.push((key, count)),
    }
}
