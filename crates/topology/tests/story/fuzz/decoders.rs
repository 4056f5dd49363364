//! Every decoder alone: it reads a value or refuses it, and a value that is read, written and read again is the same.

use otp_topology::contract::Contracts;
use otp_topology::contract::client::Client;
use otp_topology::contract::directory::check_record;
use otp_topology::otp::{Bounds, CanonicalSubject, LogTime, PolicyPatch, due_at, expire};
use otp_topology::state::{
    Family, LocalKey, MemoryStore, StateStore, StoreKey, WriteBatch, decode_subject, encode_subject, open,
    seal,
};
use otp_topology::task::{ChangelogFold, Positions};
use otp_topology::text::{PERCENT, Template, TemplateKey, TemplateRules};
use otp_topology::wire::headers::{OriginBytes, OriginHeaders, RequestHeaders};
use otp_topology::wire::json::writer::WriteJson;
use otp_topology::wire::json::{Names, parse_object};
use otp_topology::wire::record::{RecordBatch, SourcePartition, SourceTopic};
use otp_topology::wire::rfc3339;
use proptest::prelude::*;

use super::{cases, check_silent, json, mutated};
use crate::house::{House, keyring, send};

/// A contract, the key of a template, and the code in it.
const TEMPLATES: [(&str, &str, &str); 5] = [
    ("egov", "egov/pb/en_IN/sms.login.otp.msg", "sms.login.otp.msg"),
    ("egov", "egov/*/en_IN/email.login.otp.sub", "email.login.otp.sub"),
    ("int", "int/*/en_IN/sms.int.otp.msg", "sms.int.otp.msg"),
    ("mosip", "mosip/*/eng/auth-otp-sms-template", "auth-otp-sms-template"),
    ("mosip", "mosip/*/eng/auth-otp-email-subject-template", "auth-otp-email-subject-template"),
];

/// Values of a family in the store of a running service.
fn stored(family: Family) -> Vec<Vec<u8>> {
    let mut house = House::new(1);
    house.ask(&send("9123456789"));
    house.ask(&crate::house::validate("9123456789", "1"));
    let of_family = house.store_entries().into_iter().filter(|(key, _)| Family::of(key) == Some(family));
    of_family.map(|(_, value)| value).collect()
}

fn one(key: &StoreKey, value: &[u8]) -> MemoryStore {
    let store = MemoryStore::default();
    let mut batch = WriteBatch::default();
    batch.put(key.as_bytes(), value);
    store.write(&batch).expect("memory does not fail");
    store
}

proptest! {
    #![proptest_config(cases())]

    #[test]
    fn json_objects(bytes in json()) {
        for names in [Names::CaseSensitive, Names::IgnoreCase] {
            match parse_object(Some(&bytes), names) {
                Err(error) => check_silent(&error),
                Ok(read) => {
                    let mut written = Vec::new();
                    read.write_json(&mut written);
                    if let Ok(again) = parse_object(Some(&written), names) {
                        prop_assert!(again == read);
                    } else {
                        prop_assert!(written.len() > bytes.len(), "only the limit of the length may refuse it");
                    }
                }
            }
        }
    }

    #[test]
    fn policies(bytes in json()) {
        for contract in Contracts::with_defaults().iter() {
            // An error may name an unknown rule: a policy holds no secrets.
            if let Ok(patch) = PolicyPatch::from_json(contract.policy_rules(), &bytes, &Bounds::default()) {
                let policy = contract.default_policy().with(&patch);
                prop_assert_eq!(policy.check(&Bounds::default()), Ok(()));
                prop_assert_eq!(policy.with(&patch).version, policy.version);
            }
        }
    }

    #[test]
    fn templates_and_their_keys(bytes in json(), key in "\\PC{0,40}") {
        let contracts = Contracts::with_defaults();
        let of_contracts = TEMPLATES.map(|(contract, key, code)| {
            (key, contracts.named(contract).expect("a contract").template_rules(code))
        });
        for (key, rules) in of_contracts.into_iter().chain([(key.as_str(), TemplateRules::of(PERCENT))]) {
            let _ = TemplateKey::parse(key);
            match Template::from_json(key, &bytes, &rules) {
                Err(error) => check_silent(&error),
                Ok(template) => {
                    let length = template.with("0123456789").to_string().chars().count();
                    prop_assert!(length <= otp_topology::text::RENDERED_CHARS_MAX);
                }
            }
        }
    }

    #[test]
    fn client_records(bytes in json(), key in "\\PC{0,20}") {
        for key in ["desk", &key] {
            if let Err(error) = Client::from_json(key, &bytes) {
                check_silent(&error);
            }
        }
    }

    #[test]
    fn directory_records(bytes in json()) {
        if let Err(error) = check_record(&bytes) {
            check_silent(&error);
        }
    }

    #[test]
    fn canonical_subjects(key in "[a-z|]{0,12}\\PC{0,20}") {
        if let Some(subject) = CanonicalSubject::parse(&key) {
            prop_assert_eq!(subject.as_str(), &key);
        }
    }

    #[test]
    fn times(text in "[0-9TZ:.+-]{0,40}", sample in mutated(vec![b"2025-01-01T05:30:00.123+05:30".to_vec()])) {
        for text in [text.as_str(), &String::from_utf8_lossy(&sample)] {
            if let Some(time) = rfc3339::parse(text) {
                let mut buffer = [0; rfc3339::LEN];
                prop_assert_eq!(rfc3339::parse(rfc3339::write(time, &mut buffer)), Some(time));
            }
        }
    }

    #[test]
    fn headers(values in prop::collection::vec((0_usize..14, prop::option::of(prop::collection::vec(any::<u8>(), 0..40))), 0..20)) {
        const NAMES: [&str; 14] = [
            "ce_id", "ce_correlationid", "otp-client-ref", "traceparent", "tracestate", "ce_expirytime",
            "kafka_correlationId", "kafka_replyTopic", "kafka_replyPartition", "operation", "otp.origin.topic",
            "otp.origin.partition", "otp.origin.offset", "otp.origin.time",
        ];
        let mut batch = RecordBatch::default();
        let source = SourcePartition { topic: SourceTopic(0), partition: 0 };
        let given = values.iter().map(|(at, value)| (NAMES[*at], value.as_deref()));
        batch.push(source, 0, LogTime::default(), None, None, given);
        let headers = batch.get(0).headers;
        let read = RequestHeaders::read(headers);
        prop_assert!(read.ce_id.is_none_or(|id| !id.is_empty() && id.len() <= 128));
        if let Some(origin) = OriginHeaders::read(headers) {
            let mut bytes = OriginBytes::default();
            let mut again = RecordBatch::default();
            again.push(source, 0, LogTime::default(), None, None, origin.write(&mut bytes));
            prop_assert!(OriginHeaders::read(again.get(0).headers) == Some(origin));
        }
    }

    #[test]
    fn stored_subjects(bytes in mutated(stored(Family::Subject)), watermark: u64) {
        if let Ok(subject) = decode_subject(&bytes) {
            prop_assert_eq!(encode_subject(&subject), bytes);
            let _ = due_at(&subject);
            let (left, _) = expire(subject, LogTime::from_ms(watermark));
            if let Some(left) = left {
                prop_assert_eq!(decode_subject(&encode_subject(&left)), Ok(left));
            }
        }
    }

    #[test]
    fn sealed_values(plain in prop::collection::vec(any::<u8>(), 0..60), bytes in mutated(vec![
        seal(&keyring(), LogTime::default(), b"Dplace", [3; 12], &[b"CANARY"]),
    ])) {
        let sealed = seal(&keyring(), LogTime::default(), b"D", [3; 12], &[&plain]);
        prop_assert_eq!(open(&keyring(), b"D", &sealed), Ok(plain));
        match open(&keyring(), b"Dplace", &bytes) {
            Err(error) => check_silent(&error),
            Ok(opened) => prop_assert_eq!(opened, b"CANARY"),
        }
    }

    #[test]
    fn positions_and_local_entries(
        key in mutated(vec![b"ORrequests\0\0\0\0\0".to_vec()]),
        value in mutated(stored(Family::Position)),
    ) {
        let topology = House::new(1).topology;
        let store = one(&StoreKey::new(Family::Position, key.get(1..).unwrap_or_default()), &value);
        if let Err(error) = Positions::load(&store, &topology) {
            prop_assert!(error.to_string().contains("a position"), "{}", error);
        }
        let store = one(&LocalKey::ChangelogNext.key(), &value);
        prop_assert!(LocalKey::ChangelogNext.read_number(&store).map_or(true, |it| it.is_some_and(|it| it >= 0)));
    }

    #[test]
    fn changelog_records(
        offset: i64,
        key in mutated(vec![[b"S".as_slice(), &[7; 16]].concat(), b"ORrequests\0\0\0\0\0".to_vec(), b"Pegov/pb".to_vec()]),
        value in mutated([stored(Family::Subject), stored(Family::Position)].concat()),
        tombstone: bool,
    ) {
        let mut fold = ChangelogFold::new(0, i64::MAX);
        let refused = fold.record(offset, Some(&key), (!tombstone).then_some(&value));
        let batch = fold.take_batch(LogTime::default());
        prop_assert!(batch.iter().filter(|(key, _)| Family::of(key) == Some(Family::Local)).count() == 2);
        if refused.is_err() {
            prop_assert_eq!(batch.len(), 2);
        }
    }
}
