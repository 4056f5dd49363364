//! What processing produced, and on whose behalf: a refused topic holds up those who wrote to it, and nobody else.

use std::collections::BTreeSet;

use super::ids::RecoveryUnit;
use crate::wire::outbox::{Outbox, OutputTopic};

#[derive(Default)]
pub(super) struct Output {
    pub outbox: Outbox,
    pub writers: Writers,
}

/// Who wrote the records of an outbox: consecutive parts, each by its end and its writer.
#[derive(Debug, Default)]
pub(super) struct Writers {
    parts: Vec<(usize, RecoveryUnit)>,
}

impl Output {
    /// Writes records on behalf of `unit`.
    pub(super) fn write<R>(&mut self, unit: RecoveryUnit, write: impl FnOnce(&mut Outbox) -> R) -> R {
        let result = write(&mut self.outbox);
        self.writers.wrote_up_to(self.outbox.len(), unit);
        result
    }

    /// Keeps the memory.
    pub(super) fn clear(&mut self) {
        self.outbox.clear();
        self.writers.parts.clear();
    }
}

impl Writers {
    /// Those who wrote to one of these topics. `outbox`: what they wrote.
    pub(super) fn to(&self, topics: &[OutputTopic], outbox: &Outbox) -> BTreeSet<RecoveryUnit> {
        let mut parts = self.parts.iter();
        let mut part = parts.next();
        let mut writers = BTreeSet::new();
        for (at, record) in outbox.iter().enumerate() {
            while part.is_some_and(|(end, _)| at >= *end) {
                part = parts.next();
            }
            let (_, unit) = part.expect("every record has its writer");
            if topics.contains(&record.topic()) {
                writers.insert(*unit);
            }
        }
        writers
    }

    fn wrote_up_to(&mut self, end: usize, unit: RecoveryUnit) {
        match self.parts.last_mut() {
            Some((last, writer)) if *writer == unit => *last = end,
            Some((last, _)) if *last == end => {}
            None if end == 0 => {}
            Some(_) | None => self.parts.push((end, unit)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_record_has_the_writer_on_whose_behalf_it_was_written() {
        let mut output = Output::default();
        for (task, topics) in [(1, &[7, 8][..]), (2, &[]), (2, &[8]), (1, &[9]), (1, &[7])] {
            output.write(RecoveryUnit::Task(task), |out| {
                for topic in topics {
                    let none = Default::default();
                    out.push(OutputTopic(*topic), 0, None, none, none, None);
                }
            });
        }
        for (topics, expected) in
            [(&[7][..], &[1][..]), (&[8], &[1, 2]), (&[9], &[1]), (&[6], &[]), (&[6, 8], &[1, 2])]
        {
            let topics: Vec<_> = topics.iter().map(|it| OutputTopic(*it)).collect();
            let writers = output.writers.to(&topics, &output.outbox);
            let expected: BTreeSet<_> = expected.iter().map(|it| RecoveryUnit::Task(*it)).collect();
            assert_eq!(writers, expected, "{topics:?}");
        }
    }
}
