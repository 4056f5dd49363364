//! Rules and texts change while the service runs, by records on their topics.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::harness::event::{Event, Request, send};
use crate::harness::world::World;

const SEEN_LIMIT: Duration = Duration::from_secs(20);

/// Sends to one fresh number after another until an SMS fits: a record takes effect within a commit or two.
fn until_sms(world: &mut World, series: u32, fits: impl Fn(&Event) -> bool) -> Event {
    let begun = Instant::now();
    for n in 0.. {
        let number = format!("94{:08}", series * 10_000 + n);
        let id = world.tell(send(&number).id(&format!("send-{number}")));
        let sms = world.sms(&id);
        if fits(&sms) {
            return sms;
        }
        assert!(begun.elapsed() < SEEN_LIMIT, "no SMS fits");
        std::thread::sleep(Duration::from_millis(50));
    }
    unreachable!("the loop has no end of its own")
}

fn dead_letter(world: &mut World, of: &str, offset: i64) -> Event {
    let (dead_letters, of) = (world.topics.dead_letters.clone(), of.to_owned());
    world.tap.wait("a dead letter", |e| {
        e.topic == dead_letters
            && e.text("__dlq.errors.topic") == of
            && e.text("__dlq.errors.offset") == offset.to_string()
    })
}

#[test]
fn a_policy_record_takes_effect_and_a_bad_one_does_not() {
    let mut world = World::new("policy");
    let process = world.run();
    let topic = world.topics.policies.clone();
    let rule = |key: &str, value: &Value| Request::of(key, value);
    assert_eq!(until_sms(&mut world, 1, |_| true).code().len(), 6);

    world.upstream.produce(&topic, &rule("egov/*", &json!({"digits": 7})));
    until_sms(&mut world, 2, |sms| sms.code().len() == 7);
    world.upstream.produce(&topic, &rule("egov/pb", &json!({"digits": 8})));
    until_sms(&mut world, 3, |sms| sms.code().len() == 8);
    world.upstream.produce(&topic, &rule("egov/pb.amritsar", &json!({"digits": 9})));
    until_sms(&mut world, 4, |sms| sms.code().len() == 9);

    for bad in [json!({"digits": 3}), json!({"digits": 9, "colour": "red"}), json!([])] {
        let (_, offset) = world.upstream.produce(&topic, &rule("egov/pb.amritsar", &bad));
        dead_letter(&mut world, &topic, offset);
    }
    assert_eq!(until_sms(&mut world, 5, |_| true).code().len(), 9, "the last good one stays");

    assert!(process.terminate().success());
    let _process = world.run();
    assert_eq!(until_sms(&mut world, 6, |_| true).code().len(), 9, "rules outlive the process");

    let gone = Request::default().key(Some("egov/pb.amritsar"));
    world.upstream.produce(&topic, &gone);
    until_sms(&mut world, 7, |sms| sms.code().len() == 8);
    world.audit();
}

#[test]
fn a_template_record_takes_effect_and_a_bad_one_does_not() {
    let mut world = World::new("template");
    let _process = world.run();
    let topic = world.topics.templates.clone();
    let text = |sms: &Event| sms.body()["message"].as_str().expect("a text").to_owned();
    assert!(text(&until_sms(&mut world, 1, |_| true)).starts_with("Dear Citizen"));

    let key = "egov/pb/en_IN/sms.login.otp.msg";
    let good = json!({"text": "Punjab: {otp} is your code", "templateId": "DLT-1"});
    world.upstream.produce(&topic, &Request::of(key, &good));
    let sms = until_sms(&mut world, 2, |sms| text(sms).starts_with("Punjab: "));
    assert_eq!(sms.body()["templateId"], "DLT-1");
    assert_eq!(text(&sms), format!("Punjab: {} is your code", sms.code()));

    for bad in
        [json!({"text": "no placeholder"}), json!({"text": "%d %s"}), json!({"text": "x".repeat(1_001)})]
    {
        let (_, offset) = world.upstream.produce(&topic, &Request::of(key, &bad));
        dead_letter(&mut world, &topic, offset);
    }
    assert!(text(&until_sms(&mut world, 3, |_| true)).starts_with("Punjab: "), "the last good one stays");
    world.upstream.produce(&topic, &Request::default().key(Some(key)));
    until_sms(&mut world, 4, |sms| text(sms).starts_with("Dear Citizen"));
    world.audit();
}
