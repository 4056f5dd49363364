//! One typed code against a subject.

use super::subject::{Challenge, End, Lock};
use super::window::Window;
use super::{Ms, Rules, Subject};

/// What a verification must come to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verified {
    /// As the validation result says it.
    pub reason: &'static str,
    /// The challenge that was judged. Empty: nobody has seen its id.
    pub challenge: Option<String>,
    pub purpose: Option<String>,
    pub attempts: Option<u64>,
    pub attempts_remaining: Option<u64>,
    pub locked_until: Option<Ms>,
    /// The lifecycle events, in order.
    pub told: Vec<&'static str>,
}

impl Subject {
    /// Judges a typed code. `purpose`: `None` if the verification names none.
    pub fn verify(&mut self, purpose: Option<&str>, typed: &str, appended: Ms, rules: &Rules) -> Verified {
        self.verify_within(purpose, typed, appended, rules, None)
    }

    /// `window`: what the code must have been issued for, where the request repeats it.
    pub(crate) fn verify_within(
        &mut self,
        purpose: Option<&str>,
        typed: &str,
        appended: Ms,
        rules: &Rules,
        window: Option<Window>,
    ) -> Verified {
        let now = self.time_of(appended);
        let target = self.target(purpose, now);
        let (reason, told) = match target {
            _ if self.is_locked(now) => ("locked", Vec::new()),
            None => ("no_challenge", Vec::new()),
            Some(at) => match self.objection(at, appended, now, window) {
                Some(reason) => (reason, Vec::new()),
                None => self.compare(at, typed, now, rules),
            },
        };
        let it = target.map(|at| &self.challenges[at]);
        let is_live = it.is_some_and(|it| it.is_live(now));
        let is_tried = matches!(reason, "wrong_code" | "not_yet_valid" | "mismatch");
        let remaining = is_tried.then(|| {
            let it = it.filter(|_| is_live && !self.is_locked(now));
            it.map_or(0, |it| it.tries_max.saturating_sub(it.tries).min(self.until_lock(rules)))
        });
        Verified {
            reason,
            challenge: it.map(|it| it.id.clone()),
            purpose: it.map(|it| it.purpose.clone()),
            attempts: it.map(|it| it.tries),
            attempts_remaining: remaining,
            locked_until: self.locked_until(now),
            told,
        }
    }

    /// The last challenge of the named purpose. Without one the last that is live, else the last of all.
    fn target(&self, purpose: Option<&str>, now: Ms) -> Option<usize> {
        let last = |wanted: &dyn Fn(&Challenge) -> bool| self.challenges.iter().rposition(wanted);
        let at = match purpose {
            Some(purpose) => last(&|it| it.purpose == purpose),
            None => last(&|it| it.is_live(now)).or_else(|| last(&|it| it.is_remembered(now))),
        };
        at.filter(|at| self.challenges[*at].is_remembered(now))
    }

    /// Why the code is not even compared.
    fn objection(&self, at: usize, appended: Ms, now: Ms, window: Option<Window>) -> Option<&'static str> {
        let it = &self.challenges[at];
        match it.end {
            End::Used(_) => return Some("already_used"),
            End::Failed(_) => return Some("ended"),
            End::None | End::Replaced => {}
        }
        // The time of a person never goes back, but a window that has not begun is seen by the request itself.
        if window.is_some() && appended < it.window().begins {
            return Some("not_yet_valid");
        }
        if now > it.deadline {
            return Some("expired");
        }
        window.filter(|window| *window != it.window()).map(|_| "mismatch")
    }

    fn compare(
        &mut self,
        at: usize,
        typed: &str,
        now: Ms,
        rules: &Rules,
    ) -> (&'static str, Vec<&'static str>) {
        let it = &mut self.challenges[at];
        if it.code.as_deref() == Some(typed) {
            it.end = End::Used(now);
            self.consecutive_wrong = 0;
            return ("verified", vec!["verified"]);
        }
        let mut told = Vec::new();
        it.tries += 1;
        if it.tries >= it.tries_max {
            it.end = End::Failed(now);
            told.push("failed");
        }
        self.consecutive_wrong += 1;
        if self.consecutive_wrong >= rules.hard_lock_after {
            self.lock = Lock::UntilUnlock;
        } else if self.consecutive_wrong.is_multiple_of(rules.lock_after) {
            self.lock = Lock::Before(now + rules.lock_ms);
        }
        if self.is_locked(now) {
            told.push("locked");
            for it in self.challenges.iter_mut().filter(|it| it.is_live(now)) {
                it.end = End::Failed(now);
            }
        }
        ("wrong_code", told)
    }

    /// How many more wrong codes lock the subject.
    fn until_lock(&self, rules: &Rules) -> u64 {
        let soft = rules.lock_after - self.consecutive_wrong % rules.lock_after;
        soft.min(rules.hard_lock_after.saturating_sub(self.consecutive_wrong).max(1))
    }
}
