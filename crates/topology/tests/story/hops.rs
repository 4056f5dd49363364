//! Requests that visit two homes: the limit of deliveries per number and hour. Each step is made by hand, so that anything
//! can happen between two of them.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use otp_topology::deployment::{Settings, Topology, fitting_cluster};
use otp_topology::otp::{Bounds, ContractName, LogTime, PolicyPatch};
use otp_topology::state::{Family, MemoryStore, StateStore};
use otp_topology::task::Task;
use otp_topology::testing::INCARNATION;
use otp_topology::thread::in_memory::OwnedHeaders;
use otp_topology::wire::outbox::Outbox;
use otp_topology::wire::record::{RecordBatch, SourcePartition};
use serde_json::{Value, json};

use crate::house::{House, START_MS, keyring, settings, shape};

const MOBILE: &str = "9123456789";
const HOUR_MS: u64 = 60 * 60 * 1000;
/// When the first clock hour after [`START_MS`] begins.
const NEXT_HOUR_MS: u64 = START_MS - START_MS % HOUR_MS + HOUR_MS;

/// A record of the repartition topic.
struct Onward {
    offset: i64,
    key: Option<Vec<u8>>,
    value: Option<Vec<u8>>,
    headers: OwnedHeaders,
}

/// The tasks of a deployment, and the records between them.
struct Homes {
    topology: Arc<Topology>,
    stores: Vec<MemoryStore>,
    tasks: Vec<Task<MemoryStore>>,
    /// What every partition of the repartition topic holds, and the first record of it that was not read.
    logs: Vec<(Vec<Onward>, usize)>,
    offsets: BTreeMap<SourcePartition, i64>,
    now_ms: u64,
    /// How much later than its log time a record is processed.
    age_ms: u64,
}

fn limited(rules: &str) -> Settings {
    let patch = PolicyPatch::from_json(&[], rules.as_bytes(), &Bounds::default()).expect("within the bounds");
    Settings { policies: BTreeMap::from([(ContractName::Egov, patch)]), ..settings() }
}

fn subject(root: &str) -> String {
    format!("egov|{root}|{MOBILE}")
}

fn send(root: &str) -> Value {
    json!({"operation": "send", "otp": {"tenantId": root, "mobileNumber": MOBILE, "type": "login"}})
}

impl Homes {
    fn new(partitions: i32, rules: &str) -> Self {
        let settings = limited(rules);
        let cluster = fitting_cluster(&settings, partitions, INCARNATION);
        let topology = Arc::new(Topology::build(&settings, keyring(), &cluster).expect("a fitting cluster"));
        let stores: Vec<_> = (0..partitions).map(|_| MemoryStore::default()).collect();
        let logs = (0..partitions).map(|_| (Vec::new(), 0)).collect();
        let mut homes = Self {
            topology,
            stores,
            tasks: Vec::new(),
            logs,
            offsets: BTreeMap::new(),
            now_ms: START_MS,
            age_ms: 0,
        };
        homes.crash();
        homes
    }

    /// Every task is opened again on what is committed.
    fn crash(&mut self) {
        let open = |(number, store): (usize, &MemoryStore)| {
            Task::open(number as i32, self.topology.clone(), store.clone()).expect("memory does not fail").0
        };
        self.tasks = self.stores.iter().enumerate().map(open).collect();
    }

    /// Every partition of the repartition topic is read from its beginning.
    fn reset(&mut self) {
        self.logs.iter_mut().for_each(|(_, read)| *read = 0);
    }

    /// A request arrives at its home.
    fn ask(&mut self, id: &str, root: &str) -> String {
        self.ask_body(id, root, &send(root))
    }

    fn ask_body(&mut self, id: &str, root: &str, body: &Value) -> String {
        let partition = self.topology.home_of(&subject(root));
        let topic = self.topology.source_named("requests").expect("a source");
        let source = SourcePartition { topic, partition };
        let offset = self.offsets.entry(source).or_default();
        let at = *offset;
        *offset += 1;
        let headers = vec![("ce_id".to_owned(), Some(id.as_bytes().to_vec()))];
        let value = Some(body.to_string().into_bytes());
        self.process(source, &Onward { offset: at, key: None, value, headers })
    }

    /// The home of the number, or of the subject with this root, reads its next record of the repartition topic.
    fn step(&mut self, root: Option<&str>) -> String {
        let partition = match root {
            Some(root) => self.topology.home_of(&subject(root)),
            None => {
                let number = self.topology.keys.number(Some("+91"), MOBILE);
                self.topology.home_of_number(number)
            }
        };
        self.step_at(partition).unwrap_or_else(|| "idle".to_owned())
    }

    fn step_at(&mut self, partition: i32) -> Option<String> {
        let topic = self.topology.source_named("app-repartition").expect("a source");
        let (log, read) = &mut self.logs[partition as usize];
        let record = log.get(*read)?;
        let record = Onward {
            key: record.key.clone(),
            value: record.value.clone(),
            headers: record.headers.clone(),
            ..*record
        };
        *read += 1;
        Some(self.process(SourcePartition { topic, partition }, &record))
    }

    /// Everything that is under way arrives.
    fn settle(&mut self) -> Vec<String> {
        let mut lines = Vec::new();
        let mut waiting: VecDeque<i32> = (0..self.topology.partitions).collect();
        while let Some(partition) = waiting.pop_front() {
            if let Some(line) = self.step_at(partition) {
                lines.push(line);
                waiting = (0..self.topology.partitions).collect();
            }
        }
        lines
    }

    /// Processes a record and commits. What was written, in short.
    fn process(&mut self, source: SourcePartition, record: &Onward) -> String {
        let mut batch = RecordBatch::default();
        let headers = record.headers.iter().map(|(name, value)| (name.as_str(), value.as_deref()));
        let time = LogTime::from_ms(self.now_ms);
        batch.push(source, record.offset, time, record.key.as_deref(), record.value.as_deref(), headers);
        let task = &mut self.tasks[source.partition as usize];
        let mut out = Outbox::default();
        task.process(&batch.get(0), time.plus(self.age_ms), &mut out).expect("memory does not fail");
        task.plan_commit(&mut out);
        let (batch, _) = task.committed(None, LogTime::default());
        self.stores[source.partition as usize].write(&batch).expect("memory does not fail");
        self.published(&out)
    }

    fn published(&mut self, out: &Outbox) -> String {
        let mut lines = Vec::new();
        for record in out.iter() {
            let topic = &self.topology.output(record.topic()).name;
            if record.topic() == self.topology.repartition {
                let (log, _) = &mut self.logs[record.partition() as usize];
                let headers = record.headers();
                let headers = headers.map(|(name, value)| (name.to_owned(), value.map(<[u8]>::to_vec)));
                log.push(Onward {
                    offset: log.len() as i64,
                    key: record.key().map(<[u8]>::to_vec),
                    value: record.value().map(<[u8]>::to_vec),
                    headers: headers.collect(),
                });
                lines.push("hop".to_owned());
            } else if record.topic() != self.topology.changelog {
                let body: Value =
                    serde_json::from_slice(record.value().unwrap_or_default()).unwrap_or_default();
                let code = &body["error"]["fields"][0]["code"];
                let facts = [code, &body["type"], &body["reason"]].into_iter().filter_map(Value::as_str);
                lines.push(facts.fold(topic.clone(), |line, fact| line + " " + fact));
            }
        }
        if lines.is_empty() { "nothing".to_owned() } else { lines.join(", ") }
    }

    fn stored(&self, family: Family) -> usize {
        let entries = self.stores.iter().flat_map(MemoryStore::entries);
        entries.filter(|(key, _)| Family::of(key) == Some(family)).count()
    }

    fn sweep(&mut self, at_ms: u64) {
        for (task, store) in self.tasks.iter_mut().zip(&self.stores) {
            let mut out = Outbox::default();
            task.sweep(LogTime::from_ms(at_ms), &mut out).expect("memory does not fail");
            task.plan_commit(&mut out);
            store.write(&task.committed(None, LogTime::default()).0).expect("memory does not fail");
        }
    }
}

const SENT: &str = "sms, lifecycle issued, replies";
const SPENT: &str = "lifecycle suppressed number_limit, replies OTP.SEND_LIMIT_EXCEEDED";
const ONE_EACH_HOUR: &str = r#"{"sendsPerNumberHourMax":1,"sendPauseMs":0}"#;

#[test]
fn without_the_rule_nothing_hops() {
    let mut homes = Homes::new(2, r#"{"sendPauseMs":0}"#);
    for root in ["pb", "ka", "mh"] {
        assert_eq!(homes.ask(root, root), SENT);
    }
    assert_eq!((homes.settle(), homes.stored(Family::Number)), (Vec::new(), 0));
}

#[test]
fn a_number_gets_what_it_may_have_in_an_hour_whoever_asks() {
    for partitions in [1, 2, 5] {
        let rules = limited(r#"{"sendsPerNumberHourMax":3,"sendPauseMs":0}"#);
        let mut house = House::with(rules, partitions, |_| None);
        let mut ask = |root: &str, at_ms: u64, is_sent: bool| {
            house.now_ms = at_ms;
            let seen = house.feed("requests", 0, None, Some(send(root).to_string().as_bytes()), &[]);
            let expected = if is_sent {
                ["sms", "lifecycle:issued", "replies"].as_slice()
            } else {
                ["lifecycle:suppressed", "replies"].as_slice()
            };
            assert_eq!(shape(&seen), expected, "{root} at {at_ms} of {partitions}: {seen:#?}");
        };
        for root in ["pb", "ka", "mh"] {
            ask(root, START_MS, true);
        }
        for root in ["pb", "gj", "ap"] {
            ask(root, NEXT_HOUR_MS - 1, false);
        }
        ask("gj", NEXT_HOUR_MS, true);
    }
}

#[test]
fn each_step_writes_the_next_and_the_last_answers() {
    let mut homes = Homes::new(5, ONE_EACH_HOUR);
    for (root, expected) in [("pb", SENT), ("ka", SPENT)] {
        assert_eq!(homes.ask(root, root), "hop");
        assert_eq!(homes.step(None), "hop");
        assert_eq!(homes.step(Some(root)), expected);
    }
    assert_eq!(homes.settle(), Vec::<String>::new());
}

#[test]
fn a_crash_between_two_steps_and_old_offsets_change_nothing() {
    let mut homes = Homes::new(2, ONE_EACH_HOUR);
    let disturb = |homes: &mut Homes| {
        homes.crash();
        homes.reset();
    };
    let mut answers = Vec::new();
    for root in ["pb", "ka"] {
        assert_eq!(homes.ask(root, root), "hop");
        for _ in 0..2 {
            disturb(&mut homes);
            // What was applied is skipped; the first record that was not is the next step.
            let next =
                (0..2).find_map(|at| std::iter::from_fn(|| homes.step_at(at)).find(|line| line != "nothing"));
            answers.push(next.expect("a step"));
        }
    }
    assert_eq!(answers, ["hop", SENT, "hop", SPENT]);
    disturb(&mut homes);
    assert!(homes.settle().iter().all(|line| line == "nothing"));
}

#[test]
fn a_request_that_was_overtaken_on_its_way_is_answered() {
    let mut homes = Homes::new(1, r#"{"sendsPerNumberHourMax":9,"sendPauseMs":0}"#);
    // A later request of the same origin partition is done before the first one is back.
    assert_eq!(homes.ask("first", "pb"), "hop");
    let validate =
        json!({"operation": "validate", "otp": {"tenantId": "pb", "identity": MOBILE, "otp": "1"}});
    assert_eq!(
        homes.ask_body("later", "pb", &validate),
        "results no_challenge, replies OTP.VALIDATION_UNSUCCESSFUL"
    );
    assert_eq!(homes.settle(), ["hop", SENT]);
}

#[test]
fn a_repeat_of_a_request_under_way_gets_its_reply() {
    let mut homes = Homes::new(5, ONE_EACH_HOUR);
    assert_eq!(homes.ask("one", "pb"), "hop");
    assert_eq!(homes.ask("one", "pb"), "hop");
    assert_eq!(homes.step(None), "hop");
    assert_eq!(homes.ask("one", "pb"), "hop");
    assert_eq!(homes.step(Some("pb")), SENT);
    assert_eq!(homes.ask("one", "pb"), "replies", "it is done");
    assert_eq!(homes.settle(), ["hop", "replies", "hop", "replies"]);
    // Only one delivery was counted, and nothing is held any more.
    assert_eq!(homes.ask("two", "ka"), "hop");
    assert_eq!(homes.settle(), ["hop", SPENT]);
}

#[test]
fn a_delivery_under_way_counts_as_a_delivery() {
    let check = |rules: &str, expected: &str| {
        let mut homes = Homes::new(2, rules);
        assert_eq!(homes.ask("one", "pb"), "hop");
        assert_eq!(homes.ask("two", "pb"), expected, "{rules}");
        homes.settle();
    };
    check(r#"{"sendsPerNumberHourMax":9}"#, "lifecycle suppressed send_too_soon, replies OTP.SEND_TOO_SOON");
    let limit = "lifecycle suppressed send_limit, replies OTP.SEND_LIMIT_EXCEEDED";
    check(r#"{"sendsPerNumberHourMax":9,"sendPauseMs":0,"sendsPer10MinMax":1}"#, limit);
    check(r#"{"sendsPerNumberHourMax":9,"sendPauseMs":0,"sendsPerDayMax":1}"#, limit);
    check(r#"{"sendsPerNumberHourMax":9,"sendPauseMs":0}"#, "hop");
}

#[test]
fn a_budget_is_judged_when_the_place_is_held_and_charged_when_the_code_goes_out() {
    let mut homes = Homes::new(1, r#"{"sendsPerNumberHourMax":9,"sendsPerTenantHourMax":1,"sendPauseMs":0}"#);
    // Nothing is charged yet, so both have a place. Who has one keeps it.
    assert_eq!(homes.ask("one", "pb"), "hop");
    assert_eq!(homes.ask("two", "pb"), "hop");
    let resent = "sms, lifecycle resent, replies";
    assert_eq!(homes.settle(), ["hop", "hop", SENT, resent]);
    let spent = "lifecycle suppressed tenant_limit, replies OTP.SEND_LIMIT_EXCEEDED";
    assert_eq!(homes.ask("three", "pb"), spent, "it asks no other home");
    assert_eq!(homes.ask("four", "ka"), "hop", "another tenant root");
    assert_eq!(homes.settle(), ["hop", SENT]);
}

#[test]
fn places_are_given_back_however_the_request_ends() {
    let mut homes = Homes::new(2, r#"{"sendsPerNumberHourMax":9,"sendsPer10MinMax":2,"sendPauseMs":0}"#);
    assert_eq!(homes.ask("stale", "pb"), "hop");
    homes.age_ms = HOUR_MS;
    let stale = "lifecycle suppressed stale_request, replies OTP.STALE_REQUEST";
    assert_eq!(homes.settle(), ["hop", stale]);
    homes.age_ms = 0;
    for id in ["one", "two"] {
        assert_eq!(homes.ask(id, "pb"), "hop", "the stale one holds no place");
    }
    assert_eq!(homes.settle().iter().filter(|line| line.starts_with("sms")).count(), 2);
}

#[test]
fn a_lock_meanwhile_refuses_the_delivery() {
    let rules = r#"{"sendsPerNumberHourMax":9,"sendPauseMs":0,"lockAfter":1}"#;
    let mut homes = Homes::new(2, rules);
    homes.ask("one", "pb");
    assert_eq!(homes.settle(), ["hop", SENT]);
    assert_eq!(homes.ask("two", "pb"), "hop");
    let wrong = json!({"operation": "validate", "otp": {"tenantId": "pb", "identity": MOBILE, "otp": "1"}});
    homes.ask_body("wrong", "pb", &wrong);
    assert_eq!(homes.settle(), ["hop", "lifecycle suppressed locked, replies OTP.LOCKED"]);
}

#[test]
fn what_is_over_is_swept() {
    let mut homes = Homes::new(2, ONE_EACH_HOUR);
    homes.ask("one", "pb");
    homes.settle();
    // Nobody ever answers this one.
    assert_eq!(homes.ask("lost", "mh"), "hop");
    let (log, read) = homes.logs.iter_mut().find(|(log, read)| log.len() > *read).expect("a hop");
    *read = log.len();
    assert_eq!(homes.stored(Family::Number), 1);
    homes.sweep(NEXT_HOUR_MS + HOUR_MS - 1);
    assert_eq!(homes.stored(Family::Number), 1, "kept for an hour after its own");
    homes.sweep(NEXT_HOUR_MS + HOUR_MS);
    assert_eq!(homes.stored(Family::Number), 0);
    homes.sweep(START_MS + 25 * HOUR_MS);
    homes.crash();
    assert_eq!(homes.stored(Family::Subject), 0, "no place is held for ever");
    assert_eq!(homes.stored(Family::Expiry), 0);
}

#[test]
fn no_key_holds_the_number() {
    let mut homes = Homes::new(1, ONE_EACH_HOUR);
    homes.ask("one", "pb");
    homes.settle();
    let holds = |bytes: &[u8]| bytes.windows(MOBILE.len()).any(|part| part == MOBILE.as_bytes());
    let entries = homes.stores.iter().flat_map(MemoryStore::entries);
    let named: Vec<_> = entries.filter(|(key, value)| holds(key) || holds(value)).collect();
    assert!(named.is_empty(), "{named:?}");
}
