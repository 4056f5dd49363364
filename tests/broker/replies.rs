//! What Spring's `ReplyingKafkaTemplate` needs of a reply.

use crate::harness::event::send;
use crate::harness::world::{PARTITIONS, World};

#[test]
fn a_reply_finds_the_thread_that_waits_for_it() {
    let mut world = World::new("replies");
    let _process = world.run();
    let correlation = [0_u8, 255, 16, 7, 128, 1, 2, 3];
    for partition in 0..PARTITIONS {
        let id = format!("asked-{partition}");
        let request = send(&format!("912345676{partition}"))
            .header("kafka_correlationId", &correlation)
            .header("kafka_replyTopic", world.topics.replies.as_bytes())
            .header("kafka_replyPartition", &partition.to_be_bytes())
            .header("ce_correlationid", b"trail-1")
            .header("traceparent", b"00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01")
            .header("otp-client-ref", b"case 77")
            .id(&id);
        let reply = world.ask(request);
        assert_eq!(reply.partition, partition);
        assert_eq!(reply.header("kafka_correlationId"), Some(correlation.as_slice()));
        assert_eq!((reply.text("ce_correlationid"), reply.cause()), ("trail-1", id.as_str()));
        assert_eq!(reply.text("traceparent"), "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01");
        assert_eq!(world.sms(&id).text("ce_correlationid"), "trail-1");
        assert_eq!(world.lifecycle("issued", &id)["clientRef"], "case 77");
    }
    world.audit();
}

#[test]
fn a_reply_goes_nowhere_but_to_its_callers_topic() {
    let mut world = World::new("foreign-reply");
    let _process = world.run();
    let elsewhere = world.topics.desk_replies.clone();
    let topic = send("9123456765").header("kafka_replyTopic", elsewhere.as_bytes()).id("other-topic");
    let out_of_range =
        send("9123456765").header("kafka_replyPartition", &99_i32.to_be_bytes()).id("out-of-range");
    let malformed = send("9123456765").header("kafka_replyPartition", b"1").id("malformed");
    for request in [topic, out_of_range, malformed] {
        let reply = world.ask(request);
        assert_eq!(reply.error_code(), "OTP.INVALID_REPLY", "{}", reply.cause());
        assert_eq!(reply.topic, world.topics.replies);
    }
    world.audit();
    assert!(world.on(&world.topics.sms).is_empty());
}
