//! The requests of one citizen, on one partition.

use serde_json::json;

use crate::house::{House, Seen, code_in, send, shape, validate};

fn check(seen: &[Seen], expected: &[&str]) {
    let mut shape = shape(seen);
    let mut expected: Vec<_> = expected.iter().map(|it| (*it).to_owned()).collect();
    shape.sort();
    expected.sort();
    assert_eq!(shape, expected, "{seen:#?}");
}

#[test]
fn a_login_from_send_to_single_use() {
    let mut house = House::new(1);
    let sent = house.ask(&send("9123456789"));
    check(&sent, &["sms", "replies", "lifecycle:issued"]);
    let code = code_in(&sent);
    let wrong = if code == "000000" { "111111" } else { "000000" };
    check(&house.ask(&validate("9123456789", wrong)), &["replies", "results:wrong_code"]);
    check(&house.ask(&validate("9123456789", &code)), &["replies", "results:verified", "lifecycle:verified"]);
    check(&house.ask(&validate("9123456789", &code)), &["replies", "results:already_used"]);
}

#[test]
fn too_many_wrong_codes_lock_and_an_unlock_releases() {
    let mut house = House::new(1);
    let code = code_in(&house.ask(&send("9123456789")));
    for _ in 0..4 {
        check(&house.ask(&validate("9123456789", "abc")), &["replies", "results:wrong_code"]);
    }
    check(&house.ask(&validate("9123456789", "abc")), &["replies", "results:wrong_code", "lifecycle:failed"]);
    check(&house.ask(&validate("9123456789", &code)), &["replies", "results:ended"]);
    house.now_ms += 30_000;
    let code = code_in(&house.ask(&send("9123456789")));
    for _ in 0..4 {
        house.ask(&validate("9123456789", "abc"));
    }
    let last = house.ask(&validate("9123456789", "abc"));
    check(&last, &["replies", "results:wrong_code", "lifecycle:failed", "lifecycle:locked"]);
    check(&house.ask(&validate("9123456789", &code)), &["replies", "results:locked"]);
    check(&house.ask(&send("9123456789")), &["replies", "lifecycle:suppressed"]);
    let order = br#"{"operation":"unlock","contract":"egov","tenantId":"pb","identity":"9123456789"}"#;
    check(&house.feed("admin", 0, Some("egov|pb|9123456789"), Some(order), &[]), &["lifecycle:unlocked"]);
    house.now_ms += 30_000;
    check(&house.ask(&send("9123456789")), &["sms", "replies", "lifecycle:issued"]);
}

#[test]
fn a_repeated_request_gets_the_first_reply_and_nothing_else_happens() {
    let mut house = House::new(1);
    let body = send("9123456789").to_string();
    let again = validate("9123456789", "123456").to_string();
    let id: (&str, &[u8]) = ("ce_id", b"request-1");
    let first = house.feed("requests", 0, None, Some(body.as_bytes()), &[id, ("kafka_correlationId", b"a")]);
    house.now_ms += 1_000;
    let repeat =
        house.feed("requests", 0, None, Some(again.as_bytes()), &[id, ("kafka_correlationId", b"b")]);
    check(&repeat, &["replies"]);
    let reply = first.iter().find(|it| it.topic == "replies").expect("a reply");
    assert_eq!(reply.body, repeat[0].body);
    assert_eq!(reply.header("ce_id"), repeat[0].header("ce_id"));
    assert_eq!(reply.header("ce_time"), repeat[0].header("ce_time"));
    assert_eq!((reply.header("kafka_correlationId"), repeat[0].header("kafka_correlationId")), ("a", "b"));
    house.now_ms += 16 * 60 * 1_000;
    let late = house.feed("requests", 0, None, Some(body.as_bytes()), &[id]);
    check(&late, &["sms", "replies", "lifecycle:issued"]);
}

#[test]
fn a_record_that_is_read_again_is_skipped() {
    let mut house = House::new(1);
    let body = send("9123456789").to_string();
    house.ask(&send("9123456789"));
    let source = otp_topology::wire::record::SourcePartition {
        topic: house.topology.source_named("requests").expect("a source"),
        partition: 0,
    };
    check(&house.feed_at(source, 0, None, Some(body.as_bytes()), &[]), &[]);
}

#[test]
fn an_unreadable_record_is_a_dead_letter_and_the_next_is_served() {
    let deep = format!("{}{}", "[".repeat(40), "]".repeat(40));
    let nested = format!(r#"{{"otp":{deep}}}"#);
    let long = format!(r#"{{"otp":"{}"}}"#, "x".repeat(70_000));
    let cases: [(Option<&[u8]>, &str); 8] = [
        (None, "null_value"),
        (Some(b"nonsense"), "syntax"),
        (Some(b"[1]"), "not_an_object"),
        (Some(b"\xff\xfe"), "not_utf8"),
        (Some(br#"{"otp":1,"OTP":2}"#), "duplicate_key"),
        (Some(nested.as_bytes()), "too_deep"),
        (Some(long.as_bytes()), "too_long"),
        (Some(b""), "syntax"),
    ];
    let mut house = House::new(1);
    for (at, (value, code)) in cases.into_iter().enumerate() {
        let said: [(&str, &[u8]); 2] = [("ce_id", b"r-1"), ("traceparent", b"00-trace")];
        let seen = house.feed("requests", 0, Some("secret"), value, &said);
        check(&seen, &[&format!("dead-letters:{code}")]);
        assert_eq!(seen[0].key, None);
        assert_eq!((seen[0].header("ce_causationid"), seen[0].header("traceparent")), ("r-1", "00-trace"));
        assert_eq!(seen[0].header("__dlq.errors.offset"), (at * 2).to_string());
        let mobile = format!("912345678{at}");
        check(&house.ask(&send(&mobile)), &["sms", "replies", "lifecycle:issued"]);
    }
}

#[test]
fn each_event_names_its_subject_by_the_pseudonym() {
    let mut house = House::new(1);
    let mut seen = house.ask(&send("9123456789"));
    seen.extend(house.ask(&validate("9123456789", "1")));
    let pseudonym = seen.iter().find(|it| it.topic == "sms").and_then(|it| it.key.clone()).expect("a key");
    assert_eq!(seen.len(), 5);
    for event in seen {
        assert_eq!(event.header("ce_subject"), pseudonym, "{}", event.topic);
    }
    let nobody = house.ask(&json!({"operation": "send", "otp": {"tenantId": "pb", "type": "login"}}));
    assert!(nobody.iter().all(|it| it.header("ce_subject").is_empty()));
}

#[test]
fn an_expiry_is_emitted_once_and_a_late_code_is_rejected() {
    let mut house = House::new(1);
    let code = code_in(&house.ask(&send("9123456789")));
    check(&house.pass_ms(300_000), &[]);
    check(&house.pass_ms(5_000), &["lifecycle:expired"]);
    check(&house.pass_ms(5_000), &[]);
    check(&house.ask(&validate("9123456789", &code)), &["replies", "results:expired"]);
    check(&house.pass_ms(48 * 3_600_000), &[]);
    check(&house.ask(&validate("9123456789", &code)), &["replies", "results:no_challenge"]);
}

/// A record that no transaction can carry never exists: what a request may hold is decided before anything is written.
#[test]
fn a_request_whose_reply_would_repeat_too_much_is_rejected_on_every_path() {
    let (long, most) = ("k".repeat(16 * 1024 + 1), "k".repeat(16 * 1024));
    let body = send("9123456789").to_string();
    for (key, correlation, code) in [
        (most.as_str(), most.as_str(), None),
        (long.as_str(), "c", Some("OTP.INVALID_REPLY")),
        ("k", long.as_str(), Some("OTP.INVALID_REPLY")),
    ] {
        for partition in 0..2 {
            let mut house = House::new(2);
            let filler = vec![b'x'; 700_000];
            let headers: [(&str, &[u8]); 2] =
                [("kafka_correlationId", correlation.as_bytes()), ("filler", &filler)];
            let seen = house.feed("requests", partition, Some(key), Some(body.as_bytes()), &headers);
            let reply = seen.iter().find(|it| it.topic == "replies").expect("a reply");
            assert_eq!(reply.body.to_string().contains("OTP.INVALID_REPLY"), code.is_some(), "{partition}");
            let echo = |text: &str| if text.len() > most.len() { String::new() } else { text.to_owned() };
            assert_eq!(reply.key.clone().unwrap_or_default(), echo(key));
            assert_eq!(reply.header("kafka_correlationId"), echo(correlation));
        }
    }
}

#[test]
fn a_long_value_is_a_dead_letter_wherever_it_is_read() {
    let wide = |name: &str| (name == "requests").then_some(3);
    let value = vec![b'x'; 900_000];
    for mut house in [House::new(2), House::with(crate::house::settings(), 2, wide)] {
        let seen = house.feed("requests", 1, Some("k"), Some(&value), &[]);
        check(&seen, &["dead-letters:too_long"]);
    }
}
