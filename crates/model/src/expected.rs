//! What must be published for one request that is no repeat.

use serde_json::{Value, json};

use super::home::Home;
use super::published::{Published, Stream};
use super::{Ms, Request, Rules, Sent, Subject, Verified, Way};

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

/// Who gets a code, and how.
struct Recipient<'a> {
    way: Way,
    number: Option<&'a str>,
    address: Option<&'a str>,
}

impl<'a> Case<'a> {
    /// # Errors
    /// What was published cannot be right, whatever it says.
    pub(crate) fn expect(&mut self, subject: &mut Subject) -> Result<Expected, String> {
        let operation = self.request.operation();
        if let Some(lines) = self.invalid(operation) {
            return Ok(Expected { lines, is_judged_anew: self.request.has_bad_reply_headers });
        }
        if let Some(lines) = self.stale(operation)? {
            return Ok(Expected { lines, is_judged_anew: true });
        }
        let lines = match operation {
            "send" => self.send(subject)?,
            "create" => self.create(subject)?,
            "validate" => self.validate(subject),
            _ => self.search(subject),
        };
        Ok(Expected { lines, is_judged_anew: false })
    }

    /// What a request asks the home of its number for.
    ///
    /// # Errors
    /// It has nothing to ask, or must be answered here.
    pub(crate) fn ask(&self, subject: &mut Subject) -> Result<(String, u64), String> {
        let request = self.request;
        let operation = request.operation();
        if let Some(lines) = self.invalid(operation) {
            return Err(format!("it asks for its number, but the contract says {lines:?}"));
        }
        let old = request.appended + self.rules.lifetime_ms;
        if [Some(old), request.deadline].iter().flatten().any(|limit| request.clock.is_past(*limit)) {
            return Err("it asks for its number, but is stale".to_owned());
        }
        let recipient = match operation {
            "send" => {
                self.recipient().map_err(|lines| format!("it asks, but the contract says {lines:?}"))?
            }
            "create" => self.created(),
            _ => return Err(format!("{operation} asks for a number")),
        };
        let (Some(number), Some(max), true) =
            (recipient.number, self.rules.sends_per_number_hour_max, recipient.way.counts())
        else {
            return Err("it asks for its number, and nothing limits it".to_owned());
        };
        let held = subject.hold(request.name(), self.purpose(), recipient.way, request.appended, &self.rules);
        held.map_err(|reason| format!("it asks for its number, but is refused: {reason}"))?;
        Ok((number.to_owned(), max))
    }

    /// The rows of a request that is not judged at all.
    fn invalid(&self, operation: &str) -> Option<Vec<String>> {
        let request = self.request;
        let codes = if request.has_bad_reply_headers {
            vec!["OTP.INVALID_REPLY"]
        } else if !request.caller.operations.iter().any(|it| it == operation) {
            vec!["OTP.OPERATION_NOT_ALLOWED"]
        } else {
            self.missing(operation)
        };
        if codes.is_empty() {
            return None;
        }
        let mut lines = vec![format!("error 400 {}", codes.join(" "))];
        if operation == "validate" {
            lines.push(self.result("invalid_request", None));
        }
        Some(lines)
    }

    fn missing(&self, operation: &str) -> Vec<&'static str> {
        let is_empty = |name: &str| self.request.field(name).is_empty();
        let kind = self.request.field("type").to_lowercase();
        let tenant = ("OTP.TENANT_ID_MANDATORY", is_empty("tenantId"));
        let identity = ("OTP.IDENTITY_MANDATORY", is_empty("identity"));
        let rows = match operation {
            "send" => vec![
                tenant,
                ("OTP.MOBILE_NUMBER_MANDATORY", is_empty("mobileNumber")),
                ("OTP.REQUEST_TYPE_MANDATORY", !SENDABLE.contains(&kind.as_str())),
            ],
            "create" => vec![tenant, identity],
            "validate" => vec![
                tenant,
                identity,
                ("OTP.OTP_MANDATORY", is_empty("otp")),
                ("OTP.REQUEST_TYPE_MANDATORY", kind != "generic" && !SENDABLE.contains(&kind.as_str())),
            ],
            _ => vec![("OTP.UUID_MANDATORY", is_empty("UUID")), tenant, identity],
        };
        rows.into_iter().filter(|(_, applies)| *applies).map(|(code, _)| code).collect()
    }

    /// A request that came too late does nothing.
    fn stale(&self, operation: &str) -> Result<Option<Vec<String>>, String> {
        let request = self.request;
        let old = request.appended + self.rules.lifetime_ms;
        let is_issue = matches!(operation, "send" | "create");
        let limits = [request.deadline, is_issue.then_some(old)];
        let mut limits = limits.iter().flatten();
        let (must, may) = (
            limits.clone().any(|limit| request.clock.is_past(*limit)),
            limits.any(|limit| request.clock.may_be_past(*limit)),
        );
        let told = self.replied("error 408 OTP.STALE_REQUEST");
        if must != told && (must || !may) {
            return Err(format!(
                "it is told to be stale: {told}; it is for certain: {must}, it may be: {may}"
            ));
        }
        if !told {
            return Ok(None);
        }
        let mut lines = vec!["error 408 OTP.STALE_REQUEST".to_owned()];
        match operation {
            "send" | "create" => lines.push(self.suppressed("stale_request", self.purpose())),
            "validate" => lines.push(self.result("stale_request", None)),
            _ => {}
        }
        Ok(Some(lines))
    }

    fn send(&mut self, subject: &mut Subject) -> Result<Vec<String>, String> {
        let recipient = match self.recipient() {
            Ok(recipient) => recipient,
            Err(lines) => return Ok(lines),
        };
        let (mut lines, id) = self.issue(subject, &recipient)?;
        if id.is_some() {
            lines.push("sent".to_owned());
        }
        Ok(lines)
    }

    /// Whom the directory finds.
    fn recipient(&self) -> Result<Recipient<'a>, Vec<String>> {
        let number = Some(self.request.field("mobileNumber"));
        let given = Recipient { way: Way::Delivered, number, address: None };
        let Some(directory) = &self.home.directory else { return Ok(given) };
        let purpose = self.purpose();
        let key = self.request.subject().unwrap_or_default();
        let users = directory.get(&key).and_then(|record| record["users"].as_array());
        let of_tenant = |it: &&Value| {
            it["tenantId"] == self.request.root() && (purpose == "register" || it["active"] != false)
        };
        let user = users.and_then(|users| users.iter().find(of_tenant));
        let error = match (purpose, user) {
            ("register", None) => return Ok(given),
            ("register", Some(_)) => "OTP.MOBILENUMBER",
            (_, Some(user)) => {
                let [number, address] = ["mobileNumber", "emailId"].map(|name| user[name].as_str());
                return Ok(Recipient { way: Way::Delivered, number, address });
            }
            ("login", None) => "OTP.UNKNOWN_CREDENTIAL",
            (_, None) => "OTP.UNKNOWN_MOBILE_NUMBER",
        };
        if self.rules.conceal_existence {
            return Ok(Recipient { way: Way::Withheld, ..given });
        }
        let mut lines = vec![format!("error 400 {error}")];
        if purpose != "register" {
            lines.push(self.suppressed("unknown_recipient", purpose));
        }
        Err(lines)
    }

    fn create(&mut self, subject: &mut Subject) -> Result<Vec<String>, String> {
        let request = self.request;
        let (identity, root) = (request.field("identity"), request.root());
        let recipient = self.created();
        let way = recipient.way;
        let (mut lines, id) = self.issue(subject, &recipient)?;
        if let Some(id) = id {
            let mut body =
                json!({"UUID": id, "identity": identity, "tenantId": root, "isValidationSuccessful": false});
            if way == Way::Revealed {
                body["otp"] = self.code().into();
            }
            lines.push(otp_line(&body));
        }
        Ok(lines)
    }

    fn created(&self) -> Recipient<'a> {
        let identity = self.request.field("identity");
        let is_address = identity.contains('@');
        Recipient {
            way: if self.request.caller.reveal_code { Way::Revealed } else { Way::Delivered },
            number: Some(identity).filter(|_| !is_address),
            address: Some(identity).filter(|_| is_address),
        }
    }

    /// Asks for a code. The id of its challenge, if there is one.
    fn issue(
        &mut self,
        subject: &mut Subject,
        to: &Recipient<'_>,
    ) -> Result<(Vec<String>, Option<String>), String> {
        let purpose = self.purpose();
        let is_seen = to.way != Way::Withheld;
        let mut lines = Vec::new();
        let (appended, is_held) = (self.request.appended, self.is_held);
        let sent = if self.is_spent(to) {
            let mut refused = subject.clone();
            match refused.send_held(purpose, to.way, appended, &self.rules, is_held) {
                Sent::Refused { reason, locked_until } => Sent::Refused { reason, locked_until },
                Sent::New { .. } | Sent::Again { .. } => {
                    Sent::Refused { reason: "number_limit", locked_until: None }
                }
            }
        } else {
            subject.send_held(purpose, to.way, appended, &self.rules, is_held)
        };
        let has_to_ask = self.rules.sends_per_number_hour_max.is_some() && to.way.counts();
        let is_refused = matches!(sent, Sent::Refused { .. });
        if has_to_ask && to.number.is_some() && self.request.is_granted.is_none() && !is_refused {
            return Err("its number was not asked".to_owned());
        }
        let (kind, id, number, deadline, code) = match sent {
            Sent::Refused { reason, .. } => {
                let (status, code) = refusal(reason);
                lines.push(format!("error {status} {code}"));
                lines.push(self.suppressed(reason, purpose));
                return Ok((lines, None));
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
        if !is_seen {
            let reason = if purpose == "register" { "known_recipient" } else { "unknown_recipient" };
            lines.push(self.suppressed(reason, purpose));
            return Ok((lines, Some(id)));
        }
        let seen = self.code();
        if seen.is_empty() {
            return Err(format!("no code of {} digits was sent or revealed", self.digits));
        }
        subject.saw(&id, Some(&seen));
        let code = code.unwrap_or(seen);
        lines.push(self.lifecycle(kind, purpose, &id.clone().into(), Some(number)));
        if to.way == Way::Delivered {
            let tenant = self.request.field("tenantId");
            let sms = |to| format!("sms to {to} of {tenant}: {id}-sms-{number} {code} until {deadline}");
            lines.extend(to.number.map(sms));
            lines.extend(to.address.map(|to| format!("email to {}: {code}", Value::from(to))));
        }
        Ok((lines, Some(id)))
    }

    /// Whether the home of the number refused the delivery.
    fn is_spent(&self, to: &Recipient<'_>) -> bool {
        to.way.counts() && to.number.is_some() && self.request.is_granted == Some(false)
    }

    fn validate(&self, subject: &mut Subject) -> Vec<String> {
        let request = self.request;
        let named = request.field("type").to_lowercase();
        let named = Some(named.as_str()).filter(|it| !it.is_empty());
        let judged = subject.verify(named, request.field("otp"), request.appended, &self.rules);
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
        lines.push(if judged.reason == "verified" {
            otp_line(&json!({"UUID": id, "identity": request.field("identity"), "tenantId": request.root(), "isValidationSuccessful": true}))
        } else {
            "error 400 OTP.VALIDATION_UNSUCCESSFUL".to_owned()
        });
        lines
    }

    fn search(&self, subject: &mut Subject) -> Vec<String> {
        let request = self.request;
        let id = request.field("UUID").to_lowercase();
        let found = subject.search(&id, request.appended);
        let body = found.map(|used| {
            json!({"UUID": id, "identity": request.field("identity"), "tenantId": request.root(), "isValidationSuccessful": used})
        });
        vec![otp_line(&body.unwrap_or_default())]
    }

    fn purpose(&self) -> &'static str {
        if self.request.operation() == "create" {
            return "generic";
        }
        let kind = self.request.field("type").to_lowercase();
        SENDABLE.into_iter().find(|it| *it == kind && !it.is_empty()).unwrap_or("register")
    }

    fn replied(&self, line: &str) -> bool {
        self.published.iter().any(|it| it.stream == Stream::Reply && it.line(0) == line)
    }

    /// The code that was sent or revealed. Empty: none.
    fn code(&self) -> String {
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

    fn suppressed(&self, reason: &str, purpose: &str) -> String {
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
    fn result(&self, reason: &str, judged: Option<&Verified>) -> String {
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
        let tenant = Some(self.request.field("tenantId")).filter(|it| !it.is_empty());
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

/// The types of a `send`; the empty one is `register`.
const SENDABLE: [&str; 4] = ["", "register", "login", "passwordreset"];

fn refusal(reason: &str) -> (u16, &'static str) {
    match reason {
        "locked" => (423, "OTP.LOCKED"),
        "send_too_soon" => (429, "OTP.SEND_TOO_SOON"),
        _ => (429, "OTP.SEND_LIMIT_EXCEEDED"),
    }
}

/// The object `otp` of a reply.
pub(crate) fn otp_line(otp: &Value) -> String {
    if otp.is_null() {
        return "otp null".to_owned();
    }
    let members = ["UUID", "identity", "tenantId", "isValidationSuccessful", "otp"];
    format!("otp{}", members.map(|name| format!(" {name}={}", otp[name])).concat())
}
