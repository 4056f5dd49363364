//! One partition's work: route, deduplicate, decide over the overlay, expire, plan the commit.
//!
//! A task computes; it begins no transaction, sends nothing and writes no store. What it did since the last commit
//! lies in its overlay, its positions and the outbox, and is either committed as a whole or taken back as a whole. While
//! a commit is under way it goes on, over what that commit writes.
//!
//! ```text
//! Record ─▶ process ─┬─ applied before ───────────▶ skipped, counted
//!                    ├─ home is elsewhere ────────▶ outbox: repartition topic
//!                    └─ home ─▶ contract ─▶ otp ──▶ overlay, outbox
//! commit plan: overlay ─▶ outbox: changelog          after the commit: what was planned ─▶ one WriteBatch
//! ```

mod admin;
mod answer;
mod arrival;
mod broadcast;
mod changelog;
mod counters;
mod dead_letter;
mod directory;
mod incoming;
mod position;
mod reads;
mod reply_to;
mod request;
mod route;
pub mod settings;
mod subjects;
mod sweep;
pub mod topology;

use std::sync::Arc;

use arrival::Arrival;
pub use changelog::{ChangelogFold, LocalKey};
pub use counters::Counters;
use incoming::Incoming;
pub use position::{Path, Positions};
use reads::{Caches, View};
pub use route::{forward_only, home_of_record};
pub use settings::Settings;
pub use sweep::SWEEP_SUBJECTS_MAX;
pub use topology::{Broadcast, Incarnation, SourceKind, TopicFacts, Topology, TopologyError};

use crate::otp::{LogTime, UnknownKey};
use crate::state::{BadRecord, Overlay, StateStore, StoreError, WriteBatch};
use crate::wire::outbox::Outbox;
use crate::wire::record::{Record, SourcePartition};

/// Why a task cannot go on: nothing of the transaction may be committed for it, and it is tried again later.
#[derive(Clone, Debug, thiserror::Error, PartialEq, Eq)]
pub enum TaskError {
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    Key(#[from] UnknownKey),
    #[error("a {what} in the state store: {error}; {remedy}", remedy = error.remedy())]
    Record { what: &'static str, error: BadRecord },
    #[error(
        "the changelog's record at offset {offset}, a {what}: {error}; if a newer version of otp-stream wrote it, run \
         that one. Only this service may write the changelog: take the right from others, put a tombstone under the \
         record's key, and wait until compaction has removed it"
    )]
    Changelog { offset: i64, what: &'static str, error: BadRecord },
}

/// A task whose state is complete. See the module.
pub struct Task<S> {
    pub partition: i32,
    topology: Arc<Topology>,
    store: S,
    overlay: Overlay,
    positions: Positions,
    caches: Caches,
    /// Of the commit under way.
    planned: Counters,
    counters: Counters,
}

impl<S: StateStore> Task<S> {
    /// Takes up a restored store. Also returns the names of topics whose positions are void, because the topic was
    /// recreated or the cluster is another one.
    ///
    /// # Errors
    /// The store cannot be read.
    pub fn open(partition: i32, topology: Arc<Topology>, store: S) -> Result<(Self, Vec<String>), TaskError> {
        let (positions, void) = Positions::load(&store, &topology)?;
        let task = Self {
            partition,
            topology,
            store,
            overlay: Overlay::default(),
            positions,
            caches: Caches::default(),
            planned: Counters::default(),
            counters: Counters::default(),
        };
        Ok((task, void))
    }

    pub fn store(&self) -> &S {
        &self.store
    }

    pub fn positions(&self) -> &Positions {
        &self.positions
    }

    /// Decides where a source partition starts that was never read; to be committed before its first record is.
    pub fn start_at(&mut self, source: SourcePartition, offset: i64) {
        self.positions.start(source, offset);
    }

    /// Works on one record of this task's source partitions. `wall` is the wall clock, used only to drop what is past
    /// its deadline or dead on arrival.
    ///
    /// # Errors
    /// See [`TaskError`]; the whole transaction must be taken back.
    pub fn process(&mut self, record: &Record<'_>, wall: LogTime, out: &mut Outbox) -> Result<(), TaskError> {
        if self.positions.is_applied(Path::Read, record.source, record.offset) {
            self.counters.skipped += 1;
            return Ok(());
        }
        match self.topology.source(record.source.topic).kind {
            SourceKind::Repartition => self.arrived(record, wall, out)?,
            SourceKind::Broadcast(broadcast) => self.broadcast(broadcast, record, out),
            SourceKind::Requests(_) | SourceKind::Directory | SourceKind::Admin => {
                self.apply_or_forward(record, wall, out)?;
            }
        }
        self.positions.advance(Path::Read, record.source, record.offset + 1);
        Ok(())
    }

    /// Puts a record that no transaction can carry into the dead letters, by reference to where it was first read from,
    /// and moves past it. A mark is never given up: it comes once, and nothing is decided without it.
    /// Returns whether it was given up.
    pub fn give_up(&mut self, record: &Record<'_>, out: &mut Outbox) -> bool {
        self.positions.advance(Path::Read, record.source, record.offset + 1);
        let arrival = Arrival::read(record, &self.topology).filter(|_| self.is_repartitioned(record));
        let original = match arrival {
            Some(Arrival::Forwarded(original)) => {
                self.positions.advance(Path::Arrived, original.source, original.offset + 1);
                original
            }
            Some(Arrival::StaleIncarnation(original)) => original,
            Some(Arrival::Barrier(barrier)) => {
                self.put_mark(&barrier);
                return false;
            }
            None => *record,
        };
        self.dead_letter(&original, "commit", "poison", "its transaction failed repeatedly", out);
        true
    }

    /// Whether there is anything to plan: writes, positions that moved.
    pub fn is_dirty(&self) -> bool {
        !self.overlay.is_empty() || self.positions.has_moved()
    }

    /// Writes the changelog records of what was written since the last call into the outbox. A commit needs none of it,
    /// but the producer works along.
    pub fn log_along(&mut self, out: &mut Outbox) {
        changelog::log(&mut self.overlay, self.partition, &self.topology, out);
    }

    /// Writes the changelog records of everything since the last plan that are not there yet into the outbox. What is
    /// processed from now on belongs to the next plan, for which this one must have ended.
    pub fn plan_commit(&mut self, out: &mut Outbox) {
        self.positions.plan(&self.topology, &mut self.overlay);
        self.log_along(out);
        self.overlay.plan();
        self.planned = std::mem::take(&mut self.counters);
    }

    /// The planned commit is known to have happened: gives the one write of it, and what was done.
    ///
    /// `changelog_next`: a lower bound of the changelog offset up to which the store is complete with this write.
    pub fn committed(&mut self, changelog_next: Option<i64>, wall: LogTime) -> (WriteBatch, Counters) {
        let mut batch = self.overlay.take_planned();
        changelog::put_local(&mut batch, changelog_next, wall);
        self.positions.commit();
        let mut counters = std::mem::take(&mut self.planned);
        counters.policies_beyond_bounds = self.caches.take_beyond_bounds();
        (batch, counters)
    }

    /// Takes back everything since the last commit, also what a commit under way was planned of.
    pub fn abort(&mut self) {
        self.overlay.clear();
        self.positions.abort();
        self.caches.clear();
        self.planned = Counters::default();
        self.counters = Counters::default();
    }

    fn is_repartitioned(&self, record: &Record<'_>) -> bool {
        self.topology.source(record.source.topic).kind == SourceKind::Repartition
    }

    fn apply_or_forward(
        &mut self,
        record: &Record<'_>,
        wall: LogTime,
        out: &mut Outbox,
    ) -> Result<(), TaskError> {
        let topology = self.topology.clone();
        let incoming = Incoming::read(record, &topology);
        match incoming.home(&topology).filter(|home| *home != self.partition) {
            Some(home) => {
                route::forward(record, home, &topology, out);
                self.counters.forwarded += 1;
                Ok(())
            }
            None => self.apply(&incoming, record, &topology, wall, out),
        }
    }

    fn arrived(&mut self, record: &Record<'_>, wall: LogTime, out: &mut Outbox) -> Result<(), TaskError> {
        let topology = self.topology.clone();
        let Some(arrival) = Arrival::read(record, &topology) else {
            self.dead_letter(record, "route", "unknown_origin", "it names no known origin", out);
            return Ok(());
        };
        let original = match arrival {
            Arrival::Barrier(barrier) => {
                self.put_mark(&barrier);
                return Ok(());
            }
            Arrival::StaleIncarnation(original) => {
                return self.apply(&Incoming::read(&original, &topology), &original, &topology, wall, out);
            }
            Arrival::Forwarded(original) => original,
        };
        if self.positions.is_applied(Path::Arrived, original.source, original.offset) {
            self.counters.skipped += 1;
            return Ok(());
        }
        self.apply(&Incoming::read(&original, &topology), &original, &topology, wall, out)?;
        self.positions.advance(Path::Arrived, original.source, original.offset + 1);
        Ok(())
    }

    /// `record`: what `incoming` was read of.
    fn apply(
        &mut self,
        incoming: &Incoming<'_>,
        record: &Record<'_>,
        topology: &Topology,
        wall: LogTime,
        out: &mut Outbox,
    ) -> Result<(), TaskError> {
        match incoming {
            Incoming::Request(request) => return self.request(request, topology, wall, out),
            Incoming::UnreadableRequest(error) => {
                self.dead_letter(record, "decode", error.code(), &error.to_string(), out);
            }
            Incoming::Directory(subject) => self.directory_record(subject.as_ref(), record, out),
            Incoming::Admin(command) => return self.admin_record(command, record, topology, out),
            Incoming::Broadcast(broadcast) => self.put_broadcast(*broadcast, record, out),
        }
        Ok(())
    }

    fn view(&self) -> View<'_, S> {
        View { topology: &self.topology, overlay: &self.overlay, store: &self.store, caches: &self.caches }
    }
}
