//! Requests of the contracts `int` and `mosip`, as their clients write them.

use std::time::{SystemTime, UNIX_EPOCH};

use otp_topology::otp::LogTime;
use otp_topology::wire::rfc3339;
use serde_json::{Value, json};

use crate::harness::event::Request;

/// A code of nine digits for five minutes from now on.
pub(super) fn int_generate(number: &str) -> Request {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).expect("after 1970");
    let mut buffer = [0; rfc3339::LEN];
    let now = rfc3339::write(LogTime::from_ms(now.as_secs() * 1_000), &mut buffer);
    let body = json!({"operationType": "GENERATE", "channel": "Digital",
        "startTime": now[..19].replace('T', " "), "duration": 300, "digit": 9, "mobile": number});
    int(&body)
}

/// `generated`: the body of the `GENERATE`.
pub(super) fn int_validate(generated: &Value, code: &str) -> Request {
    let mut body = generated.clone();
    body["operationType"] = "VALIDATE".into();
    body["generatedOtp"] = code.into();
    int(&body)
}

pub(super) fn generate(key: &str) -> Request {
    mosip(key, "otp.generate", &json!({"key": key}))
}

pub(super) fn validate(key: &str, code: &str) -> Request {
    mosip(key, "otp.validate", &json!({"key": key, "otp": code}))
}

pub(super) fn send_otp(number: &str) -> Request {
    let request = json!({"userId": number, "otpChannel": ["phone"], "useridtype": "USERID", "appId": "ida",
        "context": "auth-otp"});
    mosip(number, "authentication.sendotp", &request)
}

pub(super) fn user_id_otp(number: &str, code: &str) -> Request {
    mosip(number, "authentication.useridOTP", &json!({"userId": number, "otp": code, "appId": "ida"}))
}

fn int(body: &Value) -> Request {
    Request::of(&format!("int|default|{}", body["mobile"].as_str().expect("a number")), body)
}

fn mosip(identity: &str, operation: &str, request: &Value) -> Request {
    let body = json!({"id": format!("mosip.{operation}"), "version": "1.0", "request": request});
    Request::of(&format!("mosip|default|{identity}"), &body)
}
