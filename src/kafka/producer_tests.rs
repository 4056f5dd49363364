//! Waves on librdkafka's mock cluster; what needs a real broker's transactions is in `tests/broker`.

use super::*;
use crate::kafka::Mock;

const TIMEOUT: Duration = Duration::from_secs(10);

struct Begun {
    producer: Producer,
    outbox: Outbox,
    _mock: Mock,
}

impl Begun {
    fn new() -> Self {
        let topics = ["changelog".to_owned(), "other".to_owned()];
        let mock = Mock::start(&topics.clone().map(|name| (name, 1))).expect("a cluster");
        let properties = Properties::new(&mock.bootstrap_servers(), []).expect("no property");
        let changelog = Some(OutputTopic(0));
        let producer = Producer::new(&properties, "waves", &topics, &[], changelog).expect("a producer");
        producer.init(TIMEOUT).expect("initialised");
        producer.begin().expect("begun");
        Self { producer, outbox: Outbox::default(), _mock: mock }
    }

    fn push(&mut self, topic: u16, size: usize) {
        let none = Default::default();
        let body = |out: &mut Vec<u8>| out.resize(out.len() + size, b'x');
        self.outbox.push_with(OutputTopic(topic), 0, None, none, none, body);
    }

    fn along(&self, first: usize) -> usize {
        self.producer.produce_along(&self.outbox, first).expect("taken")
    }

    /// Hands over what is left and commits: everything must be delivered.
    fn end(self, first: usize) {
        self.producer.produce_rest(&self.outbox, first).expect("taken");
        self.producer.commit(TIMEOUT).expect("committed");
        let in_changelog = self.outbox.iter_from(0).filter(|it| it.topic() == OutputTopic(0)).count() as i64;
        assert_eq!(self.producer.delivered(0), Some(in_changelog - 1));
    }
}

/// How many of the records (topic and size) go together in the first wave; all of them are delivered in the end.
fn check(records: &[(u16, usize)], together: usize) {
    let mut begun = Begun::new();
    for (topic, size) in records {
        begun.push(*topic, *size);
    }
    assert_eq!(begun.along(0), together, "{records:?}");
    begun.end(together);
}

#[test]
fn a_wave_is_what_one_request_carries_for_each_partition() {
    const HALF: usize = 400_000;
    check(&[(0, 10), (0, 10)], 2);
    check(&[(0, HALF), (0, HALF), (0, HALF)], 2);
    check(&[(0, HALF), (1, HALF), (0, HALF), (1, HALF), (1, HALF)], 4);
    check(&[(0, REQUEST_BYTES_MAX + 1), (0, 10), (1, 10)], 1);
}

#[test]
fn a_few_records_go_over_at_once_only_as_the_first_of_their_transaction() {
    let mut begun = Begun::new();
    begun.push(0, 10);
    assert_eq!(begun.along(0), 1);
    begun.push(0, 10);
    assert_eq!(begun.along(1), 1, "a second request for one record");
    begun.end(1);
}
