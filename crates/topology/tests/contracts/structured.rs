//! CloudEvents in structured mode: the same request as in binary mode, with the same reply and the same events.

use otp_topology::otp::ContractName;
use serde_json::json;

use crate::desk::{Desk, Plan, Seen};

const NOW_MS: u64 = 1_670_871_860_000;
const STRUCTURED: (&str, &str) = ("content-type", "application/cloudevents+json");

fn seen(seen: &Seen) -> [String; 4] {
    let Seen { reply, reply_headers, reasons, .. } = seen;
    [reply.clone(), format!("{reply_headers:?}"), seen.lines().join("\n"), reasons.join("\n")]
}

#[test]
fn a_request_in_structured_mode_is_served_like_the_same_in_binary_mode() {
    let egov = json!({"operation": "send", "RequestInfo": {"msgId": "1|en_IN"},
        "otp": {"tenantId": "pb.amritsar", "mobileNumber": "9123456789", "type": "login"}});
    let int = json!({"operationType": "GENERATE", "channel": "Digital", "startTime": "2022-12-12 19:04:30",
        "duration": 180, "digit": 6, "mobile": "8777496061"});
    let mosip = json!({"id": "mosip.otp.generate", "version": 1.0, "request": {"key": "9123456789"}});
    for (contract, body) in
        [(ContractName::Egov, egov), (ContractName::Int, int), (ContractName::Mosip, mosip)]
    {
        let mut binary = Desk::new(Plan::of(contract, true));
        let mut structured = Desk::new(Plan::of(contract, true));
        let traceparent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
        let headers = [
            ("ce_id", "a-1"),
            ("ce_correlationid", "c-1"),
            ("ce_expirytime", "2022-12-12T19:05:00Z"),
            ("traceparent", traceparent),
            ("otp-client-ref", "case 7"),
        ];
        let envelope = json!({"specversion": "1.0", "id": "a-1", "source": "/desk", "type": "in.example.asked",
            "time": "2022-12-12T19:04:00Z", "datacontenttype": "application/json", "correlationid": "c-1",
            "expirytime": "2022-12-12T19:05:00Z", "traceparent": traceparent, "data": body});
        let own = [STRUCTURED, ("otp-client-ref", "case 7")];
        for at in [0, 1_000, 90_000] {
            // The second is a repeat; the third, too, but past its deadline.
            let expected = seen(&binary.ask_with(NOW_MS + at, &body.to_string(), &headers));
            let found = seen(&structured.ask_with(NOW_MS + at, &envelope.to_string(), &own));
            assert_eq!(found, expected, "{contract:?} after {at} ms");
            assert!(!expected[0].is_empty());
        }
    }
}

#[test]
fn an_envelope_without_a_request_ends_like_a_body_that_is_none() {
    let check = |contract: ContractName, body: &str, reason: &str, reply: &str| {
        let mut desk = Desk::new(Plan::of(contract, true));
        let seen = desk.ask_with(NOW_MS, body, &[STRUCTURED]);
        assert_eq!(seen.reasons, if reason.is_empty() { vec![] } else { vec![reason.to_owned()] }, "{body}");
        assert!(seen.reply.contains(reply), "{}", seen.reply);
    };
    check(ContractName::Egov, r#"{"id":"1"}"#, "value is no JSON object", "");
    check(ContractName::Egov, r#"{"id":"1","data":[]}"#, "value is no JSON object", "");
    check(ContractName::Egov, r#"{"id":"1","data":{}}"#, "", "OTP.UNKNOWN_OPERATION");
    check(ContractName::Egov, r#"{"id":"1","data":{}"#, "value is not JSON", "");
    check(ContractName::Int, r#"{"id":"1"}"#, "", "\"status\":422");
}

#[test]
fn an_envelope_that_is_not_announced_is_a_body() {
    let mut desk = Desk::new(Plan::of(ContractName::Egov, true));
    let body = r#"{"id":"1","data":{"operation":"send"}}"#;
    let seen = desk.ask_with(NOW_MS, body, &[("content-type", "application/json")]);
    assert!(seen.reply.contains("OTP.UNKNOWN_OPERATION"), "{}", seen.reply);
}
