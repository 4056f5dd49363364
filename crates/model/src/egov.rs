//! The rows of the contract `egov` (docs/contracts/egov.md).

use serde_json::{Value, json};

use super::expected::{Case, Expected, Order, Ordered};
use super::{Subject, Way};

impl<'a> Case<'a> {
    pub(super) fn expect_egov(&mut self, subject: &mut Subject) -> Result<Expected, String> {
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

    /// # Errors
    /// The lines of a request that asks for no code, or gets none.
    pub(super) fn order_egov(&self) -> Result<Order<'a>, Vec<String>> {
        let operation = self.request.operation();
        if let Some(lines) = self.invalid(operation) {
            return Err(lines);
        }
        match operation {
            "send" => self.recipient(),
            "create" => Ok(self.created()),
            _ => Err(vec![format!("{operation} asks for no code")]),
        }
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
        let is_issue = matches!(operation, "send" | "create");
        let limits = [self.request.deadline, self.old().filter(|_| is_issue)];
        const TOLD: &str = "error 408 OTP.STALE_REQUEST";
        if !self.is_stale(TOLD, &limits)? {
            return Ok(None);
        }
        let mut lines = vec![TOLD.to_owned()];
        match operation {
            "send" | "create" => lines.push(self.suppressed("stale_request", self.purpose())),
            "validate" => lines.push(self.result("stale_request", None)),
            _ => {}
        }
        Ok(Some(lines))
    }

    fn send(&mut self, subject: &mut Subject) -> Result<Vec<String>, String> {
        let order = match self.recipient() {
            Ok(order) => order,
            Err(lines) => return Ok(lines),
        };
        let (mut lines, ordered) = self.issue(subject, &order)?;
        lines.push(match ordered {
            Ordered::Issued(_) => "sent".to_owned(),
            Ordered::Refused(reason) => refused(reason),
        });
        Ok(lines)
    }

    /// Whom the directory finds.
    fn recipient(&self) -> Result<Order<'a>, Vec<String>> {
        let number = Some(self.request.field("mobileNumber"));
        let purpose = self.purpose();
        let given = Order { purpose, way: Way::Delivered, number, address: None, window: None };
        let Some(directory) = &self.home.directory else { return Ok(given) };
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
                return Ok(Order { number, address, ..given });
            }
            ("login", None) => "OTP.UNKNOWN_CREDENTIAL",
            (_, None) => "OTP.UNKNOWN_MOBILE_NUMBER",
        };
        if self.rules.conceal_existence {
            return Ok(Order { way: Way::Withheld, ..given });
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
        let order = self.created();
        let (mut lines, ordered) = self.issue(subject, &order)?;
        lines.push(match ordered {
            Ordered::Issued(id) => {
                let mut body =
                    json!({"UUID": id, "identity": identity, "tenantId": root, "isValidationSuccessful": false});
                if order.way.reveals() {
                    body["otp"] = self.code().into();
                }
                otp_line(&body)
            }
            Ordered::Refused(reason) => refused(reason),
        });
        Ok(lines)
    }

    fn created(&self) -> Order<'a> {
        let identity = self.request.field("identity");
        let is_address = identity.contains('@');
        Order {
            purpose: self.purpose(),
            way: if self.request.caller.reveal_code { Way::Revealed } else { Way::Delivered },
            number: Some(identity).filter(|_| !is_address),
            address: Some(identity).filter(|_| is_address),
            window: None,
        }
    }

    fn validate(&self, subject: &mut Subject) -> Vec<String> {
        let request = self.request;
        let named = request.field("type").to_lowercase();
        let named = Some(named.as_str()).filter(|it| !it.is_empty());
        let (mut lines, judged) = self.judge(subject, named, request.field("otp"), None);
        lines.push(if judged.reason == "verified" {
            let id = judged.challenge;
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
}

/// The types of a `send`; the empty one is `register`.
const SENDABLE: [&str; 4] = ["", "register", "login", "passwordreset"];

fn refused(reason: &str) -> String {
    let (status, code) = match reason {
        "locked" => (423, "OTP.LOCKED"),
        "send_too_soon" => (429, "OTP.SEND_TOO_SOON"),
        _ => (429, "OTP.SEND_LIMIT_EXCEEDED"),
    };
    format!("error {status} {code}")
}

/// The object `otp` of a reply.
pub(crate) fn otp_line(otp: &Value) -> String {
    if otp.is_null() {
        return "otp null".to_owned();
    }
    let members = ["UUID", "identity", "tenantId", "isValidationSuccessful", "otp"];
    format!("otp{}", members.map(|name| format!(" {name}={}", otp[name])).concat())
}
