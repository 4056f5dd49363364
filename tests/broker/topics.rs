//! `topics plan|create|verify` against a real cluster.

use rdkafka::ClientConfig;
use rdkafka::admin::{AdminClient, AdminOptions, AlterConfig, NewPartitions, ResourceSpecifier};
use rdkafka::client::DefaultClientContext;

use crate::harness::cluster::cluster;
use crate::harness::event::{send, validate};
use crate::harness::process::otp_stream;
use crate::harness::world::{World, must};

pub fn admin(bootstrap: &str) -> AdminClient<DefaultClientContext> {
    ClientConfig::new().set("bootstrap.servers", bootstrap).create().expect("an admin client")
}

/// Runs one admin call to its end.
pub fn wait<T>(call: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime").block_on(call)
}

/// Deletes a topic of several partitions, and creates it as the plan has it.
pub fn recreate(world: &World, topic: &str) {
    let options = AdminOptions::new().operation_timeout(Some(std::time::Duration::from_secs(10)));
    let gone = wait(admin(&cluster().bootstrap).delete_topics(&[topic], &options)).expect("an answer");
    assert!(gone.iter().all(Result::is_ok), "{gone:?}");
    for _ in 0..40 {
        let created = otp_stream(&world.configs, &["topics", "create"]);
        let names_it = String::from_utf8_lossy(&created.stdout).contains(topic);
        if created.status.success() && names_it {
            return;
        }
        std::thread::sleep(std::time::Duration::from_millis(250));
    }
    panic!("the topic {topic} is not there again");
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
    let done =
        wait(admin(&cluster().bootstrap).alter_configs([&wrong], &AdminOptions::new())).expect("an answer");
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
    let done =
        wait(admin(&cluster().bootstrap).create_partitions(&more, &AdminOptions::new())).expect("an answer");
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
    let done =
        wait(admin(&cluster().bootstrap).delete_topics(&[topic], &AdminOptions::new())).expect("an answer");
    assert!(done.iter().all(Result::is_ok), "{done:?}");
    let told = verify_differs(&world);
    let (status, said) = told;
    assert_eq!(status, Some(1), "{said}");
    assert!(said.contains(topic.as_str()), "{said}");
}

#[test]
fn the_start_refuses_a_request_topic_that_forgets() {
    let world = World::new("compacted");
    let topic = &world.topics.requests;
    let wrong = AlterConfig::new(ResourceSpecifier::Topic(topic))
        .set("cleanup.policy", "compact")
        .set("message.timestamp.type", "LogAppendTime");
    let done =
        wait(admin(&cluster().bootstrap).alter_configs([&wrong], &AdminOptions::new())).expect("an answer");
    assert!(done.iter().all(Result::is_ok), "{done:?}");
    assert_eq!(verify_differs(&world).0, Some(1));
    let output = otp_stream(&world.configs, &["run"]);
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(said.contains(topic.as_str()) && said.contains("cleanup.policy is compact"), "{said}");
}

#[test]
fn a_request_topic_recreated_under_a_running_service_is_read_from_its_beginning() {
    let mut world = World::new("recreated");
    let process = world.run();
    let code = world.code_for("9123456740");
    for number in 0..9 {
        world.ask(send(&(9_123_456_741_u64 + number).to_string()));
    }
    let topic = world.topics.requests.clone();
    recreate(&world, &topic);

    let fresh = crate::harness::kafka::Upstream::new(&cluster().bootstrap);
    fresh.produce(&topic, &validate("9123456740", &code).id("after"));
    assert_eq!(world.result("after")["reason"], "verified", "the state is there, the new topic is read");
    assert!(process.terminate().success());
}
