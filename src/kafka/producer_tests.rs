//! Rounds on librdkafka's mock cluster. The mock has no real transactions; `tests/broker` tests those.

use super::*;
use crate::kafka::Mock;

const TIMEOUT: Duration = Duration::from_secs(10);

/// A producer with an open transaction.
struct OpenTransaction {
    producer: Producer,
    outbox: Outbox,
    _mock: Mock,
}

impl OpenTransaction {
    fn new() -> Self {
        let topics = ["changelog".to_owned(), "other".to_owned()];
        let mock = Mock::start(&topics.clone().map(|name| (name, 1))).expect("a cluster");
        let properties = Properties::new(&mock.bootstrap_servers(), []).expect("no property");
        let changelog = Some(OutputTopic(0));
        let producer = Producer::new(&properties, "rounds", &topics, &[], changelog).expect("a producer");
        producer.init(TIMEOUT, || true).expect("initialised");
        producer.begin().expect("begun");
        Self { producer, outbox: Outbox::default(), _mock: mock }
    }

    fn push(&mut self, topic: u16, size: usize) {
        let none = Default::default();
        let body = |out: &mut Vec<u8>| out.resize(out.len() + size, b'x');
        self.outbox.push_with(OutputTopic(topic), 0, None, none, none, body);
    }

    fn produce_early(&self, first: usize) -> usize {
        self.producer.produce_early(&self.outbox, first).expect("librdkafka takes the records")
    }

    /// Hands over the remaining records and commits. Every record must be delivered.
    fn commit(self, first: usize) {
        self.producer.produce_remaining(&self.outbox, first).expect("librdkafka takes the records");
        self.producer.commit(TIMEOUT).expect("committed");
        let in_changelog = self.outbox.iter_from(0).filter(|it| it.topic() == OutputTopic(0)).count() as i64;
        assert_eq!(self.producer.delivered(0), Some(in_changelog - 1));
    }
}

/// Of these records (topic and size), the first `in_round` form the first round.
fn check(records: &[(u16, usize)], in_round: usize) {
    let mut transaction = OpenTransaction::new();
    for (topic, size) in records {
        transaction.push(*topic, *size);
    }
    assert_eq!(transaction.produce_early(0), in_round, "{records:?}");
    transaction.commit(in_round);
}

#[test]
fn a_round_is_at_most_one_request_for_each_partition() {
    const HALF: usize = 400_000;
    check(&[(0, 10), (0, 10)], 2);
    check(&[(0, HALF), (0, HALF), (0, HALF)], 2);
    check(&[(0, HALF), (1, HALF), (0, HALF), (1, HALF), (1, HALF)], 4);
    check(&[(0, REQUEST_BYTES_MAX + 1), (0, 10), (1, 10)], 1);
}

#[test]
fn few_records_are_produced_early_only_as_the_first_of_their_transaction() {
    let mut transaction = OpenTransaction::new();
    transaction.push(0, 10);
    assert_eq!(transaction.produce_early(0), 1);
    transaction.push(0, 10);
    assert_eq!(transaction.produce_early(1), 1, "the second record gets no request of its own");
    transaction.commit(1);
}
