//! The whole topology: a record with any key, value and headers on any source topic ends in a reply, a dead letter or a
//! skip, and the next valid request of each contract gets its reply.

use otp_topology::deployment::{CallerSettings, Settings};
use otp_topology::otp::ContractName;
use otp_topology::testing;
use otp_topology::wire::record::SourcePartition;
use proptest::prelude::*;
use serde_json::{Value, json};

use super::{CANARY, cases, json as bytes};
use crate::house::{House, START_MS, send, settings, shape};

/// The topics of a caller of each contract, and its canonical subject of the next request.
const CALLERS: [(ContractName, &str, &str, &str); 3] = [
    (ContractName::Egov, "requests", "replies", "egov|pb|9000000001"),
    (ContractName::Int, "int-requests", "int-replies", "int|default|9000000001"),
    (ContractName::Mosip, "mosip-requests", "mosip-replies", "mosip|default|9000000001"),
];

/// All contracts side by side.
fn side_by_side() -> Settings {
    let caller = |(contract, requests, replies, _)| CallerSettings {
        contract,
        reveal_code: contract != ContractName::Egov,
        ..testing::caller(contract.as_str(), requests, replies)
    };
    Settings { callers: CALLERS.map(caller).to_vec(), ..settings() }
}

/// A good request of a contract.
fn good(contract: ContractName) -> Value {
    match contract {
        ContractName::Egov => send("9000000001"),
        ContractName::Int => {
            // The first second of the deployment.
            assert_eq!(START_MS, 1_700_000_000_000);
            json!({"operationType": "GENERATE", "channel": "App", "startTime": "2023-11-14 22:13:20",
                "duration": 60, "digit": 6, "mobile": "9000000001"})
        }
        ContractName::Mosip => json!({"id": "mosip.otp.generate", "request": {"key": "9000000001"}}),
        ContractName::Probe => unreachable!("no program has this contract"),
    }
}

const NAMES: [&str; 12] = [
    "ce_id",
    "ce_expirytime",
    "kafka_correlationId",
    "kafka_replyTopic",
    "kafka_replyPartition",
    "operation",
    "otp.kind",
    "otp.origin.topic",
    "otp.origin.partition",
    "otp.origin.offset",
    "otp.origin.time",
    "otp.origin.key",
];

fn header() -> impl Strategy<Value = (usize, Vec<u8>)> {
    let value = prop_oneof![
        prop::collection::vec(any::<u8>(), 0..20),
        any::<u32>().prop_map(|it| it.to_be_bytes().to_vec()),
        any::<u64>().prop_map(|it| it.to_be_bytes().to_vec()),
        prop::sample::select(vec![
            "mark",
            "requests",
            "policies",
            "app-repartition",
            "send",
            "egov/pb",
            CANARY
        ])
        .prop_map(|it| it.as_bytes().to_vec()),
    ];
    (0..NAMES.len(), value)
}

/// Random headers, alone or after a complete origin.
fn headers() -> impl Strategy<Value = Vec<(usize, Vec<u8>)>> {
    let topic = prop::sample::select(vec![
        "requests",
        "int-requests",
        "mosip-requests",
        "policies",
        "admin",
        "directory",
        "app-repartition",
    ]);
    let partition = prop::sample::select(vec![0_i32, 1, -1, i32::MIN, i32::MAX]);
    let offset = prop::sample::select(vec![0_i64, 7, -1, i64::MIN, i64::MAX]);
    let time = prop::sample::select(vec![0, 1_700_000_000_000, u64::MAX]);
    let origin = (topic, partition, offset, time).prop_map(|(topic, partition, offset, time)| {
        let at = |name: &str| NAMES.iter().position(|it| *it == name).expect("listed");
        vec![
            (at("otp.origin.topic"), topic.as_bytes().to_vec()),
            (at("otp.origin.partition"), partition.to_be_bytes().to_vec()),
            (at("otp.origin.offset"), offset.to_be_bytes().to_vec()),
            (at("otp.origin.time"), time.to_be_bytes().to_vec()),
        ]
    });
    let origin = prop_oneof![Just(Vec::new()), origin];
    (origin, prop::collection::vec(header(), 0..4)).prop_map(|(origin, more)| [origin, more].concat())
}

fn key() -> impl Strategy<Value = Option<String>> {
    let known = vec![
        "egov|pb|9123456789",
        "int|default|9123456789",
        "mosip|default|9123456789",
        "egov/pb",
        "int/*",
        "mosip/default",
        "egov/*/en_IN/sms.login.otp.msg",
        "mosip/*/eng/auth-otp-sms-template",
        "desk",
        CANARY,
    ];
    prop_oneof![
        Just(None),
        prop::sample::select(known).prop_map(|it| Some(it.to_owned())),
        "\\PC{0,30}".prop_map(Some),
    ]
}

proptest! {
    #![proptest_config(cases())]

    #[test]
    fn after_any_record_the_next_request_gets_a_reply(
        topic in prop::sample::select(vec![
            "requests", "int-requests", "mosip-requests", "requests", "int-requests", "mosip-requests", "admin",
            "policies", "templates", "clients", "directory", "app-repartition",
        ]),
        partition in 0_i32..3,
        key in key(),
        value in prop::option::weighted(0.95, bytes()),
        headers in headers(),
    ) {
        // A foreign record on the repartition topic takes an offset that the driver's own forwarded record would have: then
        // the next request is one that is decided in place.
        let is_forwarded = topic != "app-repartition";
        let mut house = House::with(side_by_side(), 2, |name| (is_forwarded && name == "requests").then_some(3));
        let partition = match topic {
            "policies" | "templates" | "clients" => 0,
            "requests" => partition,
            _ => partition % 2,
        };
        let headers: Vec<_> = headers.iter().map(|(at, value)| (NAMES[*at], value.as_slice())).collect();
        let source = SourcePartition { topic: house.topology.source_named(topic).expect("a source"), partition };
        let seen = house.feed_at(source, 100, key.as_deref(), value.as_deref(), &headers);
        let of = |name: &str| seen.iter().filter(|it| it.topic == name).count();
        if let Some((.., replies, _)) = CALLERS.iter().find(|(_, requests, ..)| *requests == topic) {
            prop_assert_eq!(of(replies) + of("dead-letters"), 1, "{:?}", shape(&seen));
            prop_assert!(of("results") <= 1, "{:?}", shape(&seen));
        }
        for letter in seen.iter().filter(|it| {
            // The message about a refused policy may name an unknown rule.
            it.topic == "dead-letters" && it.header("otp.error.code") != "bad_policy"
        }) {
            prop_assert!(!letter.header("__dlq.errors.message").contains(CANARY), "{:?}", letter);
        }
        for (contract, requests, replies, subject) in CALLERS {
            let topic = house.topology.source_named(requests).expect("a source");
            let home = house.topology.home_of(subject);
            let partition = if is_forwarded { partition.min(house.topology.source(topic).partitions - 1) } else { home };
            let body = good(contract).to_string();
            let valid = SourcePartition { topic, partition };
            let next = house.feed_at(valid, 101, None, Some(body.as_bytes()), &[]);
            prop_assert!(next.iter().any(|it| it.topic == replies), "{contract:?} {:?}", shape(&next));
        }
        house.pass_ms(48 * 3_600_000);
    }
}
