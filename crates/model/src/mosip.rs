//! The rows of the contract `mosip` (docs/contracts/mosip.md), without the directory: a userId is an address itself.

use serde_json::{Value, json};

use super::expected::{Case, Expected, Order, Ordered};
use super::published::Stream;
use super::{Subject, Way};

const GENERATE: &str = "mosip.otp.generate";
const VALIDATE: &str = "mosip.otp.validate";
const SEND_OTP: &str = "mosip.authentication.sendotp";
const USER_ID_OTP: &str = "mosip.authentication.useridOTP";

const APPS: [&str; 6] =
    ["preregistration", "registrationclient", "registrationprocessor", "ida", "admin", "resident"];
const TOKEN_LIFETIME_S: u64 = 6_000;
const STALE: &str = "OTP-STALE-REQUEST";

impl<'a> Case<'a> {
    pub(super) fn expect_mosip(&mut self, subject: &mut Subject) -> Result<Expected, String> {
        let operation = self.request.operation();
        let is_verification = matches!(operation, VALIDATE | USER_ID_OTP);
        let errors = self.faults();
        if !errors.is_empty() {
            let mut lines = vec![self.errors(&errors)];
            if is_verification {
                lines.push(self.result("invalid_request", None));
            }
            return Ok(Expected { lines, is_judged_anew: self.request.has_bad_reply_headers });
        }
        let stale = self.errors(&[STALE]);
        let is_issue = matches!(operation, GENERATE | SEND_OTP);
        if self.is_stale(&stale, &[self.request.deadline, self.old().filter(|_| is_issue)])? {
            let mut lines = vec![stale];
            if is_issue {
                lines.push(self.suppressed("stale_request", self.purpose_mosip()));
            } else if is_verification {
                lines.push(self.result("stale_request", None));
            }
            return Ok(Expected { lines, is_judged_anew: true });
        }
        let lines = match operation {
            GENERATE | SEND_OTP => self.issue_mosip(subject)?,
            VALIDATE | USER_ID_OTP => self.judge_mosip(subject),
            _ => self.log_in(),
        };
        Ok(Expected { lines, is_judged_anew: false })
    }

    /// # Errors
    /// The lines of a request that asks for no code, or gets none.
    pub(super) fn order_mosip(&self) -> Result<Order<'a>, Vec<String>> {
        let errors = self.faults();
        match self.request.operation() {
            _ if !errors.is_empty() => Err(vec![self.errors(&errors)]),
            GENERATE | SEND_OTP => Ok(self.ordered()),
            operation => Err(vec![format!("{operation} asks for no code")]),
        }
    }

    fn ordered(&self) -> Order<'a> {
        let is_revealed = self.request.operation() == GENERATE;
        Order {
            purpose: self.purpose_mosip(),
            way: if is_revealed { Way::Revealed } else { Way::Delivered },
            number: Some(self.request.identity()).filter(|_| !is_revealed),
            address: None,
            window: None,
        }
    }

    fn issue_mosip(&mut self, subject: &mut Subject) -> Result<Vec<String>, String> {
        let order = self.ordered();
        let is_revealed = order.way.reveals();
        let (mut lines, ordered) = self.issue(subject, &order)?;
        lines.push(match ordered {
            Ordered::Issued(_) if is_revealed => {
                let code = json!(self.code());
                self.response("GENERATION_SUCCESSFUL", None, &code)
            }
            Ordered::Issued(_) => {
                self.response("success", Some("OTP had been sent successfully"), &Value::Null)
            }
            // The peer writes null as a text.
            Ordered::Refused("locked") if is_revealed => self.response("USER_BLOCKED", None, &json!("null")),
            Ordered::Refused("locked") => self.response("failure", Some("USER_BLOCKED"), &Value::Null),
            Ordered::Refused("send_too_soon") => self.errors(&["OTP-SEND-TOO-SOON"]),
            Ordered::Refused(_) => self.errors(&["OTP-SEND-LIMIT"]),
        });
        Ok(lines)
    }

    fn judge_mosip(&self, subject: &mut Subject) -> Vec<String> {
        let code = self.request.member("otp").as_str().unwrap_or_default();
        let (mut lines, judged) = self.judge(subject, Some(self.purpose_mosip()), code, None);
        let failed = |message| self.response("failure", Some(message), &Value::Null);
        lines.push(match judged.reason {
            "verified" => {
                let right = self.response("success", Some("VALIDATION_SUCCESSFUL"), &Value::Null);
                if self.request.operation() == USER_ID_OTP {
                    let id = judged.challenge.unwrap_or_default();
                    right + &self.token(self.request.field("appId"), &id, Some(("isOtpVerified", true)))
                } else {
                    right
                }
            }
            "locked" => failed("USER_BLOCKED"),
            "wrong_code" if subject.is_locked(self.now) => failed("USER_BLOCKED"),
            "wrong_code" => failed("VALIDATION_UNSUCCESSFUL"),
            "expired" => failed("OTP_EXPIRED"),
            _ => self.errors(&["KER-OTV-005"]),
        });
        lines
    }

    /// The secret of a client.
    fn log_in(&self) -> Vec<String> {
        let request = self.request;
        let secret = request.member("secretKey").as_str().unwrap_or_default();
        let app_id = request.member("appId").as_str();
        let client = self.home.clients.get(request.identity()).filter(|it| {
            it.is_active
                && it.secrets.iter().any(|it| it == secret)
                && app_id.is_none_or(|app_id| app_id == it.app_id)
        });
        let Some(client) = client else { return vec![self.errors(&["401"])] };
        let message = "Clientid and Token combination had been validated successfully";
        let right = self.response("Success", Some(message), &Value::Null);
        // The id of its request is the beginning of the reply's.
        let reply = self.published.iter().find(|it| it.stream == Stream::Reply);
        let id = reply.and_then(|it| it.token.as_ref()?["jti"].as_str().filter(|id| it.id.starts_with(*id)));
        vec![right + &self.token(&client.app_id, id.filter(|id| !id.is_empty()).unwrap_or("none"), None)]
    }

    /// Every error of the members that a request of its operation must have.
    fn faults(&self) -> Vec<&'static str> {
        let request = self.request;
        if request.has_bad_reply_headers || request.operation().is_empty() {
            return vec!["OTP-INVALID-REQUEST"];
        }
        if !request.caller.operations.iter().any(|it| it == request.operation()) {
            return vec!["KER-ATH-403"];
        }
        let is_app = APPS.contains(&request.field("appId"));
        match request.operation() {
            GENERATE if !self.has_length() => vec!["KER-OTG-001"],
            VALIDATE => self.code_faults(),
            SEND_OTP | USER_ID_OTP if !is_app => vec!["KER-ATH-026"],
            SEND_OTP if request.field("context").is_empty() => vec!["KER-ATH-401"],
            USER_ID_OTP => self.code_faults(),
            _ => Vec::new(),
        }
    }

    fn has_length(&self) -> bool {
        (3..=64).contains(&self.request.identity().chars().count())
    }

    fn code_faults(&self) -> Vec<&'static str> {
        let code = self.request.member("otp").as_str().unwrap_or_default();
        let is_numeric = !code.is_empty() && code.bytes().all(|it| it.is_ascii_digit());
        let rows = [
            ("KER-OTV-002", !self.has_length()),
            ("KER-OTV-003", code.is_empty()),
            ("KER-OTV-004", !is_numeric),
        ];
        rows.into_iter().filter(|(_, applies)| *applies).map(|(code, _)| code).collect()
    }

    fn purpose_mosip(&self) -> &'static str {
        match self.request.operation() {
            GENERATE | VALIDATE => "generate",
            _ => "sendotp",
        }
    }

    fn head(&self) -> String {
        format!("mosip {} {}:", self.request.body["id"], self.request.body["version"])
    }

    fn errors(&self, codes: &[&str]) -> String {
        format!("{} errors {}", self.head(), codes.join(" "))
    }

    fn response(&self, status: &str, message: Option<&str>, otp: &Value) -> String {
        format!("{} {} {} {otp}", self.head(), json!(status), json!(message))
    }

    /// The claims of a token, in the order of their names.
    fn token(&self, app_id: &str, id: &str, more: Option<(&str, bool)>) -> String {
        let issued_at = self.now / 1_000;
        let mut claims = json!({"iss": "otp-stream", "sub": self.request.identity(), "appId": app_id,
            "iat": issued_at, "exp": issued_at + TOKEN_LIFETIME_S, "jti": id});
        if let Some((name, value)) = more {
            claims[name] = value.into();
        }
        format!(" token {claims}")
    }
}
