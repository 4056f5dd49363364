//! `topics plan|create|verify` against a real cluster.

use rdkafka::ClientConfig;
use rdkafka::admin::{AdminClient, AdminOptions, AlterConfig, NewPartitions, ResourceSpecifier};
use rdkafka::client::DefaultClientContext;

use crate::harness::node::node;
use crate::harness::process::otp_stream;
use crate::harness::world::{World, must};

fn admin() -> AdminClient<DefaultClientContext> {
    ClientConfig::new().set("bootstrap.servers", &node().bootstrap).create().expect("an admin client")
}

/// Runs one admin call to its end.
fn wait<T>(call: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime").block_on(call)
}

/// Exit status and everything said by `topics verify`.
fn verify(world: &World) -> (Option<i32>, String) {
    let output = otp_stream(&world.configs, &["topics", "verify"]);
    let said = [output.stdout, output.stderr].concat();
    (output.status.code(), String::from_utf8_lossy(&said).into_owned())
}

/// After a change: the controller has answered, and the broker hears of it a little later.
fn verify_differs(world: &World) -> (Option<i32>, String) {
    let mut told = verify(world);
    for _ in 0..40 {
        if told.0 == Some(1) {
            break;
        }
        std::thread::sleep(std::time::Duration::from_millis(250));
        told = verify(world);
    }
    told
}

#[test]
fn what_create_makes_verify_accepts() {
    let world = World::new("verify-good");
    assert_eq!(verify(&world), (Some(0), verify(&world).1));
    must(&world.configs, &["topics", "create"]);
    assert_eq!(verify(&world).0, Some(0), "creating again changes nothing");
    let plan = must(&world.configs, &["topics", "plan"]);
    for topic in [&world.topics.requests, &world.topics.sms, &world.topics.changelog] {
        assert!(plan.contains(topic.as_str()), "the plan names {topic}");
    }
}

#[test]
fn verify_names_a_wrong_property() {
    let world = World::new("verify-property");
    let topic = &world.topics.requests;
    let wrong = AlterConfig::new(ResourceSpecifier::Topic(topic)).set("message.timestamp.type", "CreateTime");
    let done = wait(admin().alter_configs([&wrong], &AdminOptions::new())).expect("an answer");
    assert!(done.iter().all(Result::is_ok), "{done:?}");
    let (status, said) = verify_differs(&world);
    assert_eq!(status, Some(1), "{said}");
    assert!(said.contains(topic.as_str()) && said.contains("message.timestamp.type"), "{said}");
}

#[test]
fn verify_names_a_wrong_partition_count() {
    let world = World::new("verify-partitions");
    let topic = &world.topics.directory;
    let more = [NewPartitions::new(topic, 5)];
    let done = wait(admin().create_partitions(&more, &AdminOptions::new())).expect("an answer");
    assert!(done.iter().all(Result::is_ok), "{done:?}");
    let (status, said) = verify_differs(&world);
    assert_eq!(status, Some(1), "{said}");
    assert!(said.contains(topic.as_str()), "{said}");
    let output = otp_stream(&world.configs, &["run"]);
    assert!(!output.status.success(), "the start refuses a directory of another partition count");
}

#[test]
fn verify_names_a_missing_topic() {
    let world = World::new("verify-missing");
    let topic = &world.topics.results;
    let done = wait(admin().delete_topics(&[topic], &AdminOptions::new())).expect("an answer");
    assert!(done.iter().all(Result::is_ok), "{done:?}");
    let told = verify_differs(&world);
    let (status, said) = told;
    assert_eq!(status, Some(1), "{said}");
    assert!(said.contains(topic.as_str()), "{said}");
}
