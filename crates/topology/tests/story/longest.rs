//! The longest keys, texts and copies: each is taken at its limit and refused, cut or left out right behind it.

use otp_topology::deployment::SourceKind;
use otp_topology::otp::LogTime;
use otp_topology::state::{Family, MemoryStore, StateStore as _, StoreKey, WriteBatch};
use otp_topology::task::{Task, forward_only};
use otp_topology::wire::outbox::Outbox;
use otp_topology::wire::record::{RecordBatch, SourcePartition};
use serde_json::{Value, json};

use crate::house::{House, START_MS, send, settings, shape};

#[test]
fn the_key_of_a_policy_or_template_has_512_bytes() {
    let check = |topic: &str, prefix: &str, suffix: &str, value: &[u8], refused: &str| {
        for (bytes, expected) in [(512, vec![]), (513, vec![refused.to_owned()])] {
            let tenant = "x".repeat(bytes - prefix.len() - suffix.len());
            let key = [prefix, &tenant, suffix].concat();
            let seen = House::new(1).feed(topic, 0, Some(&key), Some(value), &[]);
            assert_eq!(shape(&seen), expected, "{topic}, {bytes} bytes");
        }
    };
    check("policies", "egov/", "", br#"{"digits":8}"#, "dead-letters:bad_policy");
    let text = br#"{"text":"Code %s"}"#;
    check("templates", "egov/", "/en_IN/sms.login.otp.msg", text, "dead-letters:bad_template");
}

#[test]
fn a_text_of_an_administrator_has_256_characters() {
    let check = |tenant: &str, identity: &str, expected: &str| {
        let order =
            json!({"operation": "unlock", "contract": "egov", "tenantId": tenant, "identity": identity});
        let seen = House::new(1).feed("admin", 0, Some("k"), Some(order.to_string().as_bytes()), &[]);
        assert_eq!(shape(&seen), [expected], "{tenant} {identity}");
    };
    let text = |chars: usize| "ह".repeat(chars);
    check("pb", "9123456789", "lifecycle:unlocked");
    check("pb", &text(256), "lifecycle:unlocked");
    check("pb", &text(257), "dead-letters:bad_order");
    check(&text(256), "1", "lifecycle:unlocked");
    check(&text(257), "1", "dead-letters:bad_order");
}

#[test]
fn a_correlation_id_of_a_body_has_128_bytes() {
    let check = |id: &str, is_taken: bool| {
        let mut request = send("9123456789");
        request["RequestInfo"] = json!({"correlationId": id});
        let seen = House::new(1).ask(&request);
        let expected = if is_taken { id } else { "requests/0/0" };
        assert_eq!(seen[0].header("ce_correlationid"), expected);
    };
    check("c-1", true);
    check(&"c".repeat(128), true);
    check(&"c".repeat(129), false);
    check("", false);
}

#[test]
fn a_dead_letter_copies_512_kibibytes_where_it_copies() {
    const MOST: usize = 512 * 1024;
    let check = |has_copies: bool, key: usize, value: usize, is_copied: bool| {
        let mut settings = settings();
        settings.dead_letter_copy = has_copies;
        let mut house = House::with(settings, 1, |_| None);
        let seen = house.feed("requests", 0, Some(&"k".repeat(key)), Some(&vec![b'['; value]), &[]);
        assert!(seen[0].topic == "dead-letters", "{seen:?}");
        assert_eq!(seen[0].key.is_some(), is_copied, "{has_copies} {key} {value}");
    };
    check(false, 1, 1, false);
    check(true, 1, 1, true);
    check(true, 8, MOST - 8, true);
    check(true, 8, MOST - 7, false);
    check(true, MOST + 1, 1, false);
}

/// Then only those that are read, and of several of one name the last one.
#[test]
fn headers_are_forwarded_up_to_128_kibibytes() {
    const MOST: usize = 128 * 1024;
    let topology = House::with(settings(), 2, |name| (name == "requests").then_some(3)).topology;
    let topic = topology.source_of(SourceKind::Requests(0)).expect("a caller");
    let forwarded = |filler: usize| {
        let (mut batch, mut out) = (RecordBatch::default(), Outbox::default());
        let filler = vec![b'x'; filler];
        let headers: [(&str, Option<&[u8]>); 4] =
            [("ce_id", Some(b"1")), ("filler", Some(&filler)), ("ce_id", Some(b"22")), ("none", None)];
        let source = SourcePartition { topic, partition: 2 };
        let body = send("9123456789").to_string();
        batch.push(source, 0, LogTime::from_ms(START_MS), None, Some(body.as_bytes()), headers);
        forward_only(&batch.get(0), false, &topology, &mut out);
        let record = out.iter().next().expect("it is forwarded");
        let own = record.headers().filter(|(name, _)| !name.starts_with("otp.origin."));
        let own = own.map(|(name, value)| format!("{name} {}", value.map_or(0, <[u8]>::len)));
        own.collect::<Vec<_>>()
    };
    let names = "ce_id".len() * 2 + "filler".len() + "none".len();
    let most = MOST - names - 3;
    assert_eq!(
        forwarded(most),
        ["ce_id 1".to_owned(), format!("filler {most}"), "ce_id 2".to_owned(), "none 0".to_owned()]
    );
    assert_eq!(forwarded(most + 1), ["ce_id 2"]);
}

/// Templates are read a thousand at a time.
#[test]
fn a_locale_is_found_behind_any_number_of_templates() {
    let topology = House::new(1).topology;
    let topic = topology.source_of(SourceKind::Requests(0)).expect("a caller");
    let now = LogTime::from_ms(START_MS);
    for count in [0, 1_022, 1_023, 1_024, 2_100] {
        let tenants = (0..count).map(|at| format!("egov/a{at:04}/ta_IN")).chain(["egov/pb/hi_IN".to_owned()]);
        let mut batch = WriteBatch::default();
        for tenant in tenants {
            let key = format!("{tenant}/sms.login.otp.msg");
            batch.put(StoreKey::new(Family::Template, key.as_bytes()).as_bytes(), br#"{"text":"Code %s"}"#);
        }
        let store = MemoryStore::default();
        store.write(&batch).expect("memory does not fail");
        let (mut task, _) = Task::open(0, topology.clone(), store).expect("a good store");
        let (mut records, mut out) = (RecordBatch::default(), Outbox::default());
        let mut request = send("9123456789");
        request["RequestInfo"] = json!({"msgId": "1|hi"});
        let source = SourcePartition { topic, partition: 0 };
        records.push(source, 0, now, None, Some(request.to_string().as_bytes()), []);
        task.process(&records.get(0), now, &mut out).expect("memory does not fail");
        let sms = out.iter().find(|it| topology.output(it.topic()).name == "sms").expect("an SMS");
        let sms: Value = serde_json::from_slice(sms.value().expect("a value")).expect("JSON");
        assert_eq!(sms["locale"], "hi_IN", "{count} templates before it");
    }
}
