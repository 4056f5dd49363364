//! A value that cannot become JSON, as the edge marks it, ends like one that is bad JSON.

use otp_topology::deployment::{SourceKind, Topology};
use otp_topology::otp::{ContractName, LogTime};
use otp_topology::state::MemoryStore;
use otp_topology::task::{Task, forward_only};
use otp_topology::wire::json::JsonError;
use otp_topology::wire::outbox::Outbox;
use otp_topology::wire::record::{RecordBatch, SourcePartition};
use std::sync::Arc;

use crate::house::{House, START_MS, settings};

/// Not JSON, and not to be read by anybody.
const VALUE: &[u8] = b"\0\0\0\0\x07bytes";

/// Topic, `otp.error.code` and value of what a task publishes for a marked record of the request topic.
fn published(topology: &Arc<Topology>, batch: &RecordBatch) -> Vec<(String, String, Vec<u8>)> {
    let (mut task, _) = Task::open(0, topology.clone(), MemoryStore::default()).expect("a good store");
    let mut out = Outbox::default();
    task.process(&batch.get(0), LogTime::from_ms(START_MS), &mut out).expect("memory does not fail");
    let seen = out.iter().map(|it| {
        let code = it.headers().find(|(name, _)| *name == "otp.error.code").and_then(|(_, value)| value);
        let code = String::from_utf8_lossy(code.unwrap_or_default()).into_owned();
        (topology.output(it.topic()).name.clone(), code, it.value().unwrap_or_default().to_vec())
    });
    seen.collect()
}

fn marked(topology: &Topology, partition: i32, value: &[u8], error: JsonError) -> RecordBatch {
    let topic = topology.source_of(SourceKind::Requests(0)).expect("a caller");
    let mut batch = RecordBatch::default();
    let source = SourcePartition { topic, partition };
    batch.push(source, 0, LogTime::from_ms(START_MS), None, Some(value), []);
    batch.set_undecodable(Some(error));
    batch
}

#[test]
fn a_value_that_cannot_be_decoded_is_a_dead_letter_with_its_own_bytes() {
    let mut settings = settings();
    settings.dead_letter_copy = true;
    let topology = House::with(settings, 1, |_| None).topology;
    let good = br#"{"operation":"send","otp":{"tenantId":"pb","mobileNumber":"9123456789"}}"#;
    let errors = [JsonError::NotFramed, JsonError::UnknownSchema, JsonError::UnfitSchema, JsonError::NotAvro];
    for (error, code) in errors.into_iter().zip(["not_framed", "unknown_schema", "unfit_schema", "not_avro"])
    {
        // Even if the bytes happen to be JSON.
        for value in [VALUE, good] {
            let expected = ("dead-letters".to_owned(), code.to_owned(), value.to_vec());
            assert_eq!(published(&topology, &marked(&topology, 0, value, error)), [expected]);
        }
    }
}

#[test]
fn a_contract_that_answers_bad_json_answers_bad_avro() {
    let mut settings = settings();
    settings.callers[0].contract = ContractName::Int;
    let topology = House::with(settings, 1, |_| None).topology;
    let seen = published(&topology, &marked(&topology, 0, VALUE, JsonError::NotAvro));
    assert_eq!(seen.len(), 1);
    let reply = String::from_utf8_lossy(&seen[0].2);
    assert!(seen[0].0 == "replies" && reply.contains("\"status\":422,\"errorCode\":1"), "{reply}");
}

/// The bytes of a partition without a home are read where they are forwarded to.
#[test]
fn the_mark_goes_with_a_forwarded_record() {
    let topology = House::with(settings(), 1, |name| (name == "requests").then_some(3)).topology;
    let batch = marked(&topology, 2, VALUE, JsonError::UnknownSchema);
    let mut out = Outbox::default();
    forward_only(&batch.get(0), false, &topology, &mut out);
    let record = out.iter().next().expect("it is forwarded");
    assert_eq!(record.value(), Some(VALUE));
    let topic = topology.source_of(SourceKind::Repartition).expect("the internal topic");
    let mut arrived = RecordBatch::default();
    let source = SourcePartition { topic, partition: 0 };
    let headers: Vec<_> = record.headers().collect();
    arrived.push(source, 5, LogTime::from_ms(START_MS), None, record.value(), headers.clone());
    let seen = published(&topology, &arrived);
    assert_eq!((&*seen[0].0, &*seen[0].1), ("dead-letters", "unknown_schema"));

    // A caller's own header of that name counts for nothing.
    let mut forged = RecordBatch::default();
    let topic = topology.source_of(SourceKind::Requests(0)).expect("a caller");
    let source = SourcePartition { topic, partition: 2 };
    forged.push(source, 0, LogTime::from_ms(START_MS), None, Some(b"{}"), headers);
    let mut out = Outbox::default();
    forward_only(&forged.get(0), false, &topology, &mut out);
    let record = out.iter().next().expect("it is forwarded");
    assert!(record.headers().all(|(name, _)| name != "otp.origin.undecodable"));
}

#[test]
fn every_reason_has_a_name_that_is_read_back() {
    for code in [
        "null_value",
        "too_long",
        "not_utf8",
        "syntax",
        "too_deep",
        "duplicate_key",
        "not_an_object",
        "not_framed",
        "unknown_schema",
        "unfit_schema",
        "not_avro",
    ] {
        assert_eq!(JsonError::named(code.as_bytes()).map(JsonError::code), Some(code));
    }
    assert_eq!(JsonError::named(b"other"), None);
}
