//! The stream thread, sans-IO: events go in, commands come out. It does no input or output itself.
//!
//! One stream thread is one member of the consumer group, one transactional producer, and the tasks of its partitions. The
//! commit protocol lives here and nowhere else. A driver performs the commands on a real broker, in memory for `replay`, or
//! in a simulation that fails at every boundary.
//!
//! ```text
//! event ─▶ handler: records facts in what owns them ─▶ drive: decides what is due ─▶ commands
//!
//!           Membership ── what the group assigned         RetainedBatch ──── records, and their output
//!           Tasks ─────── task lifecycles, forwarders     TransactionalCall  the call under way
//!           Timers ────── sweep and purge                 PlannedCommit ──── what is being committed
//! ```
//!
//! Commits are pipelined: while one is in flight, records are processed for the next one.
//!
//! ```text
//! fetched   r1 r2 r3     r4 r5      r6               r7
//! process   ■ ■ ■        ■ ■        ■                ■
//! commit 1         Begin, Offer, SendOffsets, Commit │ Write
//! commit 2               └ r4 r5 r6 processed over ──┘      Begin, Offer, SendOffsets, Commit │ Write
//! ```
//!
//! What is processed meanwhile sees the writes of the commit in flight, and shares its fate: if that commit is rolled back,
//! its records are put before those that came later, and all of them run again in their order. At most one commit is
//! planned. The sweep never runs ahead of a commit: it uses its own transaction, and its watermark may only come from inputs
//! that are fully processed.
//!
//! | a call ends | what follows |
//! |---|---|
//! | refused by the cluster | abort; the tasks that wrote what is refused wait and read the same records again, for as long as it takes; the others go on at once |
//! | fenced by the group | abort; the batch is dropped, and a rebalance follows |
//! | unknown | replace the producer, after a pause that grows; every task takes the assign path again |
//!
//! ```text
//! Assigned ─▶ per task: Open ─▶ ask stable offsets ─▶ ask offset ranges ─▶ Restore ─▶ Resume
//! Revoked  ─▶ commit what is processed (nothing if the assignment is lost) ─▶ CancelQuestions
//! ```

mod batch;
mod call;
mod command;
mod commit;
mod drive;
mod environment;
mod event;
mod forwarder;
mod handle;
mod ids;
pub mod in_memory;
mod lifecycle;
mod limits;
mod membership;
mod output;
mod pause;
mod recovery;
mod refusals;
mod report;
mod resume;
mod slot;
mod tasks;
mod timers;

use std::sync::Arc;

use batch::RetainedBatch;
use call::TransactionalCall;
pub use command::{Call, Command, Fetch, Question, ReadFrom, StoreOperation};
use commit::PlannedCommit;
use environment::Environment;
pub use event::{CallOutcome, Event, NoProducer, Refusal, RefusedScope};
pub use ids::{AssignmentId, OffsetRange, OffsetRanges, RecoveryUnit};
pub use lifecycle::TaskStage;
pub use limits::{Limits, Start};
use membership::Membership;
pub use report::ThreadReport;
use tasks::Tasks;
use timers::Timers;

use crate::deployment::Topology;
use crate::otp::LogTime;
use crate::state::StateStore;
use crate::task::Counters;
use crate::wire::outbox::Outbox;
use crate::wire::record::SourcePartition;

/// See the module.
pub struct StreamThread<S> {
    env: Environment,
    membership: Membership,
    tasks: Tasks<S>,
    batch: RetainedBatch,
    call: TransactionalCall,
    /// What the open transaction carries, once its commit is planned.
    planned: Option<PlannedCommit>,
    /// Of the tasks whose commit is being written.
    counters: Counters,
    timers: Timers,
}

impl<S: StateStore + Clone> StreamThread<S> {
    /// # Panics
    /// A limit is 0 that must not be.
    pub fn new(topology: Arc<Topology>, limits: Limits) -> Self {
        assert!(limits.records_per_commit_max > 0, "a commit must be able to carry a record");
        Self {
            env: Environment::new(topology, limits),
            membership: Membership::default(),
            tasks: Tasks::default(),
            batch: RetainedBatch::default(),
            call: TransactionalCall::default(),
            planned: None,
            counters: Counters::default(),
            timers: Timers::default(),
        }
    }

    /// Takes an event. `wall` is the wall clock.
    pub fn on(&mut self, event: Event<S>, wall: LogTime) {
        self.env.clock = self.env.clock.at(wall);
        let due = self.handle(event);
        self.drive(due);
    }

    /// The next command, if any. A call on the producer is issued only after the one before it has ended.
    pub fn next_command(&mut self) -> Option<Command> {
        self.env.next_command()
    }

    /// The records of the open transaction.
    pub fn outbox(&self) -> &Outbox {
        self.planned.as_ref().map_or(&self.batch.output.outbox, |commit| &commit.outbox)
    }

    /// The same, once the commit is planned: then nothing is added to it.
    pub fn planned_outbox(&self) -> Option<Arc<Outbox>> {
        self.planned.as_ref().map(|commit| commit.outbox.clone())
    }

    /// How long the driver may wait for records, in milliseconds.
    pub fn poll_wait_ms(&self, wall: LogTime) -> u64 {
        const IDLE_MS: u64 = 100;
        /// While answers are awaited that do not come through the poll.
        const RECOVERING_MS: u64 = 2;
        if self.tasks.is_recovering() {
            RECOVERING_MS
        } else if self.batch.is_empty() {
            IDLE_MS
        } else {
            let now = self.env.clock.at(wall).monotonic;
            self.batch.commit_due_at(&self.env.limits).since(now).min(IDLE_MS)
        }
    }

    /// How many more records the driver may hand in before a commit. 0: the driver waits for the end of the call under way,
    /// because the next commit is full, or because a sweep waits.
    pub fn room(&self) -> usize {
        if self.is_commit_in_flight() && self.timers.is_sweep_waiting() {
            return 0;
        }
        self.env.limits.records_per_commit_max.saturating_sub(self.batch.len())
    }

    /// The tasks and their stages, for health and metrics.
    pub fn stages(&self) -> impl Iterator<Item = (i32, TaskStage<'_>)> {
        self.tasks.stages()
    }

    /// Why this thread does not serve, apart from what its tasks say: it has no producer, or the cluster refuses what it
    /// forwards.
    pub fn refusal(&self) -> Option<&str> {
        self.call.replacing_reason().or_else(|| self.tasks.forwarder_refusal())
    }

    /// How many records of a source partition lie between what was read of it and its end. `None`: it is not ours.
    pub fn lag(&mut self, source: SourcePartition, end: i64) -> Option<u64> {
        let input = self.tasks.input(source, &self.env.topology)?;
        Some(u64::try_from(end - input.reached).unwrap_or(0))
    }

    /// Whether a transaction is open, or committed and not yet written to every store.
    pub fn has_open_transaction(&self) -> bool {
        !self.call.is_idle() && !self.call.is_replacing()
    }

    /// Whether records may be processed.
    fn takes_work(&self) -> bool {
        self.membership.is_active() && !self.call.is_replacing()
    }

    /// The calls of a planned commit are under way, and nobody knows yet how they end.
    fn is_commit_in_flight(&self) -> bool {
        self.planned.is_some() && self.call.leads_to_commit()
    }
}
