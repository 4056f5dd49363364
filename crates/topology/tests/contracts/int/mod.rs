//! INT-OTP, row by row (docs/contracts/int-otp.md).

mod abuse;
mod answers;
mod members;
mod windows;

use otp_topology::otp::ContractName;
use serde_json::Value;

use crate::desk::{Desk, Plan, Seen};

/// 2022-12-12 19:04:30 UTC.
const START: i64 = 1_670_871_870_000;

const GENERATE: &str = r#"{"operationType":"GENERATE","channel":"Digital","startTime":"2022-12-12 19:04:30","duration":180,"digit":6,"mobile":"8777496061"}"#;
const VALIDATE: &str = r#"{"operationType":"VALIDATE","generatedOtp":"{code}","channel":"Digital","startTime":"2022-12-12 19:04:30","duration":180,"digit":6,"mobile":"8777496061"}"#;

/// The default caller of this contract, who sees codes.
fn desk() -> Desk {
    Desk::new(Plan::of(ContractName::Int, true))
}

fn with_policy(policy: &str, reveal_code: bool) -> Desk {
    Desk::new(Plan { policy, ..Plan::of(ContractName::Int, reveal_code) })
}

/// Asks at a distance from the start of the window, in milliseconds.
fn ask(desk: &mut Desk, offset_ms: i64, request: &str) -> Seen {
    desk.ask(u64::try_from(START + offset_ms).expect("after 1970"), request)
}

/// A request with other values of some members: `name=JSON`. An empty value takes the member out.
fn altered(request: &str, members: &[&str]) -> String {
    let mut body: Value = serde_json::from_str(request).expect("good JSON");
    let object = body.as_object_mut().expect("an object");
    for member in members {
        let (name, value) = member.split_once('=').expect("name=JSON");
        if value.is_empty() {
            object.remove(name).expect("a member of the request");
        } else {
            object.insert(name.to_owned(), serde_json::from_str(value).expect("JSON"));
        }
    }
    body.to_string()
}

/// `200`, or `422/` with the error code.
fn status(seen: &Seen) -> String {
    let reply: Value = serde_json::from_str(&seen.reply).expect("a reply");
    let (status, code) = (&reply["status"], &reply["errorCode"]);
    if code.is_null() { status.to_string() } else { format!("{status}/{code}") }
}
