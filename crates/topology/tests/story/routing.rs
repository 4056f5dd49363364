//! Several partitions: one task serves all requests of one subject, whatever their key and partition.

use crate::house::{House, Seen, code_in, send, settings, shape, validate};

const MOBILES: [&str; 8] = [
    "9123456780",
    "9123456781",
    "9123456782",
    "9123456783",
    "9123456784",
    "9123456785",
    "9123456786",
    "9123456787",
];

fn has(seen: &[Seen], expected: &str) -> bool {
    shape(seen).iter().any(|it| it == expected)
}

fn every_subject_has_one_home(mut house: House, request_partitions: i32) {
    for (at, mobile) in MOBILES.iter().enumerate() {
        let from = at as i32 % request_partitions;
        let sent = house.feed("requests", from, None, Some(send(mobile).to_string().as_bytes()), &[]);
        let code = code_in(&sent);
        for partition in 0..request_partitions {
            let verified = house.feed(
                "requests",
                partition,
                Some("foreign"),
                Some(validate(mobile, &code).to_string().as_bytes()),
                &[],
            );
            let expected = if partition == 0 { "results:verified" } else { "results:already_used" };
            assert!(has(&verified, expected), "{mobile} from {partition}: {verified:#?}");
            let reply = verified.iter().find(|it| it.topic == "replies").expect("a reply");
            assert_eq!(reply.key.as_deref(), Some("foreign"));
            assert_eq!(reply.partition, house.topology.home_of(&format!("egov|pb|{mobile}")));
        }
    }
}

#[test]
fn a_request_from_any_partition_is_served_at_home() {
    every_subject_has_one_home(House::new(3), 3);
}

#[test]
fn a_request_topic_with_another_partition_count_is_forwarded() {
    let count = |name: &str| (name == "requests").then_some(5);
    every_subject_has_one_home(House::with(settings(), 3, count), 5);
}

#[test]
fn a_record_forwarded_to_its_own_home_is_not_skipped() {
    let mut house = House::new(2);
    let topic = house.topology.source_named("requests").expect("a source");
    for round in 0..4 {
        for partition in 0..2 {
            for mobile in MOBILES {
                let body = send(mobile).to_string();
                let source = otp_topology::wire::record::SourcePartition { topic, partition };
                let offset =
                    round * 100 + MOBILES.iter().position(|it| *it == mobile).expect("listed") as i64;
                let seen = house.feed_at(source, offset, None, Some(body.as_bytes()), &[]);
                assert!(has(&seen, "replies"), "round {round}, partition {partition}: {seen:#?}");
            }
        }
    }
}

#[test]
fn garbage_on_any_partition_is_a_dead_letter() {
    for partition in 0..3 {
        let mut house = House::with(settings(), 2, |name| (name == "requests").then_some(3));
        let seen = house.feed("requests", partition, None, Some(b"garbage"), &[]);
        assert!(has(&seen, "dead-letters:syntax"), "{seen:#?}");
        let invalid = house.feed("requests", partition, None, Some(br#"{"operation":"send"}"#), &[]);
        assert!(has(&invalid, "replies"), "{invalid:#?}");
    }
}

#[test]
fn a_caller_that_writes_our_headers_is_served_like_any_other() {
    let mut house = House::new(3);
    let spoofs: [&[(&str, &[u8])]; 3] = [
        &[("otp.kind", b"mark")],
        &[("otp.origin.topic", b"app-repartition"), ("otp.origin.offset", &i64::MAX.to_be_bytes())],
        &[("otp.origin.key", b"stolen"), ("otp.kind", b"")],
    ];
    for (at, headers) in spoofs.iter().enumerate() {
        let mobile = MOBILES[at];
        for partition in 0..3 {
            let body = send(mobile).to_string();
            let seen = house.feed("requests", partition, Some("foreign"), Some(body.as_bytes()), headers);
            let reply = seen.iter().find(|it| it.topic == "replies");
            assert_eq!(reply.and_then(|it| it.key.as_deref()), Some("foreign"), "{headers:?}: {seen:#?}");
        }
    }
}

#[test]
fn a_foreign_record_on_the_internal_topic_is_a_dead_letter() {
    let at = |topic: &'static str, partition: i32, offset: i64| {
        vec![
            ("otp.origin.topic", topic.as_bytes().to_vec()),
            ("otp.origin.partition", partition.to_be_bytes().to_vec()),
            ("otp.origin.offset", offset.to_be_bytes().to_vec()),
            ("otp.origin.time", 1_700_000_000_000_u64.to_be_bytes().to_vec()),
        ]
    };
    let with = |mut headers: Vec<(&'static str, Vec<u8>)>, name, value: &[u8]| {
        headers.push((name, value.to_vec()));
        headers
    };
    let policy = with(at("policies", 0, 7), "otp.origin.key", b"egov/pb");
    let cases = [
        (at("app-repartition", 0, 0), "unknown_origin"),
        (at("nowhere", 0, 0), "unknown_origin"),
        (at("requests", -1, 0), "unknown_origin"),
        (at("requests", 0, -1), "unknown_origin"),
        (at("requests", 0, i64::MAX), "unknown_origin"),
        (with(at("policies", 0, 0), "otp.kind", b"merk"), "unknown_origin"),
        (vec![], "unknown_origin"),
        (policy, "bad_policy"),
    ];
    for (headers, expected) in cases {
        let mut house = House::new(1);
        let borrowed: Vec<_> = headers.iter().map(|(name, value)| (*name, value.as_slice())).collect();
        let topic = house.topology.source_named("app-repartition").expect("a source");
        let source = otp_topology::wire::record::SourcePartition { topic, partition: 0 };
        // The barriers of the first start come before it.
        let seen = house.feed_at(source, 10, None, Some(br#"{"digits":1}"#), &borrowed);
        assert!(has(&seen, &format!("dead-letters:{expected}")), "{headers:?}: {seen:#?}");
        assert!(has(&house.ask(&send(MOBILES[0])), "sms"), "{headers:?}");
    }
}
