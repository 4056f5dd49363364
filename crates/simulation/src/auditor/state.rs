//! Checks the committed state after a transaction, from its bytes: the positions of the tasks, and that forgotten people
//! are gone. Shares no code with the tasks, so that it does not share their mistakes.

use std::rc::Rc;

use otp_topology::deployment::SourceKind;
use otp_topology::otp::Subject;
use otp_topology::state::decode_subject;
use otp_topology::wire::record::SourcePartition;

use super::Auditor;
use crate::broker::{Broker, DecidedTransaction, StoredRecord, TopicPartition};
use crate::oracle::{Oracle, Verdict};
use crate::records::{header, origin_of};

impl Auditor {
    /// # Errors
    /// A record was read, but the state has no position for it; or the group's offset differs from the position.
    pub(super) fn check_positions(&mut self, decided: &DecidedTransaction, broker: &Broker) -> Verdict {
        for (source, offset) in &decided.reads {
            let Some(task) = self.topology.task_of(source.topic, source.partition) else { continue };
            let at = self.house.source_place(*source);
            self.check_position(task, b'R', at, *offset + 1)?;
            if at.topic != self.repartition || self.reference.is_recreated() {
                continue;
            }
            let Some((_, record)) = broker.log(at).any(*offset) else { continue };
            // A barrier, or a hop: its own offset is its position.
            let has_kind = header(record, "otp.kind").is_some();
            if let Some((origin, offset)) = origin_of(record, &self.house).filter(|_| !has_kind) {
                self.check_position(task, b'A', origin, offset + 1)?;
            }
        }
        for (source, next) in &decided.offsets {
            self.check_offset(*source, *next, broker)?;
        }
        Ok(())
    }

    /// The group's offsets were deleted or set back on purpose.
    pub(crate) fn offsets_moved(&mut self) {
        self.offsets.clear();
    }

    fn check_offset(&mut self, source: SourcePartition, next: i64, broker: &Broker) -> Verdict {
        let at = self.house.source_place(source);
        let before = self.offsets.insert(source, next).unwrap_or(0);
        if next < before {
            let place = self.house.name(at);
            return Err(Oracle::Positions
                .violation(format!("the offset of {place} goes back from {before} to {next}")));
        }
        let has_group_offset = matches!(
            self.topology.source(source.topic).kind,
            SourceKind::Requests(_) | SourceKind::Admin | SourceKind::Repartition
        );
        match self.topology.task_of(source.topic, source.partition) {
            Some(task) if has_group_offset && next > broker.log(at).start => {
                self.check_position(task, b'R', at, next)
            }
            Some(_) | None => Ok(()),
        }
    }

    fn check_position(&self, task: i32, path: u8, at: TopicPartition, next: i64) -> Verdict {
        let name = self.house.topics[at.topic].as_bytes();
        let key = [&[b'O', path][..], name, &[0], &at.partition.to_be_bytes()].concat();
        let value = self.committed[task as usize].get(&key);
        let position = value.and_then(|value| value.get(1..9)?.try_into().ok()).map_or(0, i64::from_be_bytes);
        if position >= next {
            return Ok(());
        }
        let place = self.house.name(at);
        let what = format!(
            "the group's offset of {place} is {next}, but the position in the state of task {task} is {position}"
        );
        Err(Oracle::Positions.violation(what))
    }

    /// The subjects that a transaction reports as forgotten, as they were before it.
    pub(super) fn forgotten(
        &self,
        outputs: &[(TopicPartition, Rc<StoredRecord>)],
    ) -> Vec<(Vec<u8>, Subject)> {
        let events =
            outputs.iter().filter(|(_, it)| header(it, "ce_type") == Some("org.digit.otp.forgotten.v1"));
        let subjects = events.filter_map(|(_, record)| {
            let body: serde_json::Value = serde_json::from_slice(record.value.as_deref()?).ok()?;
            let key = [b"S".to_vec(), bytes(body["subject"].as_str()?)].concat();
            let value = self.committed.iter().find_map(|state| state.get(&key))?;
            Some((key, decode_subject(value).ok()?))
        });
        subjects.collect()
    }

    /// # Errors
    /// A forgotten subject still has a remembered reply.
    pub(super) fn check_forgotten(&self, forgotten: &[(Vec<u8>, Subject)]) -> Verdict {
        for (key, before) in forgotten {
            let value = self.committed.iter().find_map(|state| state.get(key));
            let Some(after) = value.and_then(|value| decode_subject(value).ok()) else { continue };
            if before.remembered.iter().any(|reply| after.remembered.contains(reply)) {
                return Err(Oracle::Forgotten.violation("a subject was forgotten, but is still in the state"));
            }
        }
        Ok(())
    }
}

fn bytes(hex: &str) -> Vec<u8> {
    let pairs = hex.as_bytes().chunks(2).filter_map(|pair| std::str::from_utf8(pair).ok());
    pairs.filter_map(|pair| u8::from_str_radix(pair, 16).ok()).collect()
}
