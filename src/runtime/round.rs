//! What one round of polling brought.

use otp_topology::wire::json::JsonError;
use otp_topology::wire::record::{RecordBatch, SourcePartition};

use crate::kafka::FetchedRecord;

/// Records that are handed on at a time, so that the producer can work on their output early, and the end of a call is
/// noticed soon.
const CHUNK_RECORDS_MAX: usize = 100;

#[derive(Default)]
pub(super) struct Round {
    pub chunks: Vec<RecordBatch>,
    /// Nothing is left to read, and no more records are waited for.
    pub caught_up: bool,
    /// There was no room for records: the end of the call under way is waited for.
    pub is_full: bool,
    pub ends: Vec<(SourcePartition, i64)>,
    pub assigned: Option<Vec<SourcePartition>>,
    /// The group took the assignment away without asking.
    pub is_lost: bool,
    pub out_of_range: Vec<SourcePartition>,
}

impl Round {
    /// Adds a record with this value. Returns its size in bytes.
    pub(super) fn push(
        &mut self,
        record: &FetchedRecord<'_>,
        value: Option<&[u8]>,
        undecodable: Option<JsonError>,
    ) -> usize {
        if self.chunks.last().is_none_or(|chunk| chunk.len() >= CHUNK_RECORDS_MAX) {
            self.chunks.push(RecordBatch::default());
        }
        let chunk = self.chunks.last_mut().expect("one was added");
        let before = chunk.size_bytes();
        record.push_to(chunk, value, undecodable);
        chunk.size_bytes() - before
    }
}
