//! Who waits because the cluster refuses what it writes: for how long, and when that is over.
//!
//! ```text
//! refused ── pause ─▶ tried again ─┬─ refused again: the pause doubles
//!                                  └─ committed, and then quiet for a while: it is over
//! ```
//!
//! One commit alone ends nothing: a part of the refused records may write to other topics only.

use std::collections::BTreeMap;

use super::ids::RecoveryUnit;
use super::limits::Limits;
use super::pause::GrowingPause;
use crate::otp::LogTime;

#[derive(Default)]
pub(super) struct Refusals {
    refused: BTreeMap<RecoveryUnit, Refused>,
}

#[derive(Default)]
struct Refused {
    reason: String,
    pause: GrowingPause,
    standing: Standing,
}

#[derive(Clone, Copy, Default)]
enum Standing {
    #[default]
    New,
    Waits {
        until: LogTime,
    },
    /// It is over at `over_at`, if nothing is refused before.
    Tried {
        over_at: LogTime,
    },
}

impl Refusals {
    /// What this unit wrote was refused, perhaps again.
    pub(super) fn refuse(&mut self, unit: RecoveryUnit, reason: &str, now: LogTime, limits: &Limits) {
        let refused = self.refused.entry(unit).or_default();
        reason.clone_into(&mut refused.reason);
        let until = now.plus(refused.pause.next_ms(limits));
        refused.standing = Standing::Waits { until };
    }

    /// Those whose pause is over: they are tried again.
    pub(super) fn take_due(&mut self, now: LogTime, limits: &Limits) -> Vec<RecoveryUnit> {
        let mut due = Vec::new();
        for (unit, refused) in &mut self.refused {
            if matches!(refused.standing, Standing::Waits { until } if now >= until) {
                // Perhaps nothing is left that could be refused.
                refused.standing = Standing::Tried { over_at: now.plus(2 * limits.refusal_quiet_ms) };
                due.push(*unit);
            }
        }
        due
    }

    /// A commit wrote for this unit.
    pub(super) fn committed(&mut self, unit: RecoveryUnit, now: LogTime, limits: &Limits) {
        if let Some(Refused { standing: Standing::Tried { over_at }, .. }) = self.refused.get_mut(&unit) {
            *over_at = now.plus(limits.refusal_quiet_ms).min(*over_at);
        }
    }

    /// Forgets those that are over, and returns their number.
    pub(super) fn end(&mut self, now: LogTime) -> usize {
        let before = self.refused.len();
        self.refused
            .retain(|_, refused| !matches!(refused.standing, Standing::Tried { over_at } if now >= over_at));
        before - self.refused.len()
    }

    /// Why a unit does not serve; `None`: nothing of it is refused.
    pub(super) fn reason(&self, unit: RecoveryUnit) -> Option<&str> {
        self.refused.get(&unit).map(|refused| refused.reason.as_str())
    }

    /// Why a forward-only partition does not serve, if one does not.
    pub(super) fn forwarder_reason(&self) -> Option<&str> {
        let of_forwarder = |(unit, _): &(&RecoveryUnit, _)| matches!(unit, RecoveryUnit::Forwarder(_));
        self.refused.iter().find(of_forwarder).map(|(_, refused)| refused.reason.as_str())
    }

    pub(super) fn clear(&mut self) {
        self.refused.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const UNIT: RecoveryUnit = RecoveryUnit::Task(3);
    const LIMITS: Limits =
        Limits { pause_min_ms: 10, pause_max_ms: 40, refusal_quiet_ms: 100, ..Limits::DEFAULT };

    /// Events by their time: it is `refused`, tried again (`due` or not), `committed`, `over` or not.
    fn check(events: &[(u64, &str)]) {
        let mut refusals = Refusals::default();
        for (at, event) in events {
            let now = LogTime::from_ms(*at);
            match *event {
                "refused" => refusals.refuse(UNIT, "no right", now, &LIMITS),
                "committed" => refusals.committed(UNIT, now, &LIMITS),
                "due" => assert_eq!(refusals.take_due(now, &LIMITS), [UNIT], "{at}: {events:?}"),
                "waits" => assert_eq!(refusals.take_due(now, &LIMITS), [], "{at}: {events:?}"),
                "over" => assert_eq!(refusals.end(now), 1, "{at}: {events:?}"),
                "lasts" => {
                    assert_eq!(refusals.end(now), 0, "{at}: {events:?}");
                    assert_eq!(refusals.reason(UNIT), Some("no right"), "{at}: {events:?}");
                }
                other => panic!("no event {other}"),
            }
        }
    }

    #[test]
    fn the_pause_grows_until_a_commit_and_some_quiet_end_it() {
        check(&[(0, "refused"), (9, "waits"), (9, "lasts"), (10, "due"), (10, "waits")]);
        check(&[(0, "refused"), (10, "due"), (11, "refused"), (30, "waits"), (31, "due")]);
        check(&[(0, "refused"), (10, "due"), (20, "committed"), (119, "lasts"), (120, "over")]);
        let again = [(0, "refused"), (10, "due"), (20, "committed"), (30, "refused"), (49, "waits")];
        check(&[&again[..], &[(50, "due"), (140, "lasts"), (249, "lasts"), (250, "over")]].concat());
        check(&[
            (0, "refused"),
            (5, "committed"),
            (900, "lasts"),
            (900, "due"),
            (1_099, "lasts"),
            (1_100, "over"),
        ]);
    }
}
