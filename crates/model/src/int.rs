//! The rows of the contract `int` (docs/contracts/int-otp.md).

use super::expected::{Case, Expected, Order, Ordered};
use super::window::{Window, start_time};
use super::{Ms, Subject, Way};

const PURPOSE: &str = "otp";
const SKEW_MS: Ms = 60_000;
const CHANNELS: [&str; 4] = ["Digital", "Partner", "App", "Brand"];

/// The numbers of refusals.
const MALFORMED: u64 = 1;
const WINDOW_OVER: u64 = 2;
const TOO_EARLY: u64 = 3;
const WRONG: u64 = 4;
const NO_SUCH_CODE: u64 = 5;
const LOCKED: u64 = 6;
const LIMITED: u64 = 7;
const STALE: u64 = 8;
const NOT_ALLOWED: u64 = 9;

impl<'a> Case<'a> {
    pub(super) fn expect_int(&mut self, subject: &mut Subject) -> Result<Expected, String> {
        let is_validate = self.request.operation() == "VALIDATE";
        let window = match self.int_window() {
            Ok(window) => window,
            Err(number) => {
                let mut lines = vec![self.refused_int(number)];
                if is_validate {
                    lines.push(self.result("invalid_request", None));
                }
                return Ok(Expected { lines, is_judged_anew: self.request.has_bad_reply_headers });
            }
        };
        if is_validate { self.validate_int(subject, window) } else { self.generate_int(subject, window) }
    }

    /// # Errors
    /// The lines of a request that asks for no code, or gets none.
    pub(super) fn order_int(&self) -> Result<Order<'a>, Vec<String>> {
        let window = self.int_window().map_err(|number| vec![self.refused_int(number)])?;
        match self.outside(window) {
            _ if self.request.operation() == "VALIDATE" => Err(vec!["VALIDATE asks for no code".to_owned()]),
            Some(number) => Err(vec![self.refused_int(number)]),
            None => Ok(self.generated(window)),
        }
    }

    fn generate_int(&mut self, subject: &mut Subject, window: Window) -> Result<Expected, String> {
        let stale = self.refused_int(STALE);
        let outside = self.outside(window);
        let waited = Some(window.ends).filter(|_| outside.is_none());
        if self.is_stale(&stale, &[self.request.deadline, waited])? {
            let lines = vec![stale, self.suppressed("stale_request", PURPOSE)];
            return Ok(Expected { lines, is_judged_anew: true });
        }
        if let Some(number) = outside {
            return Ok(Expected { lines: vec![self.refused_int(number)], is_judged_anew: false });
        }
        let order = self.generated(window);
        let (mut lines, ordered) = self.issue(subject, &order)?;
        lines.push(match ordered {
            Ordered::Issued(_) => {
                let code = if order.way.reveals() { self.code().into() } else { serde_json::Value::Null };
                format!("int 200 \"OTP is successfully generated\" {code}")
            }
            Ordered::Refused("locked") => self.refused_int(LOCKED),
            Ordered::Refused(_) => self.refused_int(LIMITED),
        });
        Ok(Expected { lines, is_judged_anew: false })
    }

    fn validate_int(&self, subject: &mut Subject, window: Window) -> Result<Expected, String> {
        let stale = self.refused_int(STALE);
        if self.is_stale(&stale, &[self.request.deadline])? {
            let lines = vec![stale, self.result("stale_request", None)];
            return Ok(Expected { lines, is_judged_anew: true });
        }
        let code = self.typed_int().unwrap_or_default();
        let (mut lines, judged) = self.judge(subject, Some(PURPOSE), &code, Some(window));
        let number = match judged.reason {
            "verified" => None,
            "locked" => Some(LOCKED),
            "wrong_code" if subject.is_locked(self.now) => Some(LOCKED),
            "wrong_code" => Some(WRONG),
            "not_yet_valid" => Some(TOO_EARLY),
            "expired" => Some(WINDOW_OVER),
            _ => Some(NO_SUCH_CODE),
        };
        lines.push(match number {
            None => "int 200 \"OTP is successfully verified\" null".to_owned(),
            Some(number) => self.refused_int(number),
        });
        Ok(Expected { lines, is_judged_anew: false })
    }

    fn generated(&self, window: Window) -> Order<'a> {
        let way = match (self.request.caller.reveal_code, self.rules.delivers) {
            (true, false) => Way::Revealed,
            (true, true) => Way::DeliveredAndRevealed,
            (false, _) => Way::Delivered,
        };
        let number = Some(self.request.field("mobile")).filter(|_| way.delivers());
        Order { purpose: PURPOSE, way, number, address: None, window: Some(window) }
    }

    /// Why no code can be generated for a window.
    fn outside(&self, window: Window) -> Option<u64> {
        if self.now > window.ends {
            Some(WINDOW_OVER)
        } else if window.begins > self.now + SKEW_MS {
            Some(TOO_EARLY)
        } else {
            None
        }
    }

    /// What the members say, in their order.
    fn int_window(&self) -> Result<Window, u64> {
        let request = self.request;
        let operation = request.operation();
        let is_validate = operation == "VALIDATE";
        if request.has_bad_reply_headers || !is_validate && operation != "GENERATE" {
            return Err(MALFORMED);
        }
        if !request.caller.operations.iter().any(|it| it == operation) {
            return Err(NOT_ALLOWED);
        }
        let text = |name: &str| request.member(name).as_str().unwrap_or_default();
        let within = |name: &str, least: u64, most: u64| {
            request.member(name).as_u64().filter(|it| (least..=most).contains(it)).ok_or(MALFORMED)
        };
        if !CHANNELS.contains(&text("channel")) {
            return Err(MALFORMED);
        }
        let begins = start_time(text("startTime")).ok_or(MALFORMED)?;
        let ends = begins + within("duration", 1, 600)? * 1_000;
        let digits = within("digit", 4, 9)?;
        let is_right = if is_validate {
            self.typed_int().is_some_and(|code| code.len() as u64 == digits)
        } else {
            request.member("generatedOtp").is_null()
        };
        is_right.then_some(Window { digits, begins, ends }).ok_or(MALFORMED)
    }

    /// The typed code, if it consists of digits.
    fn typed_int(&self) -> Option<String> {
        let typed = self.request.member("generatedOtp");
        let text = typed.as_str().map(str::to_owned).or_else(|| typed.as_u64().map(|it| it.to_string()))?;
        text.bytes().all(|it| it.is_ascii_digit()).then_some(text)
    }

    fn refused_int(&self, number: u64) -> String {
        let name = if self.request.operation() == "VALIDATE" { "errorMessage" } else { "error-message" };
        format!("int 422 {number} {name}")
    }
}
