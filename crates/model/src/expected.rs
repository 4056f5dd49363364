//! What must be published for one request that is no repeat: what the contracts share.

use serde_json::{Value, json};

use super::home::Home;
use super::published::{Published, Stream};
use super::window::Window;
use super::{Contract, Ms, Request, Rules, Sent, Subject, Verified, Way};

/// One request, and what is known when it is judged.
pub(crate) struct Case<'a> {
    pub home: &'a Home,
    pub request: &'a Request<'a>,
    /// Of its tenant.
    pub rules: Rules,
    pub now: Ms,
    pub published: &'a [Published],
    /// How many digits the code has that was sent or revealed.
    pub digits: u64,
    /// The new challenges that were seen.
    pub ids: Vec<String>,
    /// The place of its delivery was held.
    pub is_held: bool,
}

/// In any order. See [`Published::line`].
pub(crate) struct Expected {
    pub lines: Vec<String>,
    /// The request did nothing: sent again, it is judged anew.
    pub is_judged_anew: bool,
}

/// A code that is asked for: what for, who gets it, and how.
pub(crate) struct Order<'a> {
    pub purpose: &'a str,
    pub way: Way,
    pub number: Option<&'a str>,
    pub address: Option<&'a str>,
    /// The request's own.
    pub window: Option<Window>,
}

/// What became of an order.
pub(crate) enum Ordered {
    /// The id of the challenge. Empty: nobody has seen it.
    Issued(String),
    /// `reason`: as the lifecycle stream says it.
    Refused(&'static str),
}

impl<'a> Case<'a> {
    /// # Errors
    /// What was published cannot be right, whatever it says.
    pub(crate) fn expect(&mut self, subject: &mut Subject) -> Result<Expected, String> {
        match self.request.caller.contract {
            Contract::Egov => self.expect_egov(subject),
            Contract::Int => self.expect_int(subject),
            Contract::Mosip => self.expect_mosip(subject),
        }
    }

    /// What a request asks the home of its number for.
    ///
    /// # Errors
    /// It has nothing to ask, or must be answered here.
    pub(crate) fn ask(&self, subject: &mut Subject) -> Result<(String, u64), String> {
        let request = self.request;
        let order = match request.caller.contract {
            Contract::Egov => self.order_egov(),
            Contract::Int => self.order_int(),
            Contract::Mosip => self.order_mosip(),
        };
        let order = order.map_err(|lines| format!("it asks, but the contract says {lines:?}"))?;
        let old = match order.window {
            None => request.appended + self.rules.lifetime_ms,
            Some(window) => window.ends,
        };
        if [Some(old), request.deadline].iter().flatten().any(|limit| request.clock.is_past(*limit)) {
            return Err("it asks for its number, but is stale".to_owned());
        }
        let (Some(number), Some(max), true) =
            (order.number, self.rules.sends_per_number_hour_max, order.way.counts())
        else {
            return Err("it asks for its number, and nothing limits it".to_owned());
        };
        let held = subject.hold(
            request.name(),
            order.purpose,
            order.way,
            request.appended,
            &self.rules,
            order.window,
        );
        held.map_err(|reason| format!("it asks for its number, but is refused: {reason}"))?;
        Ok((number.to_owned(), max))
    }

    /// Whether the request is told to have come after one of these limits.
    ///
    /// # Errors
    /// It is told so and did not, or the other way round.
    pub(crate) fn is_stale(&self, told: &str, limits: &[Option<Ms>]) -> Result<bool, String> {
        let clock = self.request.clock;
        let mut limits = limits.iter().flatten();
        let must = limits.clone().any(|limit| clock.is_past(*limit));
        let may = limits.any(|limit| clock.may_be_past(*limit));
        let told = self.replied(told);
        if must != told && (must || !may) {
            return Err(format!(
                "it is told to be stale: {told}; it is for certain: {must}, it may be: {may}"
            ));
        }
        Ok(told)
    }

    /// How old a request for a code may be, by the rules.
    pub(crate) fn old(&self) -> Option<Ms> {
        Some(self.request.appended + self.rules.lifetime_ms)
    }

    /// Asks for a code: what is published besides the reply.
    pub(crate) fn issue(
        &mut self,
        subject: &mut Subject,
        order: &Order<'_>,
    ) -> Result<(Vec<String>, Ordered), String> {
        let Order { purpose, way, window, .. } = *order;
        let is_seen = way != Way::Withheld;
        let mut lines = Vec::new();
        let sent = self.sent(subject, order);
        let has_to_ask = self.rules.sends_per_number_hour_max.is_some() && way.counts();
        let is_refused = matches!(sent, Sent::Refused { .. });
        if has_to_ask && order.number.is_some() && self.request.is_granted.is_none() && !is_refused {
            return Err("its number was not asked".to_owned());
        }
        let (kind, id, number, deadline, code) = match sent {
            Sent::Refused { reason, .. } => {
                lines.push(self.suppressed(reason, purpose));
                return Ok((lines, Ordered::Refused(reason)));
            }
            Sent::New { replaced, send_number, deadline, digits } => {
                self.digits = digits;
                lines.extend(replaced.map(|old| self.lifecycle("superseded", purpose, &old.into(), None)));
                let id = if is_seen { self.new_id()? } else { String::new() };
                ("issued", id, send_number, deadline, None)
            }
            Sent::Again { id, send_number, deadline, digits, code } => {
                self.digits = digits;
                ("resent", id, send_number, deadline, code)
            }
        };
        debug_assert!(window.is_none_or(|it| it.ends == deadline), "the request's own window is kept");
        if !is_seen {
            let reason = if purpose == "register" { "known_recipient" } else { "unknown_recipient" };
            lines.push(self.suppressed(reason, purpose));
            return Ok((lines, Ordered::Issued(id)));
        }
        let seen = self.code();
        if seen.is_empty() {
            return Err(format!("no code of {} digits was sent or revealed", self.digits));
        }
        subject.saw(&id, Some(&seen));
        let code = code.unwrap_or(seen);
        lines.push(self.lifecycle(kind, purpose, &id.clone().into(), Some(number)));
        if way.delivers() {
            let tenant = self.request.tenant();
            let sms = |to| format!("sms to {to} of {tenant}: {id}-sms-{number} {code} until {deadline}");
            lines.extend(order.number.map(sms));
            lines.extend(order.address.map(|to| format!("email to {}: {code}", Value::from(to))));
        }
        Ok((lines, Ordered::Issued(id)))
    }

    fn sent(&self, subject: &mut Subject, order: &Order<'_>) -> Sent {
        let Order { purpose, way, window, .. } = *order;
        let (appended, is_held) = (self.request.appended, self.is_held);
        let is_spent = way.counts() && order.number.is_some() && self.request.is_granted == Some(false);
        if !is_spent {
            return subject.send_within(purpose, way, appended, &self.rules, is_held, window);
        }
        match subject.clone().send_within(purpose, way, appended, &self.rules, is_held, window) {
            Sent::Refused { reason, locked_until } => Sent::Refused { reason, locked_until },
            Sent::New { .. } | Sent::Again { .. } => {
                Sent::Refused { reason: "number_limit", locked_until: None }
            }
        }
    }

    /// Judges a typed code: what is published besides the reply.
    pub(crate) fn judge(
        &self,
        subject: &mut Subject,
        purpose: Option<&str>,
        typed: &str,
        window: Option<Window>,
    ) -> (Vec<String>, Verified) {
        let judged = subject.verify_within(purpose, typed, self.request.appended, &self.rules, window);
        let mut lines = vec![self.result(judged.reason, Some(&judged))];
        let purpose = judged.purpose.as_deref().unwrap_or_default();
        let id: Value = judged.challenge.clone().into();
        lines.extend(judged.told.iter().map(|kind| {
            let end = if *kind == "locked" {
                format!(" lockedUntil={}", json!(judged.locked_until))
            } else {
                String::new()
            };
            self.lifecycle_with(kind, purpose, &id, None, &end)
        }));
        (lines, judged)
    }

    pub(crate) fn replied(&self, line: &str) -> bool {
        self.published.iter().any(|it| it.stream == Stream::Reply && it.line(0) == line)
    }

    /// The code that was sent or revealed. Empty: none.
    pub(crate) fn code(&self) -> String {
        let codes = self.published.iter().map(|it| it.code(self.digits));
        codes.into_iter().find(|code| !code.is_empty()).unwrap_or_default()
    }

    fn new_id(&mut self) -> Result<String, String> {
        let issued = self.published.iter().find(|it| it.text("type") == "issued");
        let id = issued.map(|it| it.text("challengeId").to_owned()).unwrap_or_default();
        if id.is_empty() {
            return Err("a code is due, and none was issued".to_owned());
        }
        self.ids.push(id.clone());
        Ok(id)
    }

    pub(crate) fn suppressed(&self, reason: &str, purpose: &str) -> String {
        self.line(
            "lifecycle",
            &[
                ("type", "suppressed".into()),
                ("reason", reason.into()),
                ("purpose", purpose.into()),
                ("challengeId", Value::Null),
                ("sendNumber", Value::Null),
            ],
            "",
        )
    }

    fn lifecycle(&self, kind: &str, purpose: &str, id: &Value, number: Option<u64>) -> String {
        self.lifecycle_with(kind, purpose, id, number, "")
    }

    fn lifecycle_with(
        &self,
        kind: &str,
        purpose: &str,
        id: &Value,
        number: Option<u64>,
        end: &str,
    ) -> String {
        self.line(
            "lifecycle",
            &[
                ("type", kind.into()),
                ("reason", Value::Null),
                ("purpose", purpose.into()),
                ("challengeId", id.clone()),
                ("sendNumber", number.into()),
            ],
            end,
        )
    }

    /// The validation result. `judged`: `None` if nothing was judged.
    pub(crate) fn result(&self, reason: &str, judged: Option<&Verified>) -> String {
        let result = if reason == "verified" { "accepted" } else { "rejected" };
        let published = self.published.iter().find(|it| it.stream == Stream::Result);
        // While the subject is locked no challenge is judged. An answer may name the one that would have been.
        let free = |name: &str| published.map_or(Value::Null, |it| it.body[name].clone());
        let [purpose, id, attempts] = match judged {
            Some(_) if reason == "locked" => ["purpose", "challengeId", "attempts"].map(free),
            Some(it) => [it.purpose.clone().into(), it.challenge.clone().into(), it.attempts.into()],
            None => [Value::Null, Value::Null, Value::Null],
        };
        self.line(
            "result",
            &[
                ("result", result.into()),
                ("reason", reason.into()),
                ("purpose", purpose),
                ("challengeId", id),
                ("attempts", attempts),
                ("attemptsRemaining", judged.and_then(|it| it.attempts_remaining).into()),
                ("lockedUntil", judged.and_then(|it| it.locked_until).into()),
            ],
            "",
        )
    }

    fn line(&self, stream: &str, members: &[(&str, Value)], more: &str) -> String {
        let tenant = Some(self.request.tenant()).filter(|it| !it.is_empty());
        let (id, caller) = (json!(self.request.id), json!(self.request.caller.name));
        let members = members.iter().map(|(name, value)| format!(" {name}={value}"));
        let members: String = members.collect();
        format!(
            "{stream}{members}{more} tenantId={} requestId={id} caller={caller} occurredAt={}",
            json!(tenant),
            self.now
        )
    }
}
