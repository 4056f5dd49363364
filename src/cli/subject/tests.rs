//! What a subject looks like to an operator, and orders that are refused.

use otp_topology::otp::{ChallengeEnd, ChallengeReport, Lock, LogTime, Purpose, SendReport, SubjectReport};

use super::screen::{Source, absent_json, absent_text, json, text};
use super::*;
use crate::config::{Sources, load};

const SOURCE: Source<'_> = Source { topic: "otp-stream-changelog", partition: 4, records: 17 };

fn at(ms: u64) -> LogTime {
    LogTime::from_ms(1_735_689_600_000 + ms)
}

fn report() -> SubjectReport {
    let challenge = |purpose, end, tries| ChallengeReport {
        purpose,
        tenant: "pb.amritsar".into(),
        end,
        issued_at: at(0),
        expires_at: at(300_000),
        tries,
        tries_max: 5,
        sends: 2,
        is_decoy: tries == 0,
    };
    SubjectReport {
        as_of: at(60_000),
        challenges: vec![
            challenge(Purpose::Register, ChallengeEnd::Used(at(30_000)), 0),
            challenge(Purpose::Login, ChallengeEnd::Live, 2),
        ],
        consecutive_wrong: 2,
        tries_left: 8,
        lock: Lock::None,
        sends: SendReport {
            last: Some(at(45_000)),
            in_10_min: 2,
            in_10_min_max: 5,
            in_day: 3,
            in_day_max: 20,
            per_challenge_max: 5,
            next_at: Some(at(75_000)),
        },
    }
}

#[test]
fn a_subject_is_shown_to_people() {
    let expected = "\
as of           2025-01-01T00:01:00.000Z
lock            none
wrong tries     2 in a row; 8 more lock the subject
deliveries      2 of 5 in 10 minutes, 3 of 20 in 24 hours; last 2025-01-01T00:00:45.000Z
next delivery   2025-01-01T00:01:15.000Z
challenge       register of pb.amritsar: used 2025-01-01T00:00:30.000Z; valid 2025-01-01T00:00:00.000Z to 2025-01-01T00:05:00.000Z; 0 of 5 wrong tries; 2 of 5 deliveries, sent to nobody: the recipient is unknown
challenge       login of pb.amritsar: live; valid 2025-01-01T00:00:00.000Z to 2025-01-01T00:05:00.000Z; 2 of 5 wrong tries; 2 of 5 deliveries
source          otp-stream-changelog [4], 17 records read
";
    assert_eq!(text(&report(), &SOURCE), expected);
    let locked = |lock| SubjectReport { lock, challenges: Vec::new(), ..report() };
    let shown = text(&locked(Lock::Until(at(90_000))), &SOURCE);
    assert!(shown.contains("lock            locked until 2025-01-01T00:01:30.000Z\n"), "{shown}");
    assert!(shown.contains("challenge       none within the last 24 hours\n"), "{shown}");
    let mut hard = locked(Lock::UntilReleased);
    hard.sends.next_at = None;
    let shown = text(&hard, &SOURCE);
    assert!(shown.contains("lock            locked until `otp-stream subject unlock`\n"), "{shown}");
    assert!(shown.contains("next delivery   after an unlock\n"), "{shown}");
    assert!(
        absent_text(&SOURCE).starts_with("nothing is stored for this subject: "),
        "{}",
        absent_text(&SOURCE)
    );
}

#[test]
fn a_subject_is_shown_to_programs() {
    let shown: serde_json::Value = serde_json::from_str(&json(&report(), &SOURCE)).expect("JSON");
    assert_eq!(shown["stored"], true);
    assert_eq!(shown["lock"], serde_json::json!({"kind": "none", "until": null}));
    assert_eq!(shown["triesLeft"], 8);
    assert_eq!(shown["sends"]["nextAt"], at(75_000).ms());
    assert_eq!(
        shown["challenges"][1],
        serde_json::json!({
            "purpose": "login", "tenantId": "pb.amritsar", "state": "live", "endedAt": null, "issuedAt": at(0).ms(),
            "expiresAt": at(300_000).ms(), "wrongTries": 2, "wrongTriesMax": 5, "sends": 2, "isDecoy": false,
        })
    );
    let absent: serde_json::Value = serde_json::from_str(&absent_json(&SOURCE)).expect("JSON");
    assert_eq!(absent["stored"], false);
    assert_eq!(absent["source"]["records"], 17);
}

#[test]
fn an_order_that_the_service_would_refuse_is_not_sent() {
    let loaded = load(&Sources::default()).expect("the default configuration");
    let long = "9".repeat(257);
    let check = |contract: &str, tenant: &str, identity: &str, expected: Result<&str, &str>| {
        let owned = str::to_owned;
        let subject =
            SubjectArgs { contract: owned(contract), tenant: owned(tenant), identity: owned(identity) };
        let args = OrderArgs { subject, reason: "ticket 7".to_owned() };
        let found = order_record(&loaded.config.contracts, "unlock", &args).map(|(key, _)| key);
        assert_eq!(found.as_deref().map_err(String::as_str), expected, "{contract} {tenant}");
    };
    check("egov", "pb.amritsar", " 9123456789 ", Ok("egov|pb|9123456789"));
    check("mosip", "default", "UIN7", Ok("mosip|default|UIN7"));
    check("sms", "pb", "9123456789", Err("--contract: no such contract; the contracts are egov, int, mosip"));
    check(
        "egov",
        "pb",
        " ",
        Err("--tenant, --identity: the identity is empty, or has an invisible character"),
    );
    check("egov", "pb", &long, Err("`identity` is missing, no text, or too long"));
}
