//! One subject: its challenges, its count of wrong tries, its lock and the times of its deliveries.
//!
//! Nothing is ever removed here, since what is over has no effect.

use super::window::Window;
use super::{Ms, Rules};

pub(crate) const DAY_MS: Ms = 24 * 60 * 60 * 1000;
const TEN_MINUTES_MS: Ms = 10 * 60 * 1000;
/// How long a place is held for a delivery that is decided elsewhere.
const HELD_MS: Ms = 15 * 60 * 1000;
const HELD_MAX: usize = 16;

/// Everything that is known about one (contract, tenant root, identity).
#[derive(Clone, Debug, Default)]
pub struct Subject {
    /// The latest time at which it was asked. Its time never goes back.
    pub(crate) asked_at: Ms,
    /// In the order of issue. The last one of a purpose hides those before it.
    pub(crate) challenges: Vec<Challenge>,
    pub(crate) consecutive_wrong: u64,
    pub(crate) lock: Lock,
    deliveries: Vec<Ms>,
    held: Vec<Held>,
}

/// The place of a delivery that is under way. It counts as a delivery.
#[derive(Clone, Debug)]
struct Held {
    /// Caller and id.
    request: (String, String),
    purpose: String,
    at: Ms,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Lock {
    #[default]
    None,
    Before(Ms),
    UntilUnlock,
}

#[derive(Clone, Debug)]
pub(crate) struct Challenge {
    /// As events and replies show it. Empty: nobody has seen it yet.
    pub id: String,
    pub purpose: String,
    issued_at: Ms,
    /// The last moment at which its code is right.
    pub deadline: Ms,
    pub digits: u64,
    pub tries: u64,
    pub tries_max: u64,
    rotates: bool,
    pub deliveries: u64,
    /// As it was seen last. `None`: it was sent to nobody, so that no code is right.
    pub code: Option<String>,
    is_decoy: bool,
    pub end: End,
}

/// What became of a challenge, its deadline aside.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum End {
    None,
    Used(Ms),
    /// Out of tries, or by a lock.
    Failed(Ms),
    Replaced,
}

/// How a code leaves the service.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    Delivered,
    Revealed,
    DeliveredAndRevealed,
    /// The recipient is unknown, and nobody may notice.
    Withheld,
}

/// What a request for a code must come to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Sent {
    /// `reason`: as the lifecycle stream says it.
    Refused { reason: &'static str, locked_until: Option<Ms> },
    /// A new challenge. Tell its id and its code with [`Subject::saw`].
    New { replaced: Option<String>, send_number: u64, deadline: Ms, digits: u64 },
    /// A live one, once more. `code`: it must be this one; `None`: another one, to be told with [`Subject::saw`].
    Again { id: String, send_number: u64, deadline: Ms, digits: u64, code: Option<String> },
}

impl Way {
    pub(crate) const fn counts(self) -> bool {
        !matches!(self, Self::Revealed)
    }

    pub(crate) const fn delivers(self) -> bool {
        matches!(self, Self::Delivered | Self::DeliveredAndRevealed)
    }

    pub(crate) const fn reveals(self) -> bool {
        matches!(self, Self::Revealed | Self::DeliveredAndRevealed)
    }
}

impl Challenge {
    pub(crate) fn is_live(&self, now: Ms) -> bool {
        self.end == End::None && now <= self.deadline
    }

    /// Whether an answer still knows what became of it.
    pub(crate) fn is_remembered(&self, now: Ms) -> bool {
        let ended = match self.end {
            End::None => self.deadline,
            End::Used(at) | End::Failed(at) => at,
            End::Replaced => return false,
        };
        now <= ended + DAY_MS
    }

    pub(crate) fn window(&self) -> Window {
        Window { digits: self.digits, begins: self.issued_at, ends: self.deadline }
    }

    /// At least a third of its life is left.
    fn is_young(&self, now: Ms) -> bool {
        3 * (self.deadline - now) >= self.deadline - self.issued_at
    }
}

impl Subject {
    /// The time at which a record counts that was appended at this time.
    pub(crate) fn time_of(&mut self, appended: Ms) -> Ms {
        self.asked_at = self.asked_at.max(appended);
        self.asked_at
    }

    /// Asks for a code.
    pub fn send(&mut self, purpose: &str, way: Way, appended: Ms, rules: &Rules) -> Sent {
        self.send_within(purpose, way, appended, rules, false, None)
    }

    /// `is_held`: the place of the delivery was held, so that its limits were judged. `window`: the request's own.
    pub(crate) fn send_within(
        &mut self,
        purpose: &str,
        way: Way,
        appended: Ms,
        rules: &Rules,
        is_held: bool,
        window: Option<Window>,
    ) -> Sent {
        let now = self.time_of(appended);
        let of_purpose = |it: &Challenge| it.purpose == purpose && it.is_live(now);
        let live = self.challenges.iter().rposition(of_purpose);
        let again = live.filter(|at| {
            let it = &self.challenges[*at];
            let fits = window.map_or_else(|| it.is_young(now), |window| it.window() == window);
            fits && it.is_decoy == (way == Way::Withheld)
        });
        if let Some(reason) = self.refusal(again, purpose, way, now, rules, is_held) {
            return Sent::Refused { reason, locked_until: self.locked_until(now) };
        }
        if way.counts() {
            self.deliveries.push(now);
        }
        match again {
            Some(at) => self.again(at, way),
            None => self.anew(live, purpose, way, rules, Window::of(window, now, rules)),
        }
    }

    /// Holds the place of a delivery while somebody else decides. What [`Subject::send`] would refuse is refused.
    pub(crate) fn hold(
        &mut self,
        request: (String, String),
        purpose: &str,
        way: Way,
        appended: Ms,
        rules: &Rules,
        window: Option<Window>,
    ) -> Result<(), &'static str> {
        let refused = self.clone().send_within(purpose, way, appended, rules, false, window);
        if let Sent::Refused { reason, .. } = refused {
            return Err(reason);
        }
        let at = self.time_of(appended);
        self.held.push(Held { request, purpose: purpose.to_owned(), at });
        Ok(())
    }

    /// Whether a place is held for this request.
    pub(crate) fn holds(&self, request: &(String, String), now: Ms) -> bool {
        self.held.iter().any(|it| it.request == *request && now <= it.at + HELD_MS)
    }

    /// Gives a place back. Whether it was held.
    pub(crate) fn release(&mut self, request: &(String, String), now: Ms) -> bool {
        let is_held = self.holds(request, now);
        self.held.retain(|it| it.request != *request);
        is_held
    }

    fn refusal(
        &self,
        again: Option<usize>,
        purpose: &str,
        way: Way,
        now: Ms,
        rules: &Rules,
        is_held: bool,
    ) -> Option<&'static str> {
        if self.is_locked(now) {
            return Some("locked");
        }
        if !way.counts() || is_held {
            return None;
        }
        let held = || self.held.iter().filter(|it| now <= it.at + HELD_MS);
        let since = |length: Ms| {
            let deliveries = self.deliveries.iter().chain(held().map(|it| &it.at));
            deliveries.filter(|at| now - **at < length).count() as u64
        };
        if since(rules.send_pause_ms) > 0 || held().count() >= HELD_MAX {
            return Some("send_too_soon");
        }
        let of_challenge = again.map_or(0, |at| {
            self.challenges[at].deliveries + held().filter(|it| it.purpose == purpose).count() as u64
        });
        let is_spent = of_challenge >= rules.sends_per_challenge_max
            || since(TEN_MINUTES_MS) >= rules.sends_per_10_min_max
            || since(DAY_MS) >= rules.sends_per_day_max;
        is_spent.then_some("send_limit")
    }

    fn again(&mut self, at: usize, way: Way) -> Sent {
        let it = &mut self.challenges[at];
        it.deliveries += u64::from(way.counts());
        Sent::Again {
            id: it.id.clone(),
            send_number: if way.counts() { it.deliveries } else { 0 },
            deadline: it.deadline,
            digits: it.digits,
            code: it.code.clone().filter(|_| !it.rotates),
        }
    }

    fn anew(&mut self, live: Option<usize>, purpose: &str, way: Way, rules: &Rules, window: Window) -> Sent {
        let replaced = live.map(|at| {
            let old = &mut self.challenges[at];
            old.end = End::Replaced;
            (old.id.clone(), old.tries)
        });
        self.challenges.push(Challenge {
            id: String::new(),
            purpose: purpose.to_owned(),
            issued_at: window.begins,
            deadline: window.ends,
            digits: window.digits,
            tries: replaced.as_ref().map_or(0, |(_, tries)| *tries),
            tries_max: rules.wrong_tries_max,
            rotates: rules.rotates,
            deliveries: u64::from(way.counts()),
            code: None,
            is_decoy: way == Way::Withheld,
            end: End::None,
        });
        Sent::New {
            replaced: replaced.map(|(id, _)| id),
            send_number: u64::from(way.counts()),
            deadline: window.ends,
            digits: window.digits,
        }
    }

    /// A challenge was seen, and its code, if anybody got it. An id that is new is that of the last challenge whose id
    /// nobody has seen.
    pub fn saw(&mut self, id: &str, code: Option<&str>) {
        let known = self.challenges.iter().rposition(|it| it.id == id);
        let at = known.or_else(|| self.challenges.iter().rposition(|it| it.id.is_empty()));
        let Some(at) = at else { return };
        id.clone_into(&mut self.challenges[at].id);
        if let Some(code) = code {
            self.challenges[at].code = Some(code.to_owned());
        }
    }

    /// An event names a challenge of this purpose. If it is new, it is one that was sent to nobody.
    pub(crate) fn see_hidden(&mut self, purpose: &str, id: &str) {
        if id.is_empty() || self.challenges.iter().any(|it| it.id == id) {
            return;
        }
        let hidden = |it: &&mut Challenge| it.purpose == purpose && it.id.is_empty();
        if let Some(challenge) = self.challenges.iter_mut().rev().find(hidden) {
            id.clone_into(&mut challenge.id);
        }
    }

    /// The deadline of a challenge that nothing but time ended.
    pub(crate) fn end_without_use(&self, id: &str) -> Option<Ms> {
        let challenge = self.challenges.iter().find(|it| it.id == id)?;
        (challenge.end == End::None).then_some(challenge.deadline)
    }

    /// Removes what was over at this time. Whether anything is left.
    pub(crate) fn sweep(&mut self, over: Ms) -> bool {
        self.challenges.retain(|it| it.is_remembered(over));
        self.deliveries.retain(|at| over < at + DAY_MS);
        self.held.retain(|it| over <= it.at + HELD_MS);
        if !self.is_locked(over) && self.lock != Lock::UntilUnlock {
            self.lock = Lock::None;
        }
        let is_counted = self.consecutive_wrong > 0 || self.lock != Lock::None;
        is_counted || !self.challenges.is_empty() || !self.deliveries.is_empty() || !self.held.is_empty()
    }

    /// Looks a challenge up by its id. Whether its code was used, until its deadline.
    pub fn search(&mut self, id: &str, appended: Ms) -> Option<bool> {
        let now = self.time_of(appended);
        let at = self.challenges.iter().position(|it| it.id == id)?;
        let it = &self.challenges[at];
        let is_hidden = self.challenges[at + 1..].iter().any(|later| later.purpose == it.purpose);
        (!is_hidden && now <= it.deadline).then_some(matches!(it.end, End::Used(_)))
    }

    pub fn unlock(&mut self, appended: Ms) {
        self.time_of(appended);
        self.lock = Lock::None;
        self.consecutive_wrong = 0;
    }

    pub fn forget(&mut self) {
        *self = Self::default();
    }

    pub(crate) fn is_locked(&self, now: Ms) -> bool {
        match self.lock {
            Lock::None => false,
            Lock::Before(end) => now < end,
            Lock::UntilUnlock => true,
        }
    }

    pub(crate) fn locked_until(&self, now: Ms) -> Option<Ms> {
        match self.lock {
            Lock::Before(end) if now < end => Some(end),
            Lock::None | Lock::Before(_) | Lock::UntilUnlock => None,
        }
    }
}
