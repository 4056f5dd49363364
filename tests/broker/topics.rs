//! `topics plan|create|verify` against a real cluster.

use rdkafka::ClientConfig;
use rdkafka::admin::{AdminClient, AdminOptions, AlterConfig, NewPartitions, ResourceSpecifier};
use rdkafka::client::DefaultClientContext;

use crate::harness::cluster::cluster;
use crate::harness::event::{send, validate};
use crate::harness::process::otp_stream;
use crate::harness::scenario::{Scenario, run_ok};

pub(crate) fn admin(bootstrap: &str) -> AdminClient<DefaultClientContext> {
    ClientConfig::new().set("bootstrap.servers", bootstrap).create().expect("an admin client")
}

/// Blocks until an admin call completes.
pub(crate) fn wait<T>(call: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime").block_on(call)
}

/// Deletes a topic and creates it again as planned.
pub(crate) fn recreate(scenario: &Scenario, topic: &str) {
    delete(scenario, topic);
    create_again(scenario, topic);
}

pub(crate) fn delete(scenario: &Scenario, topic: &str) {
    let options = AdminOptions::new().operation_timeout(Some(std::time::Duration::from_secs(10)));
    let gone = wait(admin(&scenario.cluster.bootstrap).delete_topics(&[topic], &options)).expect("an answer");
    assert!(gone.iter().all(Result::is_ok), "{gone:?}");
}

/// Creates a deleted topic as planned.
pub(crate) fn create_again(scenario: &Scenario, topic: &str) {
    for _ in 0..40 {
        let created = otp_stream(scenario.as_administrator(), &["topics", "create"]);
        let names_it = String::from_utf8_lossy(&created.stdout).contains(topic);
        if created.status.success() && names_it {
            return;
        }
        std::thread::sleep(std::time::Duration::from_millis(250));
    }
    panic!("the topic {topic} was not created again");
}

/// Exit status and output of `topics verify`.
fn verify(scenario: &Scenario) -> (Option<i32>, String) {
    let output = otp_stream(&scenario.configs, &["topics", "verify"]);
    let text = [output.stdout, output.stderr].concat();
    (output.status.code(), String::from_utf8_lossy(&text).into_owned())
}

/// As [`verify`], repeated until it reports a difference: a broker learns of a change a little after the controller has answered.
fn verify_differs(scenario: &Scenario) -> (Option<i32>, String) {
    let mut report = verify(scenario);
    for _ in 0..40 {
        if report.0 == Some(1) {
            break;
        }
        std::thread::sleep(std::time::Duration::from_millis(250));
        report = verify(scenario);
    }
    report
}

#[test]
fn verify_accepts_created_topics() {
    let scenario = Scenario::new("verify-good");
    assert_eq!(verify(&scenario), (Some(0), verify(&scenario).1));
    run_ok(&scenario.configs, &["topics", "create"]);
    assert_eq!(verify(&scenario).0, Some(0), "creating again changes nothing");
    let plan = run_ok(&scenario.configs, &["topics", "plan"]);
    for topic in [&scenario.topics.requests, &scenario.topics.sms, &scenario.topics.changelog] {
        assert!(plan.contains(topic.as_str()), "the plan names {topic}");
    }
}

#[test]
fn verify_names_a_wrong_property() {
    let scenario = Scenario::new("verify-property");
    let topic = &scenario.topics.requests;
    let wrong = AlterConfig::new(ResourceSpecifier::Topic(topic)).set("message.timestamp.type", "CreateTime");
    let done =
        wait(admin(&cluster().bootstrap).alter_configs([&wrong], &AdminOptions::new())).expect("an answer");
    assert!(done.iter().all(Result::is_ok), "{done:?}");
    let (status, text) = verify_differs(&scenario);
    assert_eq!(status, Some(1), "{text}");
    assert!(text.contains(topic.as_str()) && text.contains("message.timestamp.type"), "{text}");
}

#[test]
fn verify_names_a_wrong_partition_count() {
    let scenario = Scenario::new("verify-partitions");
    let topic = &scenario.topics.directory;
    let more = [NewPartitions::new(topic, 5)];
    let done =
        wait(admin(&cluster().bootstrap).create_partitions(&more, &AdminOptions::new())).expect("an answer");
    assert!(done.iter().all(Result::is_ok), "{done:?}");
    let (status, text) = verify_differs(&scenario);
    assert_eq!(status, Some(1), "{text}");
    assert!(text.contains(topic.as_str()), "{text}");
    let output = otp_stream(&scenario.configs, &["run"]);
    assert!(!output.status.success(), "the start refuses a directory of another partition count");
}

#[test]
fn verify_names_a_missing_topic() {
    let scenario = Scenario::new("verify-missing");
    let topic = &scenario.topics.results;
    let done =
        wait(admin(&cluster().bootstrap).delete_topics(&[topic], &AdminOptions::new())).expect("an answer");
    assert!(done.iter().all(Result::is_ok), "{done:?}");
    let report = verify_differs(&scenario);
    let (status, text) = report;
    assert_eq!(status, Some(1), "{text}");
    assert!(text.contains(topic.as_str()), "{text}");
}

#[test]
fn the_start_refuses_a_compacted_request_topic() {
    let scenario = Scenario::new("compacted");
    let topic = &scenario.topics.requests;
    let wrong = AlterConfig::new(ResourceSpecifier::Topic(topic))
        .set("cleanup.policy", "compact")
        .set("message.timestamp.type", "LogAppendTime");
    let done =
        wait(admin(&cluster().bootstrap).alter_configs([&wrong], &AdminOptions::new())).expect("an answer");
    assert!(done.iter().all(Result::is_ok), "{done:?}");
    assert_eq!(verify_differs(&scenario).0, Some(1));
    let output = otp_stream(&scenario.configs, &["run"]);
    let text = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(1), "{text}");
    assert!(text.contains(topic.as_str()) && text.contains("cleanup.policy is compact"), "{text}");
}

#[test]
fn a_request_topic_recreated_under_a_running_service_is_read_from_its_beginning() {
    let mut scenario = Scenario::new("recreated");
    let process = scenario.run();
    let code = scenario.code_for("9123456740");
    for number in 0..9 {
        scenario.ask(send(&(9_123_456_741_u64 + number).to_string()));
    }
    let topic = scenario.topics.requests.clone();
    recreate(&scenario, &topic);

    let fresh = crate::harness::kafka::Upstream::new(&cluster().bootstrap);
    fresh.produce(&topic, &validate("9123456740", &code).id("after"));
    assert_eq!(scenario.result("after")["reason"], "verified", "the state is there, the new topic is read");
    assert!(process.terminate().success());
}
