//! Policies and templates change while the service runs, through records on their topics.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::harness::event::{Event, Request, send};
use crate::harness::scenario::Scenario;

const SEEN_LIMIT: Duration = Duration::from_secs(20);

/// Sends to new numbers until an SMS fits. A policy or template takes effect within one or two commits.
fn until_sms(scenario: &mut Scenario, series: u32, fits: impl Fn(&Event) -> bool) -> Event {
    let started = Instant::now();
    for n in 0.. {
        let number = format!("94{:08}", series * 10_000 + n);
        let id = scenario.produce(send(&number).id(&format!("send-{number}")));
        let sms = scenario.sms(&id);
        if fits(&sms) {
            return sms;
        }
        assert!(started.elapsed() < SEEN_LIMIT, "no SMS fits");
        std::thread::sleep(Duration::from_millis(50));
    }
    unreachable!("the loop has no end of its own")
}

fn dead_letter(scenario: &mut Scenario, of: &str, offset: i64) -> Event {
    let (dead_letters, of) = (scenario.topics.dead_letters.clone(), of.to_owned());
    scenario.tap.wait("a dead letter", |e| {
        e.topic == dead_letters
            && e.text("__dlq.errors.topic") == of
            && e.text("__dlq.errors.offset") == offset.to_string()
    })
}

#[test]
fn a_policy_record_takes_effect_and_a_bad_one_does_not() {
    let mut scenario = Scenario::new("policy");
    let process = scenario.run();
    let topic = scenario.topics.policies.clone();
    let rule = |key: &str, value: &Value| Request::of(key, value);
    assert_eq!(until_sms(&mut scenario, 1, |_| true).code().len(), 6);

    scenario.upstream.produce(&topic, &rule("egov/*", &json!({"digits": 7})));
    until_sms(&mut scenario, 2, |sms| sms.code().len() == 7);
    scenario.upstream.produce(&topic, &rule("egov/pb", &json!({"digits": 8})));
    until_sms(&mut scenario, 3, |sms| sms.code().len() == 8);
    scenario.upstream.produce(&topic, &rule("egov/pb.amritsar", &json!({"digits": 9})));
    until_sms(&mut scenario, 4, |sms| sms.code().len() == 9);

    for bad in [json!({"digits": 3}), json!({"digits": 9, "colour": "red"}), json!([])] {
        let (_, offset) = scenario.upstream.produce(&topic, &rule("egov/pb.amritsar", &bad));
        dead_letter(&mut scenario, &topic, offset);
    }
    assert_eq!(until_sms(&mut scenario, 5, |_| true).code().len(), 9, "the last good one stays");

    assert!(process.terminate().success());
    let _process = scenario.run();
    assert_eq!(until_sms(&mut scenario, 6, |_| true).code().len(), 9, "rules outlive the process");

    let gone = Request::default().key(Some("egov/pb.amritsar"));
    scenario.upstream.produce(&topic, &gone);
    until_sms(&mut scenario, 7, |sms| sms.code().len() == 8);
    scenario.audit();
}

#[test]
fn a_template_record_takes_effect_and_a_bad_one_does_not() {
    let mut scenario = Scenario::new("template");
    let _process = scenario.run();
    let topic = scenario.topics.templates.clone();
    let text = |sms: &Event| sms.body()["message"].as_str().expect("a text").to_owned();
    assert!(text(&until_sms(&mut scenario, 1, |_| true)).starts_with("Dear Citizen"));

    let key = "egov/pb/en_IN/sms.login.otp.msg";
    let good = json!({"text": "Punjab: {otp} is your code", "templateId": "DLT-1"});
    scenario.upstream.produce(&topic, &Request::of(key, &good));
    let sms = until_sms(&mut scenario, 2, |sms| text(sms).starts_with("Punjab: "));
    assert_eq!(sms.body()["templateId"], "DLT-1");
    assert_eq!(text(&sms), format!("Punjab: {} is your code", sms.code()));

    for bad in
        [json!({"text": "no placeholder"}), json!({"text": "%d %s"}), json!({"text": "x".repeat(1_001)})]
    {
        let (_, offset) = scenario.upstream.produce(&topic, &Request::of(key, &bad));
        dead_letter(&mut scenario, &topic, offset);
    }
    assert!(text(&until_sms(&mut scenario, 3, |_| true)).starts_with("Punjab: "), "the last good one stays");
    scenario.upstream.produce(&topic, &Request::default().key(Some(key)));
    until_sms(&mut scenario, 4, |sms| text(sms).starts_with("Dear Citizen"));
    scenario.audit();
}
