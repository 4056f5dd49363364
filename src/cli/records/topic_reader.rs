//! Reads one partition from its first record to its high watermark, committed records only, in bounded time.

use std::ops::ControlFlow;

use crate::cli::bench::progress::Bar;
use crate::cli::{Failure, cluster};
use crate::config::Loaded;
use crate::kafka::{Admin, ChangelogReader, Replayed};
use crate::runtime::wall;

/// Which partition, and how long its reading may take.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Reading<'a> {
    pub topic: &'a str,
    pub partition: i32,
    pub timeout_s: u64,
}

/// Records between two looks at the clock.
const STEP: u64 = 1_000;

impl Reading<'_> {
    /// Passes each record's key and value to `each`, and returns how many there were. `value`: `None` is a tombstone.
    ///
    /// # Errors
    /// The cluster does not answer, or the end is not reached in time.
    pub(crate) fn run(
        &self,
        loaded: &Loaded,
        admin: &Admin,
        mut each: impl FnMut(&[u8], Option<&[u8]>),
    ) -> Result<u64, Failure> {
        let unreachable = |err| cluster::unreachable_cluster(loaded, &err);
        let partition = [(self.topic.to_owned(), self.partition)];
        let marks = admin.watermarks(&partition, cluster::TIMEOUT).map_err(unreachable)?;
        let marks = marks.first().expect("one partition was asked for");
        let (start, bound) = (marks.start, marks.end);
        if start >= bound {
            return Ok(0);
        }
        let reader =
            ChangelogReader::new(&cluster::properties(loaded)?, &loaded.config.application.id, self.topic);
        let reader = reader.map_err(unreachable)?;
        let bar = Bar::new("offsets read", u64::try_from(bound - start).unwrap_or(0));
        let until = wall().plus(self.timeout_s * 1000);
        let (mut next, mut records, mut in_time) = (start, 0, true);
        let replayed = reader.replay(&[(self.partition, start)], |_, replayed| {
            match replayed {
                Replayed::Record { offset, key, value } => {
                    // What came after the high watermark was read is not asked for.
                    if offset < bound {
                        each(key, value);
                        records += 1;
                    }
                    next = offset + 1;
                }
                Replayed::End { offset } => next = next.max(offset),
                Replayed::Idle => in_time = wall() < until,
            }
            if records % STEP == 0 {
                in_time = in_time && wall() < until;
                bar.set(u64::try_from(next - start).unwrap_or(0));
            }
            if next >= bound || !in_time { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        });
        replayed.map_err(unreachable)?;
        if next < bound { Err(self.late(next, bound)) } else { Ok(records) }
    }

    fn late(&self, next: i64, bound: i64) -> Failure {
        let Self { topic, partition, timeout_s } = self;
        Failure::Runtime(anyhow::anyhow!(
            "{topic} [{partition}] was read up to offset {next} of {bound} within {timeout_s} s; give more time with \
             --timeout-s, or find an open transaction with kafka-transactions.sh find-hanging"
        ))
    }
}
