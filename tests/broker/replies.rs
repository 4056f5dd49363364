//! Replies as Spring's `ReplyingKafkaTemplate` needs them.

use crate::harness::event::send;
use crate::harness::scenario::{PARTITIONS, Scenario};

#[test]
fn a_reply_returns_the_correlation_and_the_reply_partition() {
    let mut scenario = Scenario::new("replies");
    let _process = scenario.run();
    let correlation = [0_u8, 255, 16, 7, 128, 1, 2, 3];
    for partition in 0..PARTITIONS {
        let id = format!("asked-{partition}");
        let request = send(&format!("912345676{partition}"))
            .header("kafka_correlationId", &correlation)
            .header("kafka_replyTopic", scenario.topics.replies.as_bytes())
            .header("kafka_replyPartition", &partition.to_be_bytes())
            .header("ce_correlationid", b"trail-1")
            .header("traceparent", b"00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01")
            .header("otp-client-ref", b"case 77")
            .id(&id);
        let reply = scenario.ask(request);
        assert_eq!(reply.partition, partition);
        assert_eq!(reply.header("kafka_correlationId"), Some(correlation.as_slice()));
        assert_eq!((reply.text("ce_correlationid"), reply.cause()), ("trail-1", id.as_str()));
        assert_eq!(reply.text("traceparent"), "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01");
        assert_eq!(scenario.sms(&id).text("ce_correlationid"), "trail-1");
        assert_eq!(scenario.lifecycle("issued", &id)["clientRef"], "case 77");
    }
    scenario.audit();
}

#[test]
fn a_reply_goes_only_to_the_topic_of_its_caller() {
    let mut scenario = Scenario::new("foreign-reply");
    let _process = scenario.run();
    let elsewhere = scenario.topics.desk_replies.clone();
    let topic = send("9123456765").header("kafka_replyTopic", elsewhere.as_bytes()).id("other-topic");
    let out_of_range =
        send("9123456765").header("kafka_replyPartition", &99_i32.to_be_bytes()).id("out-of-range");
    let malformed = send("9123456765").header("kafka_replyPartition", b"1").id("malformed");
    for request in [topic, out_of_range, malformed] {
        let reply = scenario.ask(request);
        assert_eq!(reply.error_code(), "OTP.INVALID_REPLY", "{}", reply.cause());
        assert_eq!(reply.topic, scenario.topics.replies);
    }
    scenario.audit();
    assert!(scenario.events_of(&scenario.topics.sms).is_empty());
}
