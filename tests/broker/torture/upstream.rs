//! Faults of what lies before the service: offsets set back, a topic made anew, transactions that nobody ends.

use std::time::{Duration, Instant};

use rdkafka::admin::{AdminOptions, NewTopic, TopicReplication};
use rdkafka::consumer::{BaseConsumer, CommitMode, Consumer};
use rdkafka::producer::{BaseProducer, BaseRecord, Producer};
use rdkafka::{ClientConfig, Offset, TopicPartitionList};

use super::load::lone_send;
use super::passes;
use super::trial::Trial;
use crate::harness::world::{PARTITIONS, World};
use crate::topics::{admin, wait};

const LIMIT: Duration = Duration::from_secs(20);

#[test]
fn offsets_set_back_to_the_beginning() {
    passes("offsets", |kind, seed| {
        let mut trial = Trial::new(kind, seed, World::with);
        let seat = trial.world.seat();
        for round in 0..3 {
            let process = seat.run_only();
            let ms = trial.load.draw(1_500..3_000);
            trial.load_for(ms);
            if round == 1 {
                process.kill_9()
            } else {
                assert!(process.terminate().success())
            }
            set_offsets_back(&trial.world);
            trial.fault("offsets set back");
        }
        let process = seat.run();
        trial.drain();
        trial.end_in_good_order(process, &seat, true);
    });
}

/// As `kafka-consumer-groups --reset-offsets --to-earliest` does; refused until the last member's session is over.
fn set_offsets_back(world: &World) {
    let consumer: BaseConsumer = ClientConfig::new()
        .set("bootstrap.servers", &world.cluster.bootstrap)
        .set("group.id", &world.application)
        .create()
        .expect("a consumer");
    let mut list = TopicPartitionList::new();
    for topic in [&world.topics.requests, &world.topics.desk_requests] {
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
fn a_request_topic_deleted_and_made_anew() {
    passes("recreated", |kind, seed| {
        let mut trial = Trial::new(kind, seed, World::with);
        let seat = trial.world.seat();
        for _ in 0..2 {
            let process = seat.run();
            trial.load_for(2_000);
            trial.drain();
            assert!(process.terminate().success());
            make_anew(&trial.world);
            trial.fault("request topic deleted and made anew");
        }
        let process = seat.run();
        trial.load_for(2_000);
        assert!(seat.said().contains(&trial.world.topics.requests), "the log names the topic");
        // The old log is gone, so there is nothing to replay.
        trial.drain();
        trial.end_in_good_order(process, &seat, false);
    });
}

fn make_anew(world: &World) {
    let admin = admin(&world.cluster.bootstrap);
    let topic = world.topics.requests.as_str();
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
        assert!(Instant::now() < until, "the topic is not made");
        std::thread::sleep(Duration::from_millis(200));
    }
}

#[test]
fn upstream_transactions_that_hang() {
    passes("hanging", |kind, seed| {
        let mut trial = Trial::new(kind, seed, World::with);
        let seat = trial.world.seat();
        let process = seat.run();
        for round in 0..3 {
            trial.load_for(1_000);
            hang(&trial.world, seed, round);
            trial.fault("transaction left open");
            let ms = trial.load.draw(1_000..4_000);
            trial.load_for(ms);
        }
        trial.drain();
        trial.end_in_good_order(process, &seat, true);
    });
}

/// A transaction with a record in every request partition, written and never ended: its time-out aborts it, and none of
/// its records may ever be answered.
fn hang(world: &World, seed: u64, round: u64) {
    let producer: BaseProducer = ClientConfig::new()
        .set("bootstrap.servers", &world.cluster.bootstrap)
        .set("transactional.id", format!("{}-upstream-{round}", world.application))
        .set("transaction.timeout.ms", "2000")
        .set("message.timeout.ms", "2000")
        .create()
        .expect("a producer");
    producer.init_transactions(LIMIT).expect("a transactional producer");
    producer.begin_transaction().expect("a transaction");
    for partition in 0..PARTITIONS {
        let request = lone_send(&format!("60000{:05}", seed % 1_000 * 10 + round * 3));
        let payload = request.payload.expect("a body");
        let key = request.key.expect("a key");
        let record = BaseRecord::to(&world.topics.requests).partition(partition).key(&key).payload(&payload);
        producer.send(record).map_err(|(error, _)| error).expect("taken");
    }
    producer.flush(LIMIT).expect("written");
}
