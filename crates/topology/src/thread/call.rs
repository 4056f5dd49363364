//! The transactional call: which call on the producer is under way, and what follows when it ends.
//!
//! A machine of its own: a call's ending goes in, the next step comes out. Knows no records, tasks or partitions.
//!
//! ```text
//!         Begin            Offer                     SendOffsets        Commit             all batches written
//! Idle ─────────▶ Beginning ─▶ Open ⇄ Offering   Open ─────▶ SendingOffsets ─▶ Committing ─▶ Writing ─▶ Idle
//!                     │         │        │                         │               │
//!                     └─────────┴────────┴──── refused, fenced ────┴───────────────┴─▶ Aborting ─▶ Idle
//!                     └──────────────── outcome unknown ───────────────────────────┴─────▶│
//!                                                                        Replacing ◀──────┘  (then Idle)
//! ```
//!
//! At most one call is under way. After an unknown outcome the producer makes no other call: a new producer with the same
//! transactional id settles the transaction. The first new producer is made immediately, those that follow after a pause
//! that grows, until a transaction has ended.

use super::event::{CallOutcome, NoProducer, Refusal};
use super::limits::Limits;
use super::pause::GrowingPause;
use crate::otp::LogTime;

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum CallState {
    #[default]
    Idle,
    Beginning,
    /// A transaction is open, and no call is under way.
    Open,
    Offering,
    SendingOffsets,
    Committing,
    /// Committed. This many write batches are not acknowledged.
    Writing(usize),
    Aborting(AfterAbort),
    /// A new producer is being made, or will be at `make_at`.
    Replacing {
        make_at: Option<LogTime>,
    },
}

/// What follows an abort.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum AfterAbort {
    /// What remains of the batch runs again.
    RunAgain,
    /// The batch is dropped: another member owns its tasks, or they are initialised again.
    Drop,
}

/// A call that the records and the planned commit make necessary.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum NextCall {
    Begin,
    Offer,
    SendOffsets,
}

/// What follows the end of a call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum NextStep {
    /// The transaction is open. Issue the next call, if there is one.
    Continue,
    /// The offsets are part of the transaction. Commit it.
    Commit,
    /// The commit is acknowledged. Write the stores.
    WriteStores,
    /// The cluster refuses what the transaction carries. Roll back and abort it.
    AbortRefused(Refusal),
    /// The group no longer knows this member. Roll back, drop the batch and abort.
    AbortFenced,
    /// The abort is acknowledged.
    AfterAbort(AfterAbort),
    /// Nobody knows how the transaction ended. Roll back, drop the batch, and make a new producer when it is due.
    ReplaceProducer { reason: String },
}

/// Why the thread gives up.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct TooManyProducers {
    pub attempts: u32,
    pub reason: String,
}

#[derive(Debug, Default)]
pub(super) struct TransactionalCall {
    state: CallState,
    /// Records of the open transaction that were offered to the driver.
    offered: usize,
    /// New producers since a transaction ended, without those that the cluster refused.
    replacements: u32,
    pause: GrowingPause,
    /// Why the last producer was given up, or could not be made.
    reason: String,
}

impl TransactionalCall {
    /// No transaction is open, and the producer is good.
    pub(super) fn is_idle(&self) -> bool {
        self.state == CallState::Idle
    }

    /// A transaction is open, and no call is under way.
    pub(super) fn is_open(&self) -> bool {
        self.state == CallState::Open
    }

    /// No call is under way, and the producer is good.
    pub(super) fn is_quiet(&self) -> bool {
        self.is_idle() || self.is_open()
    }

    /// A call is under way that leads to a commit, if one is planned.
    pub(super) fn leads_to_commit(&self) -> bool {
        match self.state {
            CallState::Beginning
            | CallState::Offering
            | CallState::SendingOffsets
            | CallState::Committing => true,
            CallState::Idle
            | CallState::Open
            | CallState::Writing(_)
            | CallState::Aborting(_)
            | CallState::Replacing { .. } => false,
        }
    }

    pub(super) fn is_replacing(&self) -> bool {
        matches!(self.state, CallState::Replacing { .. })
    }

    /// Why there is no producer, if there is none.
    pub(super) fn replacing_reason(&self) -> Option<&str> {
        self.is_replacing().then_some(self.reason.as_str())
    }

    /// Starts the next call. `records` is the length of the outbox, `is_planned` whether its commit is planned.
    pub(super) fn next(&mut self, records: usize, is_planned: bool) -> Option<NextCall> {
        match self.state {
            CallState::Idle if records > 0 || is_planned => {
                self.offered = 0;
                self.to(CallState::Beginning);
                Some(NextCall::Begin)
            }
            CallState::Open if records > self.offered => {
                self.offered = records;
                self.to(CallState::Offering);
                Some(NextCall::Offer)
            }
            CallState::Open if is_planned => {
                self.to(CallState::SendingOffsets);
                Some(NextCall::SendOffsets)
            }
            CallState::Idle
            | CallState::Open
            | CallState::Beginning
            | CallState::Offering
            | CallState::SendingOffsets
            | CallState::Committing
            | CallState::Writing(_)
            | CallState::Aborting(_)
            | CallState::Replacing { .. } => None,
        }
    }

    /// The call under way has ended.
    pub(super) fn ended(&mut self, outcome: CallOutcome, now: LogTime, limits: &Limits) -> NextStep {
        match (self.state, outcome) {
            (CallState::Beginning | CallState::Offering, CallOutcome::Done) => {
                self.to(CallState::Open);
                NextStep::Continue
            }
            (CallState::SendingOffsets, CallOutcome::Done) => {
                self.to(CallState::Committing);
                NextStep::Commit
            }
            (CallState::Committing, CallOutcome::Done) => {
                self.transaction_ended();
                NextStep::WriteStores
            }
            (CallState::Aborting(after), CallOutcome::Done) => {
                self.transaction_ended();
                self.to(CallState::Idle);
                NextStep::AfterAbort(after)
            }
            (CallState::Aborting(_), CallOutcome::FencedByGroup) => {
                self.unknown("the abort was fenced".to_owned(), now, limits)
            }
            (CallState::Aborting(_), CallOutcome::Refused(Refusal { reason, .. }))
            | (_, CallOutcome::Unknown(reason)) => self.unknown(reason, now, limits),
            (_, CallOutcome::Refused(refusal)) => {
                self.to(CallState::Aborting(AfterAbort::RunAgain));
                NextStep::AbortRefused(refusal)
            }
            (_, CallOutcome::FencedByGroup) => {
                self.to(CallState::Aborting(AfterAbort::Drop));
                NextStep::AbortFenced
            }
            (state, CallOutcome::Done) => unreachable!("no call is under way in {state:?}"),
        }
    }

    /// Aborts the open transaction.
    pub(super) fn abort(&mut self, after: AfterAbort) {
        assert!(self.is_open(), "only an open transaction is aborted between two calls");
        self.to(CallState::Aborting(after));
    }

    /// The commit is acknowledged, and this many batches are to be written. Returns whether there are none.
    pub(super) fn write(&mut self, batches: usize) -> bool {
        self.to(CallState::Writing(batches));
        if batches == 0 {
            self.to(CallState::Idle);
        }
        batches == 0
    }

    /// Whether a commit's write batches are under way.
    pub(super) fn is_writing(&self) -> bool {
        matches!(self.state, CallState::Writing(_))
    }

    /// One batch is written. Returns whether it was the last.
    pub(super) fn written(&mut self) -> bool {
        let CallState::Writing(left) = self.state else {
            unreachable!("no batch is being written");
        };
        if left > 1 {
            self.to(CallState::Writing(left - 1));
            return false;
        }
        self.to(CallState::Idle);
        true
    }

    pub(super) fn replaced(&mut self) {
        self.to(CallState::Idle);
    }

    /// The new producer could not be made. Another one is made after a pause.
    ///
    /// # Errors
    /// Too many could not be made.
    pub(super) fn not_replaced(
        &mut self,
        why: NoProducer,
        now: LogTime,
        limits: &Limits,
    ) -> Result<(), TooManyProducers> {
        match why {
            NoProducer::Failed(reason) if self.replacements >= limits.producer_replacements_max => {
                return Err(TooManyProducers { attempts: self.replacements, reason });
            }
            NoProducer::Failed(reason) => self.reason = reason,
            NoProducer::Refused(reason) => {
                self.reason = reason;
                self.replacements -= 1;
            }
        }
        let make_at = Some(now.plus(self.pause.next_ms(limits)));
        self.to(CallState::Replacing { make_at });
        Ok(())
    }

    /// Whether it is time to make a new producer; then the attempt is under way.
    ///
    /// # Errors
    /// Too many were made, and none of them has ended a transaction.
    pub(super) fn makes_producer(&mut self, now: LogTime, limits: &Limits) -> Result<bool, TooManyProducers> {
        if !matches!(self.state, CallState::Replacing { make_at: Some(at) } if now >= at) {
            return Ok(false);
        }
        self.to(CallState::Replacing { make_at: None });
        if self.replacements >= limits.producer_replacements_max {
            return Err(TooManyProducers { attempts: self.replacements, reason: self.reason.clone() });
        }
        self.replacements += 1;
        Ok(true)
    }

    /// The producer works with the cluster.
    fn transaction_ended(&mut self) {
        self.replacements = 0;
        self.pause = GrowingPause::default();
    }

    fn unknown(&mut self, reason: String, now: LogTime, limits: &Limits) -> NextStep {
        let pause_ms = if self.replacements == 0 { 0 } else { self.pause.next_ms(limits) };
        self.reason.clone_from(&reason);
        self.to(CallState::Replacing { make_at: Some(now.plus(pause_ms)) });
        NextStep::ReplaceProducer { reason }
    }

    /// The transitions of the drawing.
    fn to(&mut self, next: CallState) {
        use CallState as At;
        let is_allowed = matches!(
            (self.state, next),
            (At::Idle, At::Beginning)
                | (At::Beginning | At::Offering, At::Open)
                | (At::Open, At::Offering | At::SendingOffsets)
                | (At::SendingOffsets, At::Committing)
                | (At::Committing, At::Writing(_))
                | (At::Writing(_), At::Writing(_))
                | (At::Writing(_) | At::Aborting(_) | At::Replacing { .. }, At::Idle)
                | (
                    At::Beginning | At::Open | At::Offering | At::SendingOffsets | At::Committing,
                    At::Aborting(_)
                )
                | (
                    At::Beginning
                        | At::Offering
                        | At::SendingOffsets
                        | At::Committing
                        | At::Aborting(_)
                        | At::Replacing { .. },
                    At::Replacing { .. }
                )
        );
        assert!(is_allowed, "a transactional call goes from {:?} to {next:?}", self.state);
        self.state = next;
    }
}

#[cfg(test)]
mod tests {
    use super::super::event::RefusedScope;
    use super::*;

    /// The machine after calls and endings in their order. A number: that many records are in the outbox. `planned`: their
    /// commit is planned, too. `batches`: a commit's two batches are written.
    fn after(steps: &str) -> TransactionalCall {
        let mut call = TransactionalCall::default();
        steps.split_whitespace().for_each(|step| step_of(&mut call, step));
        call
    }

    fn step_of(call: &mut TransactionalCall, step: &str) {
        match step {
            "done" => drop(end(call, CallOutcome::Done)),
            "refused" => drop(end(call, refused())),
            "unknown" => drop(end(call, unknown())),
            "planned" => drop(call.next(2, true)),
            "batches" => assert!(!call.write(2) && !call.written() && call.written()),
            "abort" => call.abort(AfterAbort::RunAgain),
            "replaced" => call.replaced(),
            records => drop(call.next(records.parse().expect("a number of records"), false)),
        }
    }

    const LIMITS: Limits =
        Limits { pause_min_ms: 5, pause_max_ms: 40, producer_replacements_max: 3, ..Limits::DEFAULT };

    fn end(call: &mut TransactionalCall, outcome: CallOutcome) -> NextStep {
        call.ended(outcome, LogTime::default(), &LIMITS)
    }

    fn refusal() -> Refusal {
        Refusal { scope: RefusedScope::Everything, reason: String::new() }
    }

    fn refused() -> CallOutcome {
        CallOutcome::Refused(refusal())
    }

    fn unknown() -> CallOutcome {
        CallOutcome::Unknown(String::new())
    }

    const COMMITTING: &str = "planned done planned done planned done";

    #[test]
    fn the_next_call_follows_from_records_and_plan() {
        let written = format!("{COMMITTING} done batches");
        for (steps, records, is_planned, expected) in [
            ("", 0, false, None),
            ("", 1, false, Some(NextCall::Begin)),
            ("", 0, true, Some(NextCall::Begin)),
            ("1", 1, false, None),
            ("1 done", 1, false, Some(NextCall::Offer)),
            ("1 done 1", 2, false, None),
            ("1 done 1 done", 1, false, None),
            ("1 done 1 done", 2, false, Some(NextCall::Offer)),
            ("1 done 1 done", 1, true, Some(NextCall::SendOffsets)),
            ("planned done planned done planned", 2, true, None),
            (COMMITTING, 2, true, None),
            (&written, 1, false, Some(NextCall::Begin)),
            ("1 unknown", 1, true, None),
            ("1 unknown replaced", 1, false, Some(NextCall::Begin)),
        ] {
            assert_eq!(after(steps).next(records, is_planned), expected, "{steps}: {records}, {is_planned}");
        }
    }

    #[test]
    fn the_end_of_a_call_leads_to_the_next_step() {
        let (abort, replace) =
            (NextStep::AbortRefused(refusal()), NextStep::ReplaceProducer { reason: String::new() });
        let (aborting, failed) = ("1 done abort", format!("{COMMITTING} refused"));
        let aborted = NextStep::AfterAbort(AfterAbort::RunAgain);
        for (steps, outcome, expected) in [
            ("1", CallOutcome::Done, &NextStep::Continue),
            ("1", refused(), &abort),
            ("1", unknown(), &replace),
            ("1 done 1", CallOutcome::FencedByGroup, &NextStep::AbortFenced),
            ("planned done planned done planned", CallOutcome::Done, &NextStep::Commit),
            ("planned done planned done planned", CallOutcome::FencedByGroup, &NextStep::AbortFenced),
            (COMMITTING, CallOutcome::Done, &NextStep::WriteStores),
            (COMMITTING, refused(), &abort),
            (COMMITTING, unknown(), &replace),
            (aborting, CallOutcome::Done, &aborted),
            (aborting, refused(), &replace),
            (aborting, unknown(), &replace),
            (&failed, CallOutcome::Done, &aborted),
        ] {
            assert_eq!(&end(&mut after(steps), outcome.clone()), expected, "{steps}: {outcome:?}");
        }
        let fenced = end(&mut after(aborting), CallOutcome::FencedByGroup);
        assert!(matches!(fenced, NextStep::ReplaceProducer { .. }), "{fenced:?}");
    }

    /// After how many milliseconds each new producer is made, and the number of attempts after which the thread gives up.
    /// `ends`: how each producer ends before the next one is made.
    fn check_producers(ends: &[&str], expected_ms: &[u64], gives_up: Option<u32>) {
        let (mut call, mut now) = (after("1 unknown"), LogTime::default());
        let (mut waits_ms, mut given_up) = (Vec::new(), None);
        for end in ends {
            let begun = now;
            given_up = loop {
                match call.makes_producer(now, &LIMITS) {
                    Ok(false) => now = now.plus(1),
                    Ok(true) => break None,
                    Err(TooManyProducers { attempts, .. }) => break Some(attempts),
                }
            };
            if given_up.is_some() {
                break;
            }
            waits_ms.push(now.since(begun));
            let not_made = match *end {
                "refused" => Some(NoProducer::Refused(String::new())),
                "failed" => Some(NoProducer::Failed(String::new())),
                _ => None,
            };
            if let Some(why) = not_made {
                given_up = call.not_replaced(why, now, &LIMITS).err().map(|it| it.attempts);
                if given_up.is_some() {
                    break;
                }
                continue;
            }
            call.replaced();
            for step in
                if *end == "commits" { "planned done planned done planned done done batches 1" } else { "1" }
                    .split(' ')
            {
                step_of(&mut call, step);
            }
            drop(call.ended(unknown(), now, &LIMITS));
        }
        assert_eq!((waits_ms.as_slice(), given_up), (expected_ms, gives_up), "{ends:?}");
    }

    #[test]
    fn producers_are_replaced_after_growing_pauses_and_a_bounded_number_of_times() {
        check_producers(&["unknown"; 9], &[0, 5, 10], Some(3));
        check_producers(&["failed"; 9], &[0, 5, 10], Some(3));
        check_producers(&["unknown", "failed", "unknown", "unknown"], &[0, 5, 10], Some(3));
        check_producers(&["refused"; 7], &[0, 5, 10, 20, 40, 40, 40], None);
        check_producers(&["commits"; 7], &[0, 0, 0, 0, 0, 0, 0], None);
        check_producers(&["unknown", "unknown", "commits", "unknown"], &[0, 5, 10, 0], None);
    }

    #[test]
    #[should_panic(expected = "no call is under way")]
    fn a_call_that_was_not_made_cannot_end() {
        after("1 done done");
    }

    #[test]
    #[should_panic(expected = "goes from Committing to Beginning")]
    fn a_transition_that_is_not_in_the_drawing_panics() {
        after(COMMITTING).to(CallState::Beginning);
    }
}
