//! The group's committed offsets, and the offsets of transactions whose markers are not yet written.

use std::collections::BTreeMap;

use otp_topology::wire::record::SourcePartition;

#[derive(Clone, Debug, Default)]
pub(crate) struct Offsets {
    committed: BTreeMap<SourcePartition, i64>,
    pending: BTreeMap<usize, BTreeMap<SourcePartition, i64>>,
}

impl Offsets {
    pub(crate) fn pend(&mut self, producer: usize, offsets: &[(SourcePartition, i64)]) {
        self.pending.entry(producer).or_default().extend(offsets.iter().copied());
    }

    pub(crate) fn settle(&mut self, producer: usize, commit: bool) {
        let offsets = self.pending.remove(&producer).unwrap_or_default();
        if commit {
            self.committed.extend(offsets);
        }
    }

    /// The committed offsets of these partitions. `None`: a transaction with an offset of one of them is undecided (the
    /// broker replies `UNSTABLE_OFFSET_COMMIT`).
    pub(crate) fn stable(&self, sources: &[SourcePartition]) -> Option<Vec<(SourcePartition, Option<i64>)>> {
        let is_pending =
            |source: &SourcePartition| self.pending.values().any(|offsets| offsets.contains_key(source));
        if sources.iter().any(is_pending) {
            return None;
        }
        Some(sources.iter().map(|source| (*source, self.committed.get(source).copied())).collect())
    }

    pub(crate) fn get(&self, source: SourcePartition) -> Option<i64> {
        self.committed.get(&source).copied()
    }

    /// An operator sets the group's offsets to 0.
    pub(crate) fn reset(&mut self) {
        for offset in self.committed.values_mut() {
            *offset = 0;
        }
    }

    /// The group's offsets expire, or an operator deletes them.
    pub(crate) fn forget(&mut self, of: impl Fn(SourcePartition) -> bool) {
        self.committed.retain(|source, _| !of(*source));
    }
}
