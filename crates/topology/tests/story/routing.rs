//! Several partitions: whatever the key and the partition of a request, one task decides for one subject.

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
fn a_hop_back_to_its_own_home_is_not_taken_for_old() {
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
fn garbage_on_any_partition_is_told_and_skipped() {
    for partition in 0..3 {
        let mut house = House::with(settings(), 2, |name| (name == "requests").then_some(3));
        let seen = house.feed("requests", partition, None, Some(b"garbage"), &[]);
        assert!(has(&seen, "dead-letters:syntax"), "{seen:#?}");
        let invalid = house.feed("requests", partition, None, Some(br#"{"operation":"send"}"#), &[]);
        assert!(has(&invalid, "replies"), "{invalid:#?}");
    }
}
