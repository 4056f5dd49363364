//! One partition's work: route records, drop duplicates, decide over the overlay, expire, plan the commit.
//!
//! A task computes. It begins no transaction, sends nothing and writes to no store. The effects since the last commit are
//! in its overlay, its positions and the outbox. They are committed as a whole or rolled back as a whole. While a commit
//! is in flight, the task continues on top of the writes of that commit.
//!
//! ```text
//! Record ─▶ process ─┬─ applied before ───────────────────────▶ skipped, counted
//!                    └─ Incoming::read ─┬─ home is elsewhere ─▶ outbox: repartition topic
//!                                       └─ home ─▶ contract ─┬▶ overlay, outbox
//!                                                            └▶ asks another home ─▶ outbox: a hop
//! commit plan: overlay ─▶ outbox: changelog          after the commit: what was planned ─▶ one WriteBatch
//! ```

mod admin;
mod arrival;
mod broadcast;
mod budgets;
mod changelog;
mod counters;
mod dead_letter;
mod directory;
mod hop;
mod incoming;
mod inspect;
mod number;
mod position;
mod reads;
mod reply_to;
mod request;
mod route;
mod signals;
mod subjects;
mod sweep;

use std::sync::Arc;

pub use admin::check_order;
use arrival::Arrival;
pub use changelog::ChangelogFold;
pub use counters::Counters;
use incoming::Incoming;
pub use inspect::{InspectError, SubjectSearch};
pub use position::{Applied, Positions};
use reads::{Caches, View};
pub use route::{forward_only, home_of_record};
use signals::Signals;
pub use sweep::SWEEP_SUBJECTS_MAX;

use crate::deployment::{SourceKind, Topology};
use crate::otp::{ContractName, LogTime, UnknownKey};
use crate::state::{BadRecord, InputPath, LocalKey, Overlay, StateStore, StoreError, StoredHour, WriteBatch};
use crate::wire::headers;
use crate::wire::outbox::Outbox;
use crate::wire::record::{Record, SourcePartition};

/// Why a task fails: nothing of the transaction may be committed for it, and the task is tried again later.
#[derive(Clone, Debug, thiserror::Error, PartialEq, Eq)]
pub enum TaskError {
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    Key(#[from] UnknownKey),
    #[error("this build does not serve the contract {name}: take its callers out of the configuration", name = .0.as_str())]
    NotServed(ContractName),
    #[error("a {what} in the state store: {error}; {remedy}", remedy = error.remedy())]
    Record { what: &'static str, error: BadRecord },
    #[error(
        "the changelog record at offset {offset}, a {what}: {error}; if a newer version of otp-stream wrote it, run \
         that version. Only this service may write the changelog: revoke the right of others, write a tombstone with the \
         record's key, and wait until compaction has removed the record"
    )]
    Changelog { offset: i64, what: &'static str, error: BadRecord },
}

/// A task whose state is completely restored. See the module.
pub struct Task<S> {
    pub partition: i32,
    topology: Arc<Topology>,
    store: S,
    overlay: Overlay,
    positions: Positions,
    /// Where the changelog goes on after what the store has.
    changelog_next: i64,
    caches: Caches,
    signals: Signals,
    /// The hour before which no deliveries are counted any more. `None`: not known.
    budget_hour: Option<StoredHour>,
    /// Of the commit in flight.
    planned: Counters,
    counters: Counters,
}

impl<S: StateStore> Task<S> {
    /// Opens a task on a restored store. Also returns the names of topics whose positions are void, because the topic was
    /// recreated or the cluster is another one.
    ///
    /// # Errors
    /// The store cannot be read.
    pub fn open(partition: i32, topology: Arc<Topology>, store: S) -> Result<(Self, Vec<String>), TaskError> {
        let (positions, void) = Positions::load(&store, &topology)?;
        let changelog_next = LocalKey::ChangelogNext.read_number(&store)?.unwrap_or(0);
        let task = Self {
            partition,
            topology,
            store,
            overlay: Overlay::default(),
            positions,
            changelog_next,
            caches: Caches::default(),
            signals: Signals::default(),
            budget_hour: None,
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

    /// Decides where a source partition starts that was never read. The start must be committed before the first record is.
    pub fn start_at(&mut self, source: SourcePartition, offset: i64) {
        self.positions.start(source, offset);
    }

    /// Processes one record of this task's source partitions. `wall` is the wall clock. It only decides whether a request
    /// is stale: past its deadline, or older than its code would live.
    ///
    /// # Errors
    /// See [`TaskError`]; the whole transaction must be rolled back.
    pub fn process(&mut self, record: &Record<'_>, wall: LogTime, out: &mut Outbox) -> Result<(), TaskError> {
        if self.positions.is_applied(InputPath::Read, record.source, record.offset) {
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
        self.positions.advance(InputPath::Read, record);
        Ok(())
    }

    /// Whether there is anything to commit: writes, or positions that moved.
    pub fn is_dirty(&self) -> bool {
        !self.overlay.is_empty() || self.positions.has_moved() || self.signals.has_changed()
    }

    /// Writes the changelog records of the writes since the last call into the outbox, so that the producer can send them
    /// before the commit.
    pub fn log_changes(&mut self, out: &mut Outbox) {
        changelog::log(&mut self.overlay, self.partition, &self.topology, out);
    }

    /// Plans a commit: writes the missing changelog records of everything since the last plan into the outbox. Records that
    /// are processed afterwards belong to the next plan, which can only be made when this one has ended.
    pub fn plan_commit(&mut self, out: &mut Outbox) {
        self.log_signals();
        self.positions.plan(&self.topology, &mut self.overlay);
        self.log_changes(out);
        self.overlay.plan();
        self.planned = std::mem::take(&mut self.counters);
    }

    /// Whether the changelog was cut since the last commit, and how: this commit's last record lies where the store has an
    /// earlier one. `changelog_next`: as for [`Task::committed`].
    pub fn changelog_cut(&self, changelog_next: Option<i64>) -> Option<String> {
        let next = changelog_next.filter(|next| *next <= self.changelog_next)?;
        let (known, partition) = (self.changelog_next, self.partition);
        Some(format!(
            "the changelog of task {partition} was cut: it was written up to {known} and goes on before {next} (unclean leader \
             election, or a log directory was lost). This store is the last copy of what is missing: keep it, and bring the \
             lost replica back"
        ))
    }

    /// The planned commit is known to have succeeded: returns its one write, and what it did.
    ///
    /// `changelog_next`: a lower bound of the changelog offset up to which the store is complete after this write.
    pub fn committed(&mut self, changelog_next: Option<i64>, wall: LogTime) -> (WriteBatch, Counters) {
        let mut batch = self.overlay.take_planned();
        let changelog_next = changelog_next.filter(|next| *next > self.changelog_next);
        self.changelog_next = changelog_next.unwrap_or(self.changelog_next);
        changelog::put_local(&mut batch, changelog_next, wall);
        self.positions.commit();
        let mut counters = std::mem::take(&mut self.planned);
        counters.policies_beyond_bounds = self.caches.take_beyond_bounds();
        (batch, counters)
    }

    /// Rolls back everything since the last commit, including the plan of a commit in flight.
    pub fn abort(&mut self) {
        self.overlay.clear();
        self.positions.abort();
        self.caches.clear();
        self.signals.clear();
        self.budget_hour = None;
        self.planned = Counters::default();
        self.counters = Counters::default();
    }

    fn apply_or_forward(
        &mut self,
        record: &Record<'_>,
        wall: LogTime,
        out: &mut Outbox,
    ) -> Result<(), TaskError> {
        let topology = self.topology.clone();
        let binary = incoming::in_binary_mode(record, &topology);
        let record = &binary.as_ref().map_or(*record, |batch| batch.get(0));
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
                self.put_barrier(&barrier);
                return Ok(());
            }
            Arrival::Hop(original, hop) => return self.hop(&original, &hop, &topology, wall, out),
            Arrival::StaleIncarnation(original) => {
                return self.apply(&Incoming::read(&original, &topology), &original, &topology, wall, out);
            }
            Arrival::Forwarded(original) => original,
        };
        let is_applied = |path| self.positions.is_applied(path, original.source, original.offset);
        // Before its topic got more partitions, the partition was read in place.
        let is_added_to = topology.task_of(original.source.topic, original.source.partition).is_none();
        if is_applied(InputPath::Arrived) || (is_added_to && is_applied(InputPath::Read)) {
            self.counters.skipped += 1;
            return Ok(());
        }
        let incoming = Incoming::read(&original, &topology);
        let incoming = match record.headers.last(headers::OTP_ORIGIN_WAITED) {
            Some(_) => incoming.asked_at(record.timestamp),
            None => incoming,
        };
        self.apply(&incoming, &original, &topology, wall, out)?;
        self.positions.advance(InputPath::Arrived, &original);
        Ok(())
    }

    /// `record`: from which `incoming` was read.
    fn apply(
        &mut self,
        incoming: &Incoming<'_>,
        record: &Record<'_>,
        topology: &Topology,
        wall: LogTime,
        out: &mut Outbox,
    ) -> Result<(), TaskError> {
        match incoming {
            Incoming::Request(request) => return self.request(request, record, None, topology, wall, out),
            Incoming::UnreadableRequest(request, error) => {
                return self.unreadable_request(request, *error, record, topology, out);
            }
            Incoming::Directory(subject) => return self.directory_record(subject.as_ref(), record, out),
            Incoming::Admin(command) => return self.admin_record(command, record, topology, out),
            Incoming::Broadcast(broadcast) => self.put_broadcast(*broadcast, record, out),
        }
        Ok(())
    }

    fn view(&self) -> View<'_, S> {
        View { topology: &self.topology, overlay: &self.overlay, store: &self.store, caches: &self.caches }
    }
}
