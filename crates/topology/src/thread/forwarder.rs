//! Source partitions without a home task: their records are only forwarded. They keep no position but the group's.
//!
//! ```text
//! AskingOffsets ─▶ AskingRange ─▶ Waiting ── start is committed ─▶ Running
//!    ▲   ▲  │ no barrier yet      ▲  │                                │
//!    │   │  ▼               retry │  ▼                                │
//!    │  Unmarked                 Refused ◀────────────────────────────┤
//!    └──────────────── position out of range ─────────────────────────┘
//! ```
//!
//! *Refused*: the cluster does not take what the forwarder writes.

use std::collections::BTreeMap;

use super::command::{Fetch, Question, ReadFrom};
use super::environment::Environment;
use super::ids::{AssignmentId, OffsetRanges, RecoveryUnit};
use super::lifecycle::StableOffsets;
use super::report::ThreadReport;
use super::resume::{KnownOffsets, resume_point};
use super::slot::Input;
use crate::otp::LogTime;
use crate::wire::record::SourcePartition;

enum Forwarder {
    AskingOffsets,
    AskingRange {
        stable: Option<i64>,
    },
    /// The barriers of the broadcast topics are not on the repartition topic yet. What is forwarded before them would be
    /// evaluated before the policies are known.
    Unmarked {
        ask_at: LogTime,
    },
    /// `is_decided`: its start is not committed.
    Waiting {
        input: Input,
        is_decided: bool,
    },
    Running(Input),
    Refused {
        input: Input,
        is_decided: bool,
    },
}

#[derive(Default)]
pub(super) struct Forwarders {
    forwarders: BTreeMap<SourcePartition, Forwarder>,
    /// Of partitions that were added to their topics: the end when they were first placed. What lies before it waited, because
    /// nobody read the partition.
    added: BTreeMap<SourcePartition, i64>,
}

impl Forwarders {
    pub(super) fn clear(&mut self) {
        self.forwarders.clear();
    }

    /// Whether a record waited in a partition that nobody read.
    pub(super) fn has_waited(&self, source: SourcePartition, offset: i64) -> bool {
        self.added.get(&source).is_some_and(|end| offset < *end)
    }

    pub(super) fn input(&mut self, source: SourcePartition) -> Option<&mut Input> {
        match self.forwarders.get_mut(&source)? {
            Forwarder::AskingOffsets | Forwarder::AskingRange { .. } | Forwarder::Unmarked { .. } => None,
            Forwarder::Waiting { input, .. }
            | Forwarder::Running(input)
            | Forwarder::Refused { input, .. } => Some(input),
        }
    }

    /// Those that are placed: they read, or will as soon as their start is committed.
    pub(super) fn placed(&self) -> impl Iterator<Item = SourcePartition> {
        let is_placed = |it: &Forwarder| matches!(it, Forwarder::Waiting { .. } | Forwarder::Running(_));
        self.forwarders.iter().filter(move |(_, it)| is_placed(it)).map(|(source, _)| *source)
    }

    /// The cluster refuses what it writes: it waits, if it was placed. Returns whether it was.
    pub(super) fn refuse(&mut self, source: SourcePartition, env: &mut Environment) -> bool {
        let (mut input, is_decided) = match self.forwarders.get(&source) {
            Some(Forwarder::Waiting { input, is_decided }) => (*input, *is_decided),
            Some(Forwarder::Running(input)) => (*input, false),
            Some(
                Forwarder::AskingOffsets
                | Forwarder::AskingRange { .. }
                | Forwarder::Unmarked { .. }
                | Forwarder::Refused { .. },
            )
            | None => return false,
        };
        input.pause();
        self.forwarders.insert(source, Forwarder::Refused { input, is_decided });
        env.fetch(Fetch::Pause(vec![source]));
        true
    }

    /// It is tried again, if it still waits.
    pub(super) fn retry_refused(&mut self, source: SourcePartition) {
        if let Some(Forwarder::Refused { input, is_decided }) = self.forwarders.get(&source) {
            let (input, is_decided) = (*input, *is_decided);
            self.forwarders.insert(source, Forwarder::Waiting { input, is_decided });
        }
    }

    /// Those with a position in their logs.
    pub(super) fn positioned(&self) -> impl Iterator<Item = SourcePartition> {
        let has_input = |it: &Forwarder| match it {
            Forwarder::AskingOffsets | Forwarder::AskingRange { .. } | Forwarder::Unmarked { .. } => false,
            Forwarder::Waiting { .. } | Forwarder::Running(_) | Forwarder::Refused { .. } => true,
        };
        self.forwarders.iter().filter(move |(_, it)| has_input(it)).map(|(source, _)| *source)
    }

    /// Asks for its stable offset, together with those of the broadcast topics: they exist as soon as their barriers do.
    pub(super) fn ask(&mut self, source: SourcePartition, assignment: AssignmentId, env: &mut Environment) {
        self.forwarders.insert(source, Forwarder::AskingOffsets);
        let sources = env.topology.broadcast_sources().chain([source]).collect();
        env.ask(Question::StableOffsets { assignment, unit: RecoveryUnit::Forwarder(source), sources });
    }

    /// Asks again for those that wait for barriers and whose time has come.
    pub(super) fn ask_unmarked(
        &mut self,
        assignment: AssignmentId,
        env: &mut Environment,
        is_due: impl Fn(LogTime) -> bool,
    ) {
        let is_due = |it: &Forwarder| matches!(it, Forwarder::Unmarked { ask_at } if is_due(*ask_at));
        let due: Vec<_> =
            self.forwarders.iter().filter(|(_, it)| is_due(it)).map(|(source, _)| *source).collect();
        for source in due {
            self.ask(source, assignment, env);
        }
    }

    /// Its position is not in its log. One that does not read yet is being placed anyway.
    pub(super) fn out_of_range(
        &mut self,
        source: SourcePartition,
        assignment: AssignmentId,
        env: &mut Environment,
    ) {
        if matches!(self.forwarders.get(&source), Some(Forwarder::Running(_))) {
            self.ask(source, assignment, env);
        }
    }

    pub(super) fn offsets_known(
        &mut self,
        source: SourcePartition,
        stable: &StableOffsets,
        assignment: AssignmentId,
        env: &mut Environment,
    ) {
        // A late answer would set back one that runs.
        if !matches!(self.forwarders.get(&source), Some(Forwarder::AskingOffsets)) {
            return;
        }
        let offset = |it: SourcePartition| stable.get(&it).copied().flatten();
        if !env.topology.broadcast_sources().all(|it| offset(it).is_some()) {
            let ask_at = env.clock.monotonic.plus(env.limits.task_retry_ms);
            self.forwarders.insert(source, Forwarder::Unmarked { ask_at });
            return;
        }
        self.forwarders.insert(source, Forwarder::AskingRange { stable: offset(source) });
        let (unit, sources) = (RecoveryUnit::Forwarder(source), vec![source]);
        env.ask(Question::OffsetRanges { assignment, unit, sources });
    }

    /// Returns whether the forwarder asked for it.
    ///
    /// # Errors
    /// Nobody can say where it resumes.
    pub(super) fn range_known(
        &mut self,
        source: SourcePartition,
        ranges: &OffsetRanges,
        env: &mut Environment,
    ) -> Result<bool, String> {
        let Some(Forwarder::AskingRange { stable }) = self.forwarders.get(&source) else {
            return Ok(false);
        };
        let (_, range) = *ranges.sources.first().expect("the range of one source was asked for");
        if stable.is_none() && env.topology.is_added(source) {
            self.added.entry(source).or_insert(range.end);
        }
        let known = KnownOffsets { stable: *stable, position: None, range, is_void: false };
        let resume = resume_point(source, &known, env.limits.start, &env.topology)?;
        if resume.lost > 0 {
            env.report(ThreadReport::Lost { source, records: resume.lost });
        }
        let input = Input::starting_at(resume.at, range.end);
        self.forwarders.insert(source, Forwarder::Waiting { input, is_decided: resume.is_decided });
        Ok(true)
    }

    /// Starts those whose starts are committed. Returns whether a start remains to be committed.
    pub(super) fn start(&mut self, env: &mut Environment) -> bool {
        let mut starts = Vec::new();
        let mut must_commit = false;
        for (source, forwarder) in &mut self.forwarders {
            let Forwarder::Waiting { input, is_decided } = forwarder else {
                continue;
            };
            must_commit |= *is_decided;
            if !*is_decided {
                let running = Input { is_resumed: true, ..*input };
                starts.push(ReadFrom { source: *source, offset: running.next, leader_epoch: None });
                *forwarder = Forwarder::Running(running);
            }
        }
        if !starts.is_empty() {
            env.fetch(Fetch::Resume(starts));
        }
        must_commit
    }

    /// Starts that are decided and not committed.
    pub(super) fn decided_starts(&self) -> impl Iterator<Item = (SourcePartition, i64)> {
        self.forwarders.iter().filter_map(|(source, forwarder)| match forwarder {
            Forwarder::Waiting { input, is_decided: true } => Some((*source, input.next)),
            Forwarder::Waiting { is_decided: false, .. }
            | Forwarder::AskingOffsets
            | Forwarder::AskingRange { .. }
            | Forwarder::Unmarked { .. }
            | Forwarder::Running(_)
            | Forwarder::Refused { .. } => None,
        })
    }

    /// A commit had an offset of this source.
    pub(super) fn committed(&mut self, source: SourcePartition) {
        if let Some(Forwarder::Waiting { is_decided, .. }) = self.forwarders.get_mut(&source) {
            *is_decided = false;
        }
    }
}
