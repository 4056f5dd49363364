//! What the committed state must say after a transaction, read from its bytes: where the task stands, and that what
//! was to be forgotten is forgotten. Shares no code with the tasks, so that it does not share their mistakes.

use std::rc::Rc;

use otp_topology::otp::Subject;
use otp_topology::state::decode_subject;
use otp_topology::task::SourceKind;
use otp_topology::wire::record::SourcePartition;

use super::{Auditor, header, origin_of};
use crate::broker::{Broker, Decided, Place, Stored};
use crate::oracle::{Judged, Oracle};

impl Auditor {
    /// # Errors
    /// A record was read, and the state does not say so; or the group stands elsewhere than the state.
    pub(super) fn check_places(&mut self, decided: &Decided, broker: &Broker) -> Judged {
        for (source, offset) in &decided.reads {
            let Some(task) = self.topology.task_of(source.topic, source.partition) else { continue };
            let at = self.house.source_place(*source);
            self.stands(task, b'R', at, *offset + 1)?;
            if at.topic != self.repartition || self.reference.is_recreated() {
                continue;
            }
            let Some((_, record)) = broker.log(at).any(*offset) else { continue };
            let is_mark = header(record, "otp.kind").is_some();
            if let Some((origin, offset)) = origin_of(record, &self.house).filter(|_| !is_mark) {
                self.stands(task, b'A', origin, offset + 1)?;
            }
        }
        for (source, next) in &decided.offsets {
            self.check_offset(*source, *next, broker)?;
        }
        Ok(())
    }

    /// The group's offsets are gone or set back.
    pub fn offsets_moved(&mut self) {
        self.offsets.clear();
    }

    fn check_offset(&mut self, source: SourcePartition, next: i64, broker: &Broker) -> Judged {
        let at = self.house.source_place(source);
        let before = self.offsets.insert(source, next).unwrap_or(0);
        if next < before {
            let place = self.house.name(at);
            return Err(
                Oracle::Places.broken(format!("the offset of {place} goes back from {before} to {next}"))
            );
        }
        let is_followed = matches!(
            self.topology.source(source.topic).kind,
            SourceKind::Requests(_) | SourceKind::Admin | SourceKind::Repartition
        );
        match self.topology.task_of(source.topic, source.partition) {
            Some(task) if is_followed && next > broker.log(at).start => self.stands(task, b'R', at, next),
            Some(_) | None => Ok(()),
        }
    }

    fn stands(&self, task: i32, path: u8, at: Place, next: i64) -> Judged {
        let name = self.house.topics[at.topic].as_bytes();
        let key = [&[b'O', path][..], name, &[0], &at.partition.to_be_bytes()].concat();
        let value = self.truth[task as usize].get(&key);
        let stands = value.and_then(|value| value.get(1..9)?.try_into().ok()).map_or(0, i64::from_be_bytes);
        if stands >= next {
            return Ok(());
        }
        let place = self.house.name(at);
        let what = format!("{place} is committed up to {next}, and the state of task {task} says {stands}");
        Err(Oracle::Places.broken(what))
    }

    /// Whom a transaction says to have forgotten, as they were before it.
    pub(super) fn forgotten(&self, outputs: &[(Place, Rc<Stored>)]) -> Vec<(Vec<u8>, Subject)> {
        let told =
            outputs.iter().filter(|(_, it)| header(it, "ce_type") == Some("org.digit.otp.forgotten.v1"));
        let subjects = told.filter_map(|(_, record)| {
            let body: serde_json::Value = serde_json::from_slice(record.value.as_deref()?).ok()?;
            let key = [b"S".to_vec(), bytes(body["subject"].as_str()?)].concat();
            let value = self.truth.iter().find_map(|truth| truth.get(&key))?;
            Some((key, decode_subject(value).ok()?))
        });
        subjects.collect()
    }

    /// # Errors
    /// What was known of somebody who was forgotten still is.
    pub(super) fn check_forgotten(&self, forgotten: &[(Vec<u8>, Subject)]) -> Judged {
        for (key, before) in forgotten {
            let value = self.truth.iter().find_map(|truth| truth.get(key));
            let Some(after) = value.and_then(|value| decode_subject(value).ok()) else { continue };
            if before.remembered.iter().any(|answer| after.remembered.contains(answer)) {
                return Err(Oracle::Forgotten.broken("somebody was forgotten, and is still known"));
            }
        }
        Ok(())
    }
}

fn bytes(hex: &str) -> Vec<u8> {
    let pairs = hex.as_bytes().chunks(2).filter_map(|pair| std::str::from_utf8(pair).ok());
    pairs.filter_map(|pair| u8::from_str_radix(pair, 16).ok()).collect()
}
