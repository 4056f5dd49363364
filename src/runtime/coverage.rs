//! Whether the group has assigned every partition of the topics that are read, and when its members must join again.
//!
//! A static member that starts again gets its old assignment back without a rebalance. Partitions that were added
//! meanwhile then belong to nobody, for ever (KAFKA-13435). The same happens when the leader assigns by metadata that are
//! older than the addition. A member that knows all partitions and joins again leads to a rebalance if it is the group's
//! leader. Nobody knows who is, so the members of every process join again.
//!
//! Asks nobody: the topic watch does.

use std::collections::{BTreeMap, BTreeSet};

/// Looks that find a partition without an owner before the members join again. One alone may fall into a rebalance.
const LOOKS_FIRST: u32 = 2;
/// The same, after the members have joined again. It doubles each time, up to the longest.
const LOOKS_AGAIN: u32 = 3;
const LOOKS_MAX: u32 = 60;
/// Partitions that a text names.
const NAMED_MAX: usize = 8;

#[derive(Debug)]
pub(super) struct Coverage {
    /// Looks before the members join again.
    left: u32,
    /// The same, for the time after that.
    next: u32,
}

impl Default for Coverage {
    fn default() -> Self {
        Self { left: LOOKS_FIRST, next: LOOKS_AGAIN }
    }
}

impl Coverage {
    /// Takes what a look has found. Returns whether the members must join again.
    pub(super) fn looked(&mut self, is_complete: bool) -> bool {
        if is_complete {
            *self = Self::default();
            return false;
        }
        self.left -= 1;
        let is_due = self.left == 0;
        if is_due {
            (self.left, self.next) = (self.next, (2 * self.next).min(LOOKS_MAX));
        }
        is_due
    }
}

/// The partitions, by topic, that no member has. `counts`: of every topic that is read.
pub(super) fn unassigned(
    counts: &BTreeMap<&str, i32>,
    assigned: Vec<(String, i32)>,
) -> BTreeMap<String, Vec<i32>> {
    let assigned: BTreeSet<_> = assigned.into_iter().collect();
    let mut missing = BTreeMap::new();
    for (topic, count) in counts {
        let is_missing = |partition: &i32| !assigned.contains(&((*topic).to_owned(), *partition));
        let partitions: Vec<i32> = (0..*count).filter(is_missing).collect();
        if !partitions.is_empty() {
            missing.insert((*topic).to_owned(), partitions);
        }
    }
    missing
}

/// What keeps requests from being answered, for the operator.
pub(super) fn described(topic: &str, partitions: &[i32]) -> String {
    let named: Vec<String> = partitions.iter().take(NAMED_MAX).map(ToString::to_string).collect();
    let more = if partitions.len() > NAMED_MAX { ", …" } else { "" };
    let named = named.join(", ");
    format!(
        "partition {named}{more} of `{topic}` is assigned to no member of the group; the members join again"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn members_join_again_after_two_looks_and_then_less_and_less_often() {
        let mut coverage = Coverage::default();
        let mut due = Vec::new();
        for look in 1..200 {
            if coverage.looked(false) {
                due.push(look);
            }
        }
        assert_eq!(due, [2, 5, 11, 23, 47, 95, 155]);
        assert!(!coverage.looked(true));
        assert!(!coverage.looked(false), "a partition without an owner may be a rebalance");
        assert!(coverage.looked(false));
    }

    #[test]
    fn a_partition_that_nobody_has_is_named() {
        let counts = BTreeMap::from([("requests", 12), ("admin", 2)]);
        let assigned = [("admin", 0), ("admin", 1), ("requests", 1), ("requests", 2), ("gone", 7)];
        let assigned = assigned.map(|(topic, partition)| (topic.to_owned(), partition)).to_vec();
        let missing = unassigned(&counts, assigned);
        assert_eq!(missing, BTreeMap::from([("requests".to_owned(), vec![0, 3, 4, 5, 6, 7, 8, 9, 10, 11])]));
        let text = described("requests", &missing["requests"]);
        assert!(text.starts_with("partition 0, 3, 4, 5, 6, 7, 8, 9, … of `requests` is assigned"), "{text}");
    }
}
