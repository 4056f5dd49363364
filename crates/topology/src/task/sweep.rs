//! The sweep: tells signal windows that are over, emits events for expired challenges and erases subjects and numbers that
//! have nothing left, by the index of due times. Each transaction sweeps a bounded number of them.
//!
//! No decision depends on the sweep: a command judges expiry by log time itself.

use super::signals::Counted;
use super::subjects::{Due, due_of, index_end, index_key, subject_key};
use super::{Task, TaskError};
use crate::contract::{Envelope, Events, analytics};
use crate::otp::{LogTime, Notice, Pseudonym, due_at, expire};
use crate::state::{Family, StateStore};
use crate::wire::outbox::Outbox;

/// The largest number of subjects and numbers that one transaction sweeps, per task.
pub const SWEEP_SUBJECTS_MAX: usize = 2_000;

impl<S: StateStore> Task<S> {
    /// Sweeps at most [`SWEEP_SUBJECTS_MAX`] subjects and numbers that are due at the watermark. Returns whether more may be due.
    ///
    /// # Errors
    /// See [`TaskError`].
    pub fn sweep(&mut self, watermark: LogTime, out: &mut Outbox) -> Result<bool, TaskError> {
        let mut is_more = self.pass_signal_window(watermark, out)?;
        let (from, to) = ([Family::Expiry as u8], index_end(watermark));
        let due = self.overlay.scan(&self.store, &from, &to, SWEEP_SUBJECTS_MAX)?;
        for (key, _) in &due {
            self.overlay.delete(key);
            match due_of(key) {
                Some(Due::Subject(pseudonym)) => self.sweep_subject(pseudonym, watermark, out)?,
                Some(Due::Number(number)) => self.sweep_number(number, watermark)?,
                None => {}
            }
        }
        is_more |= due.len() == SWEEP_SUBJECTS_MAX;
        Ok(is_more)
    }

    fn sweep_subject(
        &mut self,
        pseudonym: Pseudonym,
        watermark: LogTime,
        out: &mut Outbox,
    ) -> Result<(), TaskError> {
        if self.overlay.get(&self.store, &subject_key(pseudonym))?.is_none() {
            return Ok(());
        }
        let loaded = self.load(pseudonym)?;
        let Some(due) = loaded.due else { return Ok(()) };
        if due > watermark {
            self.overlay.put(&index_key(due, pseudonym), &[]);
            return Ok(());
        }
        let (left, notices) = expire(loaded.subject, watermark);
        for notice in &notices {
            self.emit_expired(pseudonym, notice, watermark, out)?;
        }
        self.counters.expired += notices.len() as u64;
        match left {
            Some(subject) => {
                self.save(pseudonym, &subject, None);
                debug_assert!(
                    due_at(&subject).is_none_or(|next| next > watermark),
                    "one sweep handles everything that is due"
                );
            }
            None => self.erase(pseudonym),
        }
        Ok(())
    }

    fn emit_expired(
        &mut self,
        pseudonym: Pseudonym,
        notice: &Notice,
        watermark: LogTime,
        out: &mut Outbox,
    ) -> Result<(), TaskError> {
        let base = notice.challenge.map_or_else(String::new, |id| id.to_string());
        let envelope = Envelope {
            source: &self.topology.application_id,
            time: watermark,
            correlation_id: &base,
            causation_id: &base,
            subject: Some(pseudonym),
            traceparent: None,
            tracestate: None,
            event_base: &base,
        };
        let mut events = Events::new(out, &self.topology.output_partitions, envelope);
        analytics::expired(&mut events, self.topology.lifecycle, pseudonym, notice);
        let tallies = events.into_tallies();
        let contract = notice.purpose.and_then(|it| self.topology.contracts.get(it.contract())).cloned();
        let (Some(contract), Some((tenant, _))) = (contract, &notice.terms) else { return Ok(()) };
        let root = contract.tenant_root(tenant).trim();
        let counted = Counted { contract: contract.name().as_str(), root, subject: pseudonym, at: watermark };
        self.count_signals(&counted, &tallies, out)
    }
}
