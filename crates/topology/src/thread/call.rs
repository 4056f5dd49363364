//! The transactional call: which call on the producer is under way, and what follows when it ends.
//!
//! A machine of its own: a call's ending goes in, the next step comes out. Knows no records, tasks or partitions.
//!
//! ```text
//!         Begin            Offer                     SendOffsets        Commit             all batches written
//! Idle ─────────▶ Beginning ─▶ Open ⇄ Offering   Open ─────▶ SendingOffsets ─▶ Committing ─▶ Writing ─▶ Idle
//!                     │         │        │                         │               │
//!                     └─────────┴────────┴──── abort ──────────────┴───────────────┴─▶ Aborting ─▶ Idle
//!                     └──────────────── outcome unknown ───────────────────────────┴─────▶│
//!                                                                        Replacing ◀──────┘  (then Idle)
//! ```
//!
//! At most one call is under way. After an unknown outcome the producer makes no other call: a new producer with the same
//! transactional id settles the transaction.

use super::event::CallOutcome;
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
    /// A new producer is being made. `retry_at` is set when that failed.
    Replacing {
        retry_at: Option<LogTime>,
    },
}

/// What follows an abort.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum AfterAbort {
    /// The batch runs again. The abort is counted, because one of its records may be the cause.
    RunAgain,
    /// What remains of the batch is processed.
    Continue,
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
    /// The transaction cannot be committed. Roll back and abort it.
    Abort { reason: String },
    /// The group no longer knows this member. Roll back, drop the batch and abort.
    AbortFenced,
    /// The abort is acknowledged.
    AfterAbort(AfterAbort),
    /// Nobody knows how the transaction ended. Roll back, drop the batch and replace the producer.
    ReplaceProducer { reason: String },
}

#[derive(Debug, Default)]
pub(super) struct TransactionalCall {
    state: CallState,
    /// Records of the open transaction that were offered to the driver.
    offered: usize,
    /// Consecutive producers that were replaced without a commit.
    replacements: u32,
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
    pub(super) fn ended(&mut self, outcome: CallOutcome) -> NextStep {
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
                self.replacements = 0;
                NextStep::WriteStores
            }
            (CallState::Aborting(after), CallOutcome::Done) => {
                self.to(CallState::Idle);
                NextStep::AfterAbort(after)
            }
            (CallState::Aborting(_), CallOutcome::FencedByGroup) => {
                self.unknown("the abort was fenced".to_owned())
            }
            (CallState::Aborting(_), CallOutcome::Abortable(reason)) | (_, CallOutcome::Unknown(reason)) => {
                self.unknown(reason)
            }
            (_, CallOutcome::Abortable(reason)) => {
                self.to(CallState::Aborting(AfterAbort::RunAgain));
                NextStep::Abort { reason }
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

    /// The new producer could not be made. Returns the number of attempts if they are too many.
    pub(super) fn not_replaced(&mut self, retry_at: LogTime, replacements_max: u32) -> Option<u32> {
        if self.replacements >= replacements_max {
            return Some(self.replacements);
        }
        self.to(CallState::Replacing { retry_at: Some(retry_at) });
        None
    }

    /// Whether it is time to make a new producer again; then the attempt is under way.
    pub(super) fn retries(&mut self, now: LogTime) -> bool {
        let is_due = matches!(self.state, CallState::Replacing { retry_at: Some(at) } if now >= at);
        if is_due {
            self.replace();
        }
        is_due
    }

    fn unknown(&mut self, reason: String) -> NextStep {
        self.replace();
        NextStep::ReplaceProducer { reason }
    }

    fn replace(&mut self) {
        self.replacements += 1;
        self.to(CallState::Replacing { retry_at: None });
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
    use super::*;

    /// The machine after calls and endings in their order. A number: that many records are in the outbox. `planned`: their
    /// commit is planned, too. `batches`: a commit's two batches are written.
    fn after(steps: &str) -> TransactionalCall {
        let mut call = TransactionalCall::default();
        for step in steps.split_whitespace() {
            match step {
                "done" => drop(call.ended(CallOutcome::Done)),
                "abortable" => drop(call.ended(abortable())),
                "unknown" => drop(call.ended(unknown())),
                "planned" => drop(call.next(2, true)),
                "batches" => assert!(!call.write(2) && !call.written() && call.written()),
                "abort" => call.abort(AfterAbort::Continue),
                "replaced" => call.replaced(),
                records => drop(call.next(records.parse().expect("a number of records"), false)),
            }
        }
        call
    }

    fn abortable() -> CallOutcome {
        CallOutcome::Abortable(String::new())
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
            (NextStep::Abort { reason: String::new() }, NextStep::ReplaceProducer { reason: String::new() });
        let (aborting, failed) = ("1 done abort", format!("{COMMITTING} abortable"));
        let aborted = NextStep::AfterAbort(AfterAbort::Continue);
        let run_again = NextStep::AfterAbort(AfterAbort::RunAgain);
        for (steps, outcome, expected) in [
            ("1", CallOutcome::Done, &NextStep::Continue),
            ("1", abortable(), &abort),
            ("1", unknown(), &replace),
            ("1 done 1", CallOutcome::FencedByGroup, &NextStep::AbortFenced),
            ("planned done planned done planned", CallOutcome::Done, &NextStep::Commit),
            ("planned done planned done planned", CallOutcome::FencedByGroup, &NextStep::AbortFenced),
            (COMMITTING, CallOutcome::Done, &NextStep::WriteStores),
            (COMMITTING, abortable(), &abort),
            (COMMITTING, unknown(), &replace),
            (aborting, CallOutcome::Done, &aborted),
            (aborting, abortable(), &replace),
            (aborting, unknown(), &replace),
            (&failed, CallOutcome::Done, &run_again),
        ] {
            assert_eq!(&after(steps).ended(outcome.clone()), expected, "{steps}: {outcome:?}");
        }
        let fenced = after(aborting).ended(CallOutcome::FencedByGroup);
        assert!(matches!(fenced, NextStep::ReplaceProducer { .. }), "{fenced:?}");
    }

    #[test]
    fn a_producer_is_replaced_a_bounded_number_of_times() {
        let (mut call, at) = (after("1 unknown"), LogTime::from_ms);
        assert_eq!(call.not_replaced(at(5), 2), None);
        assert!(!call.retries(at(4)));
        assert!(call.retries(at(5)) && !call.retries(at(6)), "the attempt is under way");
        assert_eq!(call.not_replaced(at(9), 2), Some(2));
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
