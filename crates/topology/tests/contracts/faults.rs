//! What is the same in every contract: which fault is told first, and after which one a request is judged anew.

use otp_topology::deployment::CallerSettings;
use otp_topology::otp::ContractName::{self, Egov, Int, Mosip};
use serde_json::json;

use crate::desk::{Desk, Plan};

/// 2022-12-12 19:04:30 UTC.
const START_MS: u64 = 1_670_871_870_000;

/// The requests of a contract, and a part of each reply.
struct Asked {
    contract: ContractName,
    good: &'static str,
    served: &'static str,
    /// Of the same subject, with a bad member.
    malformed: &'static str,
    shape: &'static str,
    reply_headers: &'static str,
    forbidden: &'static str,
    stale: &'static str,
}

const ASKED: [Asked; 3] = [
    Asked {
        contract: Egov,
        good: r#"{"operation":"create","otp":{"tenantId":"pb","identity":"9123456789"}}"#,
        served: r#""isValidationSuccessful":false"#,
        malformed: r#"{"operation":"create","otp":{"tenantId":"pb","identity":"9123456789","locale":7}}"#,
        shape: "OTP.INVALID_REQUEST",
        reply_headers: "OTP.INVALID_REPLY",
        forbidden: "OTP.OPERATION_NOT_ALLOWED",
        stale: "OTP.STALE_REQUEST",
    },
    Asked {
        contract: Int,
        good: r#"{"operationType":"GENERATE","channel":"App","startTime":"2022-12-12 19:04:30","duration":180,"digit":6,"mobile":"8777496061"}"#,
        served: "OTP is successfully generated",
        malformed: r#"{"operationType":"GENERATE","channel":"App","startTime":"2022-12-12 19:04:30","duration":180,"digit":0,"mobile":"8777496061"}"#,
        shape: "digit must be",
        reply_headers: "kafka_replyTopic or kafka_replyPartition cannot be honoured",
        forbidden: "operationType is not allowed for this caller",
        stale: "The request came too late",
    },
    Asked {
        contract: Mosip,
        good: r#"{"id":"mosip.otp.generate","request":{"key":"key-1"}}"#,
        served: "GENERATION_SUCCESSFUL",
        malformed: r#"{"id":"mosip.otp.validate","request":{"key":"key-1","otp":"12x"}}"#,
        shape: "KER-OTV-004",
        reply_headers: "The reply cannot go where the headers ask",
        forbidden: "KER-ATH-403",
        stale: "OTP-STALE-REQUEST",
    },
];

const FOREIGN: (&str, &str) = ("kafka_replyTopic", "elsewhere");
const NOWHERE: (&str, &str) = ("kafka_replyPartition", "\0\0\x03\x0f");
const PAST: (&str, &str) = ("ce_expirytime", "2022-12-12T19:04:29.999Z");

/// `is_allowed`: the caller may use the operation.
fn desk(contract: ContractName, is_allowed: bool) -> Desk {
    let plan = Plan::of(contract, true);
    let operations = (!is_allowed).then(|| vec!["none".to_owned()]);
    Desk::new(Plan { caller: CallerSettings { operations, ..plan.caller }, ..plan })
}

#[test]
fn reply_headers_come_before_the_operation_and_the_operation_before_the_body() {
    for it in ASKED {
        let check = |is_allowed: bool, body: &str, headers: &[(&str, &str)], expected: &str| {
            let reply = desk(it.contract, is_allowed).ask_with(START_MS, body, headers).reply;
            assert!(reply.contains(expected), "{:?} {is_allowed} {headers:?}: {reply}", it.contract);
        };
        check(true, it.good, &[], it.served);
        check(true, it.malformed, &[], it.shape);
        check(false, it.malformed, &[], it.forbidden);
        check(false, it.good, &[PAST], it.forbidden);
        for header in [FOREIGN, NOWHERE] {
            check(true, it.malformed, &[header], it.reply_headers);
            check(false, it.good, &[header], it.reply_headers);
            check(false, it.malformed, &[header, PAST], it.reply_headers);
        }
    }
}

#[test]
fn a_request_is_judged_anew_after_its_deadline_or_reply_headers_and_after_no_other_fault() {
    for it in ASKED {
        let id = ("ce_id", "r-1");
        for (refused, fault) in [(FOREIGN, it.reply_headers), (NOWHERE, it.reply_headers), (PAST, it.stale)] {
            let mut desk = desk(it.contract, true);
            let mut ask = |headers: &[(&str, &str)], expected: &str| {
                let reply = desk.ask_with(START_MS, it.good, headers).reply;
                assert!(reply.contains(expected), "{:?} {headers:?}: {reply}", it.contract);
            };
            ask(&[id, refused], fault);
            ask(&[id, refused], fault);
            ask(&[id], it.served);
            ask(&[id, refused], it.served);
        }
        let mut desk = desk(it.contract, true);
        for body in [it.malformed, it.good] {
            let reply = desk.ask_with(START_MS, body, &[id]).reply;
            assert!(reply.contains(it.shape), "{:?}: {reply}", it.contract);
        }
    }
}

#[test]
fn members_that_hold_secrets_are_known() {
    let contracts = otp_topology::contract::Contracts::with_defaults();
    let check = |contract: ContractName, expected: &[&str]| {
        assert_eq!(contracts.get(contract).expect("it is in the table").secret_members(), expected);
    };
    check(Egov, &["otp"]);
    check(Int, &["otp", "generatedOtp"]);
    check(Mosip, &["otp", "secretKey", "authorization"]);
    assert_eq!(contracts.secret_members(), ["authorization", "generatedOtp", "otp", "secretKey"]);
}

#[test]
fn an_administrator_releases_a_subject_of_every_contract() {
    for (contract, tenant, identity, wrong) in [
        (
            Egov,
            "pb.amritsar",
            "9123456789",
            r#"{"operation":"validate","otp":{"tenantId":"pb","identity":"9123456789","otp":"x"}}"#,
        ),
        (
            Int,
            "default",
            "8777496061",
            r#"{"operationType":"VALIDATE","generatedOtp":"{wrong}","channel":"App","startTime":"2022-12-12 19:04:30","duration":180,"digit":6,"mobile":"8777496061"}"#,
        ),
        (
            Mosip,
            "default",
            "key-1",
            r#"{"id":"mosip.otp.validate","request":{"key":"key-1","otp":"{wrong}"}}"#,
        ),
    ] {
        let mut desk = Desk::new(Plan { policy: r#"{"lock_after":1}"#, ..Plan::of(contract, true) });
        let good = ASKED.iter().find(|it| it.contract == contract).expect("every contract asks");
        desk.ask(START_MS, good.good);
        let told = desk.ask(START_MS, wrong).lines();
        assert!(told.iter().any(|line| line.starts_with("locked ")), "{contract:?}: {told:?}");
        let order = json!({"operation": "unlock", "contract": contract.as_str(), "tenantId": tenant, "identity": identity});
        let key = format!("{}|{}|{identity}", contract.as_str(), tenant.split('.').next().expect("a root"));
        let told = desk.feed("admin", START_MS, Some(&key), Some(order.to_string().as_bytes()), &[]);
        assert_eq!(told.lines(), ["unlocked null null"], "{contract:?}");
        let again = desk.ask(START_MS, good.good).reply;
        assert!(again.contains(good.served), "{contract:?}: {again}");
    }
}
