//! Deliveries per number and clock hour, at the task that the number alone names.

use super::subjects::number_index_key;
use super::{Task, TaskError};
use crate::otp::{LogTime, NumberPseudonym};
use crate::state::{BadRecord, NumberHour, StateStore, number_key};

impl<S: StateStore> Task<S> {
    /// Counts one delivery to a number, if it had fewer than `max` in the hour. Whether it did.
    pub(super) fn count_delivery(
        &mut self,
        number: NumberPseudonym,
        max: u16,
        asked_at: LogTime,
    ) -> Result<bool, TaskError> {
        let stored = self.load_number(number)?;
        let mut hour = stored.unwrap_or_default().at(asked_at);
        let is_granted = hour.count(max);
        if is_granted {
            self.overlay.put(&number_key(number), &hour.encode());
            if stored.is_none() {
                self.overlay.put(&number_index_key(hour.due_at(), number), &[]);
            }
        }
        Ok(is_granted)
    }

    /// Removes a number whose hour is over, or moves its index entry.
    pub(super) fn sweep_number(
        &mut self,
        number: NumberPseudonym,
        watermark: LogTime,
    ) -> Result<(), TaskError> {
        match self.load_number(number)?.map(NumberHour::due_at) {
            Some(due) if due > watermark => self.overlay.put(&number_index_key(due, number), &[]),
            Some(_) => self.overlay.delete(&number_key(number)),
            None => {}
        }
        Ok(())
    }

    fn load_number(&self, number: NumberPseudonym) -> Result<Option<NumberHour>, TaskError> {
        let stored = self.overlay.get(&self.store, &number_key(number))?;
        let decoded = stored.map(|bytes| NumberHour::decode(&bytes)).transpose();
        decoded.map_err(|error: BadRecord| TaskError::Record { what: "number's hour", error })
    }
}
