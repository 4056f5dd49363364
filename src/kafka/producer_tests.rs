//! Waves on librdkafka's mock cluster; what needs a real broker's transactions is in `tests/broker`.

use super::*;
use crate::kafka::Mock;

const TIMEOUT: Duration = Duration::from_secs(10);

/// How many of the records (topic and size) go together in the first wave; all of them are delivered in the end.
fn check(records: &[(u16, usize)], together: usize) {
    let topics = ["changelog".to_owned(), "other".to_owned()];
    let mock = Mock::start(&topics.clone().map(|name| (name, 1))).expect("a cluster");
    let properties = Properties::new(&mock.bootstrap_servers(), []).expect("no property");
    let producer =
        Producer::new(&properties, "waves", &topics, &[], Some(OutputTopic(0))).expect("a producer");
    let mut outbox = Outbox::default();
    for (topic, size) in records {
        let none = Default::default();
        outbox.push(OutputTopic(*topic), 0, None, none, none, |out| out.resize(out.len() + size, b'x'));
    }
    producer.init(TIMEOUT).expect("initialised");
    producer.begin().expect("begun");
    assert_eq!(producer.produce_along(&outbox, 0).expect("taken"), together, "{records:?}");
    producer.produce_rest(&outbox, together).expect("taken");
    producer.commit(TIMEOUT).expect("committed");
    let in_changelog = records.iter().filter(|(topic, _)| *topic == 0).count() as i64;
    assert_eq!(producer.delivered(0), Some(in_changelog - 1), "{records:?}");
}

#[test]
fn a_wave_is_what_one_request_carries_for_each_partition() {
    const HALF: usize = 400_000;
    check(&[(0, 10), (0, 10)], 2);
    check(&[(0, HALF), (0, HALF), (0, HALF)], 2);
    check(&[(0, HALF), (1, HALF), (0, HALF), (1, HALF), (1, HALF)], 4);
    check(&[(0, REQUEST_BYTES_MAX + 1), (0, 10), (1, 10)], 1);
}
