//! What a request costs on the pure path: one task in memory, without broker, disk and threads.
//!
//! `cargo bench -p otp-topology --bench request_path`. The load is that of `otp-stream bench throughput`: half `send` for
//! new subjects, half `validate` of their codes, in commits of 4,000 records. There are as many partitions as by default,
//! and the task serves the subjects whose home it is. A last part measures requests whose home is another task. Each line
//! is the time that one step takes for a request: the median of the commits, and the quickest one, which a busy machine
//! disturbs least.

use std::cell::Cell;
use std::collections::HashMap;
use std::hint::black_box;
use std::rc::Rc;
use std::sync::Arc;
use std::time::{Duration, Instant};

use otp_topology::deployment::{SourceKind, Topology};
use otp_topology::otp::LogTime;
use otp_topology::state::{MemoryStore, Rows, StateStore, StoreError, WriteBatch};
use otp_topology::task::Task;
use otp_topology::testing;
use otp_topology::wire::outbox::Outbox;
use otp_topology::wire::record::{RecordBatch, SourcePartition};

const PARTITIONS: i32 = 6;
const SUBJECTS: usize = 20_000;
const RECORDS_PER_COMMIT: usize = 4_000;
const TENANT: &str = "b0000019a0b1c2d3e";
const START_MS: u64 = 1_700_000_000_000;

/// A store in memory, and the time that reading it took: a disk stands there otherwise.
#[derive(Clone, Default)]
struct TimedStore {
    store: MemoryStore,
    read: Rc<Cell<Duration>>,
}

impl StateStore for TimedStore {
    fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
        let begin = now();
        let found = self.store.get(key);
        self.read.set(self.read.get() + begin.elapsed());
        found
    }

    fn scan(&self, from: &[u8], to: &[u8], limit: usize) -> Result<Rows, StoreError> {
        self.store.scan(from, to, limit)
    }

    fn write(&self, batch: &WriteBatch) -> Result<(), StoreError> {
        self.store.write(batch)
    }
}

/// What one step took, in nanoseconds by each request of a commit.
#[derive(Default)]
struct Step(Vec<f64>);

impl Step {
    fn add(&mut self, commit: Duration, requests: usize) {
        self.0.push(commit.as_secs_f64() * 1e9 / requests as f64);
    }

    fn sorted(&self) -> Vec<f64> {
        let mut sorted = self.0.clone();
        sorted.sort_by(f64::total_cmp);
        sorted
    }
}

#[derive(Default)]
struct Spent {
    push: Step,
    process: Step,
    read: Step,
    plan: Step,
    walk: Step,
    write: Step,
    outputs: usize,
    output_bytes: usize,
    headers: usize,
    /// By mobile number.
    codes: HashMap<u64, String>,
}

fn main() {
    let topology = Arc::new(testing::topology(PARTITIONS));
    let store = TimedStore::default();
    let (mut task, _) = Task::open(0, topology.clone(), store.clone()).expect("blank");
    let source =
        SourcePartition { topic: topology.source_of(SourceKind::Requests(0)).expect("one"), partition: 0 };
    let is_home = |mobile: &u64| topology.home_of(&format!("egov|{TENANT}|{mobile}")) == task.partition;
    let (home, elsewhere): (Vec<u64>, Vec<u64>) = (6_000_000_000..).take(SUBJECTS * 20).partition(is_home);

    let mut spent = Spent::default();
    run(&topology, &mut task, &store, source, SUBJECTS, 0, &mut spent, |number, body| {
        send(home[number], body);
        home[number]
    });
    report("sends", SUBJECTS, &spent);
    let codes = std::mem::take(&mut spent.codes);
    assert_eq!(codes.len(), SUBJECTS);

    let mut spent = Spent::default();
    run(&topology, &mut task, &store, source, SUBJECTS * 2, SUBJECTS, &mut spent, |number, body| {
        let mobile = home[number / 2];
        if number.is_multiple_of(2) {
            let mobile = home[SUBJECTS + number / 2];
            send(mobile, body);
            return mobile;
        }
        validate(mobile, &codes[&mobile], body);
        mobile
    });
    report("half sends, half validations", SUBJECTS * 2, &spent);

    let mut spent = Spent::default();
    run(&topology, &mut task, &store, source, SUBJECTS, SUBJECTS * 3, &mut spent, |number, body| {
        send(elsewhere[number], body);
        elsewhere[number]
    });
    report("forwarded", SUBJECTS, &spent);
}

#[expect(clippy::too_many_arguments, reason = "a run has that many parts")]
fn run(
    topology: &Topology,
    task: &mut Task<TimedStore>,
    store: &TimedStore,
    source: SourcePartition,
    count: usize,
    first: usize,
    spent: &mut Spent,
    write: impl Fn(usize, &mut Vec<u8>) -> u64,
) {
    let mut batch = RecordBatch::default();
    let mut outbox = Outbox::default();
    let mut body = Vec::new();
    let mut number = 0;
    while number < count {
        batch.clear();
        let mut push = Duration::ZERO;
        while batch.len() < RECORDS_PER_COMMIT && number < count {
            body.clear();
            let mobile = write(number, &mut body);
            let key = format!("egov|{TENANT}|{mobile}");
            let id = format!("bench-0000019a0b1c2d3e-{:016x}", first + number);
            let correlation = [7; 16];
            let begin = now();
            batch.push(
                source,
                (first + number) as i64,
                LogTime::from_ms(START_MS + number as u64 / 50),
                Some(key.as_bytes()),
                Some(&body),
                [("ce_id", Some(id.as_bytes())), ("kafka_correlationId", Some(&correlation[..]))],
            );
            push += begin.elapsed();
            number += 1;
        }
        let requests = batch.len();
        spent.push.add(push, requests);
        let wall = LogTime::from_ms(START_MS + number as u64 / 50);
        outbox.clear();
        let begin = now();
        for record in batch.iter() {
            task.process(&record, wall, &mut outbox).expect("a good record");
        }
        let read = store.read.take();
        spent.process.add(begin.elapsed() - read, requests);
        spent.read.add(read, requests);
        let begin = now();
        task.plan_commit(&mut outbox);
        spent.plan.add(begin.elapsed(), requests);
        let begin = now();
        for record in outbox.iter() {
            black_box((record.key(), record.value()));
            for header in record.headers() {
                black_box(header);
            }
        }
        spent.walk.add(begin.elapsed(), requests);
        let begin = now();
        let (writes, _) = black_box(task.committed(Some(1), wall));
        spent.write.add(begin.elapsed(), requests);
        store.write(&writes).expect("memory");
        weigh(topology, &outbox, spent);
    }
}

fn weigh(topology: &Topology, outbox: &Outbox, spent: &mut Spent) {
    for record in outbox.iter() {
        spent.outputs += 1;
        spent.output_bytes += record.value().map_or(0, <[u8]>::len) + record.key().map_or(0, <[u8]>::len);
        for (name, value) in record.headers() {
            spent.headers += 1;
            spent.output_bytes += name.len() + value.map_or(0, <[u8]>::len);
        }
        if topology.output(record.topic()).name == "sms" {
            keep_code(record.value().expect("a body"), spent);
        }
    }
}

fn keep_code(body: &[u8], spent: &mut Spent) {
    let body: serde_json::Value = serde_json::from_slice(body).expect("JSON");
    let number: u64 = body["mobileNumber"].as_str().expect("text").parse().expect("digits");
    let message = body["message"].as_str().expect("text");
    let code = message.chars().filter(char::is_ascii_digit).collect();
    spent.codes.insert(number, code);
}

fn report(what: &str, requests: usize, spent: &Spent) {
    println!("{what}: {requests} requests, ns each{:>11}{:>10}", "median", "quickest");
    for (name, step) in [
        ("copy the fetched record", &spent.push),
        ("process, less", &spent.process),
        ("  read the store in memory", &spent.read),
        ("plan the changelog", &spent.plan),
        ("walk over the outputs", &spent.walk),
        ("make the write batch", &spent.write),
    ] {
        let commits = step.sorted();
        println!("  {name:<46}{:>9.0}{:>10.0}", commits[commits.len() / 2], commits[0]);
    }
    let each = |count: usize| count as f64 / requests as f64;
    println!(
        "  {:.1} outputs, {:.1} headers, {:.0} bytes",
        each(spent.outputs),
        each(spent.headers),
        each(spent.output_bytes)
    );
}

fn send(mobile: u64, body: &mut Vec<u8>) {
    let kind = if mobile.is_multiple_of(2) { "login" } else { "register" };
    body.extend_from_slice(
        format!(
            r#"{{"operation":"send","RequestInfo":{{"apiId":"Rainmaker","ver":".01","ts":"","action":"_send","did":"1","key":"","msgId":"20170310130900|en_IN","authToken":null}},"otp":{{"mobileNumber":"{mobile}","type":"{kind}","userType":"CITIZEN","tenantId":"{TENANT}.amritsar"}}}}"#
        )
        .as_bytes(),
    );
}

fn validate(mobile: u64, code: &str, body: &mut Vec<u8>) {
    body.extend_from_slice(
        format!(
            r#"{{"operation":"validate","RequestInfo":{{"apiId":"Rainmaker","ver":".01","ts":"","action":"_send","did":"1","key":"","msgId":"20170310130900|en_IN","authToken":null}},"otp":{{"otp":"{code}","identity":"{mobile}","tenantId":"{TENANT}.amritsar"}}}}"#
        )
        .as_bytes(),
    );
}

#[expect(clippy::disallowed_methods, reason = "a benchmark measures")]
fn now() -> Instant {
    Instant::now()
}
