//! What public reports of similar services broke, through the whole topology.

use otp_topology::otp::LogTime;
use otp_topology::state::MemoryStore;
use otp_topology::task::Task;
use otp_topology::testing;
use otp_topology::wire::outbox::Outbox;
use otp_topology::wire::record::{RecordBatch, SourcePartition};
use serde_json::json;

use crate::house::{House, START_MS, code_in, send, settings, shape};

const PAST: (&str, &[u8]) = ("ce_expirytime", b"2001-01-01T00:00:00Z");

fn with_directory() -> House {
    let mut settings = settings();
    settings.contracts = testing::contracts(json!({"egov": {"user_check": true}}));
    House::with(settings, 1, |_| None)
}

#[test]
fn a_request_that_was_refused_as_stale_or_for_its_reply_headers_is_judged_anew() {
    let refusals: [(&str, &[u8]); 3] =
        [PAST, ("kafka_replyTopic", b"another"), ("kafka_replyPartition", b"\0\0\x03\xe7")];
    for refused in refusals {
        let mut house = House::new(1);
        let id: (&str, &[u8]) = ("ce_id", b"request-1");
        let body = send("9123456789").to_string();
        let mut ask = |headers: &[(&str, &[u8])]| {
            shape(&house.feed("requests", 0, None, Some(body.as_bytes()), headers))
        };
        for _ in 0..2 {
            assert!(!ask(&[id, refused]).contains(&"sms".to_owned()), "{refused:?}");
        }
        let served = ask(&[id]);
        assert!(served.contains(&"sms".to_owned()), "{refused:?}: {served:?}");
        assert_eq!(ask(&[id, refused]), ["replies"], "the first answer again");
    }
}

#[test]
fn every_refused_verification_has_its_own_result() {
    let mut house = House::new(1);
    let code = code_in(&house.ask(&send("9123456789")));
    let body = crate::house::validate("9123456789", &code).to_string();
    let id: (&str, &[u8]) = ("ce_id", b"request-1");
    let mut ask =
        |headers: &[(&str, &[u8])]| shape(&house.feed("requests", 0, None, Some(body.as_bytes()), headers));
    for _ in 0..2 {
        assert_eq!(ask(&[id, PAST]), ["results:stale_request", "replies"]);
    }
    assert_eq!(ask(&[id]), ["results:verified", "lifecycle:verified", "replies"]);
}

#[test]
fn headers_in_json_quotes_are_those_without() {
    let mut house = House::new(1);
    let body = json!({"otp": {"tenantId": "pb", "mobileNumber": "9123456789"}}).to_string();
    let quoted: [(&str, &[u8]); 6] = [
        ("operation", b"\"send\""),
        ("ce_id", b"\"0af76519-16cd-43dd-8448-eb211c80319c\""),
        ("ce_expirytime", b"\"2100-01-01T00:00:00Z\""),
        ("otp-client-ref", b"\"case 7\""),
        ("kafka_replyTopic", b"\"replies\""),
        ("kafka_correlationId", b"\"c\""),
    ];
    let seen = house.feed("requests", 0, None, Some(body.as_bytes()), &quoted);
    assert_eq!(shape(&seen), ["sms", "lifecycle:issued", "replies"]);
    assert_eq!(seen[1].body["requestId"], "0af76519-16cd-43dd-8448-eb211c80319c");
    assert_eq!(seen[1].body["clientRef"], "case 7");
    assert_eq!(seen[2].header("kafka_correlationId"), "\"c\"");
    let plain: [(&str, &[u8]); 2] =
        [("ce_id", b"0af76519-16cd-43dd-8448-eb211c80319c"), ("operation", b"send")];
    let again = house.feed("requests", 0, None, Some(body.as_bytes()), &plain);
    assert_eq!(shape(&again), ["replies"], "the same request");
}

#[test]
fn a_dead_letter_echoes_the_correlation_id_of_its_record() {
    let mut house = House::new(1);
    let id: (&str, &[u8]) = ("kafka_correlationId", b"\xff\x00\x01");
    let seen = house.feed("requests", 0, None, Some(b"{"), &[id]);
    assert_eq!(seen[0].headers.get("kafka_correlationId").map(Vec::as_slice), Some(id.1));
    let seen = house.feed("requests", 0, None, Some(b"{"), &[]);
    assert_eq!(seen[0].headers.get("kafka_correlationId"), None);
}

#[test]
fn an_unreadable_deadline_counts_as_none_and_is_counted() {
    let topology = House::new(1).topology;
    let (mut task, _) = Task::open(0, topology.clone(), MemoryStore::default()).expect("an empty store");
    let now = LogTime::from_ms(START_MS);
    let topic = topology.source_named("requests").expect("a source");
    let mut out = Outbox::default();
    for (offset, deadline) in
        [&b"tomorrow"[..], b"", b"1735689600.0", b"2100-01-01T00:00:00Z"].into_iter().enumerate()
    {
        let mut records = RecordBatch::default();
        let request = send("9123456789").to_string();
        let headers = [("ce_expirytime", Some(deadline))];
        let source = SourcePartition { topic, partition: 0 };
        records.push(source, offset as i64, now, None, Some(request.as_bytes()), headers);
        task.process(&records.get(0), now, &mut out).expect("memory does not fail");
    }
    task.plan_commit(&mut out);
    let counted = task.committed(None, now).1.unreadable_deadlines;
    assert_eq!(counted, [("egov".to_owned(), 3)]);
    let replies = out.iter().filter(|it| topology.output(it.topic()).name == "replies").count();
    assert_eq!(replies, 4, "each is answered");
}

#[test]
fn a_number_that_does_not_fit_is_told_when_it_is_loaded_and_its_user_is_known() {
    let mut house = with_directory();
    let user = |number: &str| {
        json!({"users": [{"tenantId": "pb", "mobileNumber": number, "uuid": "u"}]}).to_string()
    };
    let load = |house: &mut House, number: &str| {
        house.feed("directory", 0, Some("egov|pb|9123456789"), Some(user(number).as_bytes()), &[])
    };
    assert_eq!(shape(&load(&mut house, "+91 91234 50011")), Vec::<String>::new());
    let sent = house.ask(&send("9123456789"));
    assert_eq!(
        (&sent[0].body["countryCode"], &sent[0].body["mobileNumber"]),
        (&json!("+91"), &json!("9123450011"))
    );
    let told = load(&mut house, "12345");
    assert_eq!(shape(&told), ["dead-letters:bad_number"]);
    assert!(!told[0].header("__dlq.errors.message").contains("12345"));
    house.now_ms += 31_000;
    let refused = house.ask(&send("9123456789"));
    assert_eq!(shape(&refused), ["lifecycle:suppressed", "replies"]);
    assert_eq!(refused[0].body["reason"], "bad_address");
    assert_eq!(refused[1].body["error"]["fields"][0]["code"], "OTP.MOBILE_NUMBER");
}

#[test]
fn a_locale_in_any_spelling_finds_the_template_that_is_stored() {
    let mut house = House::new(1);
    let put = |house: &mut House, locale: &str, value: Option<&[u8]>| {
        let key = format!("egov/pb/{locale}/sms.login.otp.msg");
        house.feed("templates", 0, Some(&key), value, &[]);
    };
    put(&mut house, "hi_IN", Some(br#"{"text":"Hindi %s"}"#));
    let locale_of = |house: &mut House, asked: &str| {
        let mut request = send("9123456789");
        request["RequestInfo"] = json!({"msgId": format!("1|{asked}")});
        house.now_ms += 601_000;
        let sms = house.ask(&request).into_iter().find(|it| it.topic == "sms").expect("an SMS");
        sms.body["locale"].as_str().map(str::to_owned).unwrap_or_default()
    };
    for asked in ["hi-IN", "HI_in", "hi"] {
        assert_eq!(locale_of(&mut house, asked), "hi_IN", "{asked}");
    }
    assert_eq!(locale_of(&mut house, "ta"), "en_IN");
    put(&mut house, "ta_IN", Some(br#"{"text":"Tamil %s"}"#));
    assert_eq!(locale_of(&mut house, "ta"), "ta_IN");
    put(&mut house, "ta_IN", None);
    assert_eq!(locale_of(&mut house, "ta"), "en_IN");
}
