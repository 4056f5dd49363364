//! Stored bytes of every released version of the formats. A later build must read them all.
//!
//! `stored/v1.txt` is the store of a task as version 1 of every format wrote it, `v2.txt` with version 2 of subjects, and
//! `v3.txt` with version 3 of subjects, with clients and signal windows. They are never changed. A new version of a format adds a file: `the_current_version_is_written_as_recorded`
//! then compares with that file, and `check_is_read` runs for all.
//!
//! A line is an entry: the family's letter, the rest of the key and the value, the latter two in hex.

use otp_topology::deployment::Settings;
use otp_topology::otp::LogTime;
use otp_topology::state::{Family, MemoryStore, StateStore, WriteBatch, decode_subject, encode_subject};
use otp_topology::task::{ChangelogFold, Task};
use otp_topology::wire::outbox::Outbox;
use otp_topology::wire::record::{RecordBatch, SourcePartition};
use serde_json::{Value, json};

use crate::house::{House, START_MS, code_in, send, settings, validate};

const VERSION_1: &str = include_str!("stored/v1.txt");
const VERSION_2: &str = include_str!("stored/v2.txt");
const VERSION_3: &str = include_str!("stored/v3.txt");

/// The number whose code was created and is revealed to its caller.
const REVEALED: &str = "9123456789";
/// The number whose code was sent.
const SENT: &str = "9123456780";
/// The number whose code was used.
const USED: &str = "9123456783";
/// The number that is locked.
const LOCKED: &str = "9123456781";

type Rows = Vec<(Vec<u8>, Vec<u8>)>;

#[test]
fn the_current_version_is_written_as_recorded() {
    let (house, ..) = written();
    let text: String = house.store_entries().iter().map(|(key, value)| line(key, value)).collect();
    assert_eq!(text, VERSION_3, "a format has changed without a new version");
}

#[test]
fn every_version_is_read() {
    // A task from before waits for what the client registry holds.
    check_is_read(VERSION_1, false);
    check_is_read(VERSION_2, false);
    check_is_read(VERSION_3, true);
}

/// Opens the store of a task and lets it continue: every kind of entry is used.
fn check_is_read(text: &str, has_all_barriers: bool) {
    let rows: Rows = text.lines().map(parse).collect();
    let store = MemoryStore::default();
    let writes: WriteBatch = rows.iter().map(|(key, value)| (key, Some(value))).collect();
    store.write(&writes).expect("memory does not fail");
    check_is_restored(&rows);

    let (house, revealed, code) = written();
    let (mut task, void) = Task::open(0, house.topology.clone(), store.clone()).expect("it is read");
    assert_eq!(void, Vec::<String>::new(), "the positions belong to the topics");
    assert_eq!(task.has_all_barriers(), Ok(has_all_barriers));
    let mut process = |offset: i64, id: &str, body: &Value| {
        let mut batch = RecordBatch::default();
        let topic = house.topology.source_named("requests").expect("a source");
        let at = LogTime::from_ms(START_MS + 150_000);
        let body = body.to_string();
        let headers = [("ce_id", Some(id.as_bytes()))];
        batch.push(SourcePartition { topic, partition: 0 }, offset, at, None, Some(body.as_bytes()), headers);
        let mut out = Outbox::default();
        task.process(&batch.get(0), at, &mut out).expect("memory does not fail");
        let json = |bytes: &[u8]| -> Value { serde_json::from_slice(bytes).expect("JSON") };
        out.iter().filter_map(|it| it.value().map(json)).collect::<Vec<_>>()
    };
    let reason =
        |events: Vec<Value>| events.into_iter().find_map(|it| it["reason"].as_str().map(str::to_owned));
    assert!(process(0, "again", &send(SENT)).is_empty(), "the position says that it was read before");
    assert_eq!(
        process(100, "create-1", &create(REVEALED)),
        [revealed],
        "the remembered reply, with its code"
    );
    assert_eq!(reason(process(101, "validate", &validate(SENT, &code))).as_deref(), Some("verified"));
    assert_eq!(reason(process(102, "used", &validate(USED, "12345678"))).as_deref(), Some("already_used"));
    assert_eq!(reason(process(103, "locked", &validate(LOCKED, &code))).as_deref(), Some("locked"));
    let sent = process(104, "send", &send("9123456782"));
    let message = sent.iter().find_map(|it| it["message"].as_str()).expect("an SMS");
    let code = message.strip_prefix("Hello ").expect("the text of the template");
    assert_eq!(code.len(), 8, "the policy asks for 8 digits");

    let mut out = Outbox::default();
    task.sweep(LogTime::from_ms(START_MS + 7 * 24 * 3_600_000), &mut out).expect("memory does not fail");
    assert!(out.iter().any(|it| it.value().is_some()), "the index leads to every subject");
}

/// The entries are good as changelog records, too.
fn check_is_restored(rows: &Rows) {
    let mut fold = ChangelogFold::new(0, i64::MAX);
    for (offset, (key, value)) in rows.iter().enumerate() {
        let family = Family::of(key).expect("a family");
        if family.is_changelogged() {
            fold.record(offset as i64, Some(key), Some(value)).expect("it is read");
        }
        if family == Family::Subject {
            let subject = decode_subject(value).expect("it is read");
            assert_eq!(decode_subject(&encode_subject(&subject)), Ok(subject));
        }
    }
}

/// A deployment after a few requests, the reply with a revealed code, and the code that was sent.
fn written() -> (House, Value, String) {
    let mut settings: Settings = settings();
    settings.callers[0].reveal_code = true;
    let mut house = House::with(settings, 1, |_| None);
    house.feed("policies", 0, Some("egov/pb"), Some(br#"{"digits":8,"lockMs":86400000}"#), &[]);
    let template = json!({"text": "Hello {otp}", "templateId": "1007"}).to_string();
    house.feed("templates", 0, Some("egov/pb/en_IN/sms.login.otp.msg"), Some(template.as_bytes()), &[]);
    let client =
        json!({"clientId": "desk", "appId": "ida", "secretHash": "0f".repeat(32), "roles": ["AUTH"]});
    house.feed("clients", 0, Some("desk"), Some(client.to_string().as_bytes()), &[]);
    let user = json!({"users": [{"tenantId": "pb", "userType": "CITIZEN", "userName": SENT, "mobileNumber": SENT,
        "countryCode": "+91", "emailId": "a@b.in", "locale": "en_IN", "active": true, "uuid": "u"}]});
    let key = format!("egov|pb|{SENT}");
    house.feed("directory", 0, Some(&key), Some(user.to_string().as_bytes()), &[]);

    let body = create(REVEALED).to_string();
    let seen = house.feed("requests", 0, None, Some(body.as_bytes()), &[("ce_id", b"create-1")]);
    let reply = seen.iter().find(|it| it.topic == "replies").expect("a reply").body.clone();
    let code = code_in(&house.ask(&send(SENT)));
    for _ in 0..3 {
        house.ask(&send(LOCKED));
        for _ in 0..5 {
            house.ask(&validate(LOCKED, "abc"));
        }
        house.now_ms += 31_000;
    }
    let used = code_in(&house.ask(&send(USED)));
    house.ask(&validate(USED, &used));
    (house, reply, code)
}

fn create(identity: &str) -> Value {
    json!({"operation": "create", "otp": {"tenantId": "pb.amritsar", "identity": identity}})
}

fn line(key: &[u8], value: &[u8]) -> String {
    let hex = |bytes: &[u8]| bytes.iter().map(|byte| format!("{byte:02x}")).collect::<String>();
    format!("{} {} {}\n", char::from(key[0]), hex(&key[1..]), hex(value))
}

fn parse(line: &str) -> (Vec<u8>, Vec<u8>) {
    let bytes = |hex: &str| -> Vec<u8> {
        let pairs = hex.as_bytes().chunks(2).map(|pair| std::str::from_utf8(pair).expect("hex"));
        pairs.map(|pair| u8::from_str_radix(pair, 16).expect("hex")).collect()
    };
    let parts: Vec<&str> = line.split(' ').collect();
    let [family, key, value] = parts[..] else { panic!("not an entry: {line}") };
    ([family.as_bytes(), &bytes(key)].concat(), bytes(value))
}
