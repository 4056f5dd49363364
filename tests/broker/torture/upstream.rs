//! Upstream faults: offsets set back, a recreated topic, transactions that are never ended.

use std::time::{Duration, Instant};

use rdkafka::admin::{AdminOptions, NewTopic, TopicReplication};
use rdkafka::consumer::{BaseConsumer, CommitMode, Consumer};
use rdkafka::producer::{BaseProducer, BaseRecord, Producer};
use rdkafka::{ClientConfig, Offset, TopicPartitionList};

use super::load::single_send;
use super::repeat;
use super::run::TortureRun;
use crate::harness::scenario::{PARTITIONS, Scenario};
use crate::topics::{admin, wait};

const LIMIT: Duration = Duration::from_secs(20);

#[test]
fn offsets_set_back_to_the_beginning() {
    repeat("offsets", |kind, seed| {
        let mut run = TortureRun::new(kind, seed, Scenario::with);
        let host = run.scenario.host();
        for round in 0..3 {
            let process = host.start();
            let ms = run.load.draw(1_500..3_000);
            run.load_for(ms);
            if round == 1 {
                process.kill_9()
            } else {
                run.stop(process)
            }
            set_offsets_back(&run.scenario);
            run.fault("offsets set back");
        }
        let process = host.run();
        run.drain();
        run.finish(process, &host, true);
    });
}

/// Does the same as `kafka-consumer-groups --reset-offsets --to-earliest`. Kafka refuses it until the session of the last member
/// has ended.
fn set_offsets_back(scenario: &Scenario) {
    let consumer: BaseConsumer = ClientConfig::new()
        .set("bootstrap.servers", &scenario.cluster.bootstrap)
        .set("group.id", &scenario.application)
        .create()
        .expect("a consumer");
    let mut list = TopicPartitionList::new();
    for topic in scenario.topics.requests_of_all() {
        for partition in 0..PARTITIONS {
            list.add_partition_offset(topic, partition, Offset::Offset(0)).expect("a partition");
        }
    }
    let until = Instant::now() + LIMIT;
    while let Err(error) = consumer.commit(&list, CommitMode::Sync) {
        assert!(Instant::now() < until, "the offsets are not set back: {error}");
        std::thread::sleep(Duration::from_millis(200));
    }
}

#[test]
fn a_request_topic_deleted_and_recreated() {
    repeat("recreated", |kind, seed| {
        let mut run = TortureRun::new(kind, seed, Scenario::with);
        let host = run.scenario.host();
        for _ in 0..2 {
            let process = host.run();
            run.load_for(2_000);
            run.drain();
            run.stop(process);
            recreate_requests(&run.scenario);
            run.fault("request topic deleted and recreated");
        }
        let process = host.run();
        run.load_for(2_000);
        assert!(host.log_text().contains(&run.scenario.topics.requests), "the log names the topic");
        // The old log is deleted, so there is nothing to replay.
        run.drain();
        run.finish(process, &host, false);
    });
}

fn recreate_requests(scenario: &Scenario) {
    let admin = admin(&scenario.cluster.bootstrap);
    let topic = scenario.topics.requests.as_str();
    let deleted = wait(admin.delete_topics(&[topic], &AdminOptions::new())).expect("an answer");
    assert!(deleted.iter().all(Result::is_ok), "{deleted:?}");
    let new = NewTopic::new(topic, PARTITIONS, TopicReplication::Fixed(1))
        .set("message.timestamp.type", "LogAppendTime")
        .set("retention.ms", "86400000");
    let until = Instant::now() + LIMIT;
    while !wait(admin.create_topics([&new], &AdminOptions::new()))
        .expect("an answer")
        .iter()
        .all(Result::is_ok)
    {
        assert!(Instant::now() < until, "the topic is not created");
        std::thread::sleep(Duration::from_millis(200));
    }
}

#[test]
fn upstream_transactions_that_hang() {
    repeat("hanging", |kind, seed| {
        let mut run = TortureRun::new(kind, seed, Scenario::with);
        let host = run.scenario.host();
        let process = host.run();
        for round in 0..3 {
            run.load_for(1_000);
            hang(&run.scenario, seed, round);
            run.fault("transaction left open");
            let ms = run.load.draw(1_000..4_000);
            run.load_for(ms);
        }
        run.drain();
        run.finish(process, &host, true);
    });
}

/// Writes a transaction with a record in every request partition and does not end it. Its time-out aborts it, and none of its
/// records may get a reply.
fn hang(scenario: &Scenario, seed: u64, round: u64) {
    let producer: BaseProducer = ClientConfig::new()
        .set("bootstrap.servers", &scenario.cluster.bootstrap)
        .set("transactional.id", format!("{}-upstream-{round}", scenario.application))
        .set("transaction.timeout.ms", "2000")
        .set("message.timeout.ms", "2000")
        .create()
        .expect("a producer");
    producer.init_transactions(LIMIT).expect("a transactional producer");
    producer.begin_transaction().expect("a transaction");
    for partition in 0..PARTITIONS {
        let request = single_send(&format!("60000{:05}", seed % 1_000 * 10 + round * 3));
        let payload = request.payload.expect("a body");
        let key = request.key.expect("a key");
        let record =
            BaseRecord::to(&scenario.topics.requests).partition(partition).key(&key).payload(&payload);
        producer.send(record).map_err(|(error, _)| error).expect("taken");
    }
    producer.flush(LIMIT).expect("written");
}
