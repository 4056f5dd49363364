//! A contract that the program does not have, added by its own file, one line in the table of contracts, its pinned
//! names and its section of the configuration; and served by the in-memory topology.
//!
//! The pinned names are reserved for this test. No other file of the program knows the contract.

mod probe;

use std::collections::BTreeMap;
use std::sync::Arc;

use otp_topology::contract::{CONTRACTS, ContractLine, Contracts};
use otp_topology::deployment::{CallerSettings, Settings, Topology, fitting_cluster};
use otp_topology::otp::{ContractName, LogTime};
use otp_topology::testing;
use otp_topology::thread::in_memory::{Fed, InMemory, Published};
use otp_topology::wire::record::SourcePartition;
use probe::Probe;
use serde_json::{Value, json};

const HOMES: i32 = 3;
const START_MS: u64 = 1_700_000_000_000;

/// Its line in the table.
fn table() -> Vec<ContractLine> {
    [CONTRACTS, &[ContractLine::of::<Probe>(ContractName::Probe)]].concat()
}

/// Its section of the configuration.
fn open(section: Value) -> Result<Contracts, Vec<String>> {
    let Value::Object(sections) = json!({ "probe": section }) else {
        panic!("an object");
    };
    let faults = |found: Vec<otp_topology::contract::SettingsFinding>| {
        found.into_iter().map(|it| format!("{}: {}; {}", it.key, it.what, it.remedy)).collect()
    };
    Contracts::open(&table(), sections).map_err(faults)
}

struct Deployment {
    topology: Arc<Topology>,
    memory: InMemory,
    offsets: BTreeMap<SourcePartition, i64>,
    now_ms: u64,
}

impl Deployment {
    fn new() -> Self {
        let caller = testing::caller("probe", "probe-requests", "probe-replies");
        let settings = Settings {
            callers: vec![CallerSettings { contract: ContractName::Probe, ..caller }],
            contracts: open(json!({"locale": "fr"})).expect("good settings"),
            ..testing::settings()
        };
        let cluster = fitting_cluster(&settings, HOMES, testing::INCARNATION);
        let topology = Topology::build(&settings, testing::keyring(), &cluster).expect("a fitting cluster");
        let topology = Arc::new(topology);
        let memory = InMemory::start(topology.clone(), LogTime::from_ms(START_MS));
        Self { topology, memory, offsets: BTreeMap::new(), now_ms: START_MS }
    }

    fn feed(&mut self, topic: &str, key: Option<&str>, value: &str, headers: &[(&str, &str)]) -> Vec<String> {
        self.now_ms += 40_000;
        let topic = self.topology.source_named(topic).expect("a source");
        let source = SourcePartition { topic, partition: 0 };
        let offset = self.offsets.entry(source).or_default();
        let time = LogTime::from_ms(self.now_ms);
        let owned = |(name, value): &(&str, &str)| ((*name).to_owned(), Some(value.as_bytes().to_vec()));
        let record = Fed {
            source,
            offset: *offset,
            time,
            key: key.map(|key| key.as_bytes().to_vec()),
            value: Some(value.as_bytes().to_vec()),
            headers: headers.iter().map(owned).collect(),
        };
        *offset += 1;
        let published = self.memory.feed(&record, time);
        let names = published.iter().map(|it| (self.topology.output(it.topic).name.as_str(), it));
        names.filter(|(name, _)| !name.starts_with("app-")).map(|(name, it)| line(name, it)).collect()
    }

    fn ask(&mut self, request_id: &str) -> Vec<String> {
        let body = r#"{"phone":"5551234"}"#;
        self.feed("probe-requests", None, body, &[("ce_id", request_id)])
    }
}

/// What a reader of the topic needs of an event, in one line. Codes are shown by their length.
fn line(topic: &str, event: &Published) -> String {
    let body: Value = serde_json::from_slice(event.value.as_deref().unwrap_or_default()).unwrap_or_default();
    let header = |name: &str| {
        let found = event.headers.iter().find(|(it, _)| it == name).and_then(|(_, value)| value.as_deref());
        String::from_utf8_lossy(found.unwrap_or_default()).into_owned()
    };
    let hidden = |text: &str| text.replace(|c: char| c.is_ascii_digit(), "#");
    match topic {
        "sms" => format!("sms {} {}", body["locale"], hidden(body["message"].as_str().unwrap_or_default())),
        "lifecycle" => format!("lifecycle {} {} {}", body["contract"], body["type"], body["purpose"]),
        "probe-replies" => format!("reply {body} {} {}", header("kind"), hidden(&header("code"))),
        "dead-letters" => format!("dead letter {}", header("otp.error.code")),
        other => format!("{other} {body}"),
    }
}

#[test]
fn the_topology_serves_a_contract_that_it_does_not_know() {
    let mut deployment = Deployment::new();
    let first = deployment.ask("r-1");
    let expected = [
        r#"sms "en" Built in: ######"#,
        r#"lifecycle "probe" "issued" "probe""#,
        r#"reply {"ok":true} first ######"#,
    ];
    assert_eq!(first, expected);
    assert_eq!(deployment.ask("r-1"), [r#"reply {"ok":true} first ######"#], "a repeat gets the first reply");
    assert_eq!(deployment.feed("probe-requests", None, "nonsense", &[]), [r#"reply {"ok":false}  "#]);
}

#[test]
fn policies_and_templates_of_a_new_contract_are_judged_by_it() {
    let mut deployment = Deployment::new();
    let none: [&str; 0] = [];
    assert_eq!(deployment.feed("policies", Some("probe/*"), r#"{"digits":8}"#, &[]), none);
    let text = r#"{"text":"%s, voilà"}"#;
    assert_eq!(deployment.feed("templates", Some("probe/default/fr/text"), text, &[]), none);
    assert_eq!(deployment.ask("r-1")[0], r#"sms "fr" ########, voilà"#);
    let foreign = deployment.feed("policies", Some("probe/*"), r#"{"mobileRules":[]}"#, &[]);
    assert_eq!(foreign, ["dead letter bad_policy"]);
    let unlock = r#"{"operation":"unlock","contract":"probe","tenantId":"default","identity":"5551234"}"#;
    assert_eq!(deployment.feed("admin", None, unlock, &[]), [r#"lifecycle "probe" "unlocked" null"#]);
}

#[test]
fn settings_of_a_new_contract_are_checked_by_it() {
    let check = |section: Value, expected: &str| {
        assert_eq!(open(section).expect_err("a fault"), [expected]);
    };
    check(json!({"locale": ""}), "probe.locale: not a valid locale; write one like en");
    check(
        json!({"locales": ""}),
        "probe.locales: unknown field `locales`, expected `locale`; see config/default.toml",
    );
}
