//! What was published for a request, in lines that can be compared. No line holds what the model does not judge.

use serde_json::Value;

use super::egov::otp_line;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stream {
    Reply,
    Sms,
    Email,
    Result,
    Lifecycle,
}

/// An event or a reply.
#[derive(Clone, Debug)]
pub struct Published {
    pub stream: Stream,
    /// The header `ce_id`.
    pub id: String,
    /// The header `ce_time`, as it is written.
    pub time: String,
    pub body: Value,
    /// The claims of the token in the header `authorization` of a reply.
    pub token: Option<Value>,
}

impl Published {
    pub(crate) fn text(&self, name: &str) -> &str {
        self.body[name].as_str().unwrap_or_default()
    }

    /// The code that a reply reveals.
    fn revealed(&self) -> &Value {
        let body = &self.body;
        let places = [&body["otp"]["otp"], &body["response"]["otp"]];
        places.into_iter().find(|it| it.is_string()).unwrap_or(&body["otp"])
    }

    /// The last run of so many digits in the text of a notification. Empty: there is none.
    pub(crate) fn code(&self, digits: u64) -> String {
        let text = match self.stream {
            Stream::Sms => &self.body["message"],
            Stream::Email => &self.body["email"]["body"],
            Stream::Reply => self.revealed(),
            Stream::Result | Stream::Lifecycle => &Value::Null,
        };
        let runs = text.as_str().unwrap_or_default().split(|it: char| !it.is_ascii_digit());
        runs.rev().find(|run| run.len() as u64 == digits).unwrap_or_default().to_owned()
    }

    /// `digits`: of the code that it may hold.
    pub(crate) fn line(&self, digits: u64) -> String {
        let body = &self.body;
        match self.stream {
            Stream::Reply => {
                let token = self.token.as_ref().map_or(String::new(), |claims| format!(" token {claims}"));
                reply_line(body) + &token
            }
            Stream::Sms => {
                let (to, until) = (self.text("mobileNumber"), &body["expiryTime"]);
                let (event, code, tenant) = (self.text("eventId"), self.code(digits), self.text("tenantId"));
                format!("sms to {to} of {tenant}: {event} {code} until {until}")
            }
            Stream::Email => {
                let (to, code) = (&body["email"]["emailTo"][0], self.code(digits));
                format!("email to {to}: {code}")
            }
            Stream::Result => {
                let names = ["result", "reason", "purpose", "challengeId", "attempts", "attemptsRemaining"];
                self.members("result", &[&names[..], &["lockedUntil"], ABOUT].concat())
            }
            Stream::Lifecycle => {
                let names = ["type", "reason", "purpose", "challengeId", "sendNumber"];
                let locked: &[&str] = if body["type"] == "locked" { &["lockedUntil"] } else { &[] };
                self.members("lifecycle", &[&names[..], locked, ABOUT].concat())
            }
        }
    }

    fn members(&self, stream: &str, names: &[&str]) -> String {
        let values = names.iter().map(|name| format!(" {name}={}", self.body[*name]));
        stream.to_owned() + &values.collect::<String>()
    }
}

/// What every result and every lifecycle event says about its request.
const ABOUT: &[&str] = &["tenantId", "requestId", "caller", "occurredAt"];

fn reply_line(body: &Value) -> String {
    if body["status"].is_u64() {
        return int_line(body);
    }
    if body.get("responsetime").is_some() {
        return mosip_line(body);
    }
    if body["isSuccessful"] == true {
        return "sent".to_owned();
    }
    if let Some(error) = body.get("error") {
        let fields = error["fields"].as_array().into_iter().flatten();
        let codes = fields.map(|it| format!(" {}", it["code"].as_str().unwrap_or("?")));
        return format!("error {}{}", error["code"], codes.collect::<String>());
    }
    otp_line(&body["otp"])
}

/// The members of a refusal have another name in each operation.
fn int_line(body: &Value) -> String {
    if body["status"] == 200 {
        return format!("int 200 {} {}", body["message"], body["otp"]);
    }
    let names = ["error-message", "errorMessage"];
    let name = names.into_iter().find(|name| body.get(name).is_some()).unwrap_or_default();
    format!("int {} {} {name}", body["status"], body["errorCode"])
}

fn mosip_line(body: &Value) -> String {
    let head = format!("mosip {} {}:", body["id"], body["version"]);
    match body["errors"].as_array() {
        Some(errors) => {
            let codes = errors.iter().map(|it| format!(" {}", it["errorCode"].as_str().unwrap_or("?")));
            format!("{head} errors{}", codes.collect::<String>())
        }
        None => {
            let response = &body["response"];
            format!("{head} {} {} {}", response["status"], response["message"], response["otp"])
        }
    }
}
