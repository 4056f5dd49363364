//! A dead-letter topic that refuses: the task with the unreadable record waits, and the others serve.

use crate::harness::event::{Request, send, validate};
use crate::harness::rights::Rights;
use crate::harness::scenario::{PARTITIONS, Scenario};

/// Enough phone numbers that each partition is the home of some.
const NUMBERS: u64 = 12;

#[test]
fn one_task_waits_for_the_dead_letter_topic_and_the_others_serve() {
    let mut scenario = Scenario::secured("dead-letters-refused", "");
    let process = scenario.run();
    let numbers = (0..NUMBERS).map(|n| (9_123_457_001 + n).to_string());
    let homes: Vec<(String, i32)> = numbers
        .map(|number| {
            let reply = scenario.ask(send(&number));
            (number, reply.partition)
        })
        .collect();
    for partition in 0..PARTITIONS {
        assert!(homes.iter().any(|(_, home)| *home == partition), "{homes:?}");
    }

    let (rights, topic) =
        (Rights::of(&scenario, "dead-letters-refused"), scenario.topics.dead_letters.clone());
    rights.withdraw_write(&topic);
    scenario.produce(Request::raw(b"{\"cut off").partition(0).id("unreadable"));
    let body = process.await_not_ready(&[&topic, "right"]);
    let ask = |number: &str, n: usize| validate(number, "000000").id(&format!("during-{n}"));
    for (n, (number, home)) in homes.iter().enumerate() {
        let id = scenario.produce(ask(number, n));
        if *home != 0 {
            assert_eq!(scenario.result(&id)["reason"], "wrong_code", "task {home} serves: {body}");
        }
    }
    assert!(scenario.events_of(&topic).is_empty());
    process.await_not_ready(&[&topic, "right"]);

    rights.restore(&topic);
    let process = process.await_ready();
    for n in 0..homes.len() {
        scenario.reply(&format!("during-{n}"));
    }
    let letter = scenario.tap.wait("the dead letter", |e| e.topic == topic);
    assert_eq!((letter.text("otp.error.stage"), letter.text("otp.error.code")), ("decode", "syntax"));
    assert!(process.terminate().success());
    scenario.audit();
}
