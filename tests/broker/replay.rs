//! `replay` of the recorded requests makes the same events as the run.

use crate::harness::event::{create, send, validate, wrong};
use crate::harness::replayed::{Selection, differences};
use crate::harness::scenario::{PARTITIONS, Scenario};

#[test]
fn a_recorded_day_replays_to_the_same_events() {
    let mut scenario = Scenario::new("replayed");
    let process = scenario.run();
    for n in 0..4 {
        let number = format!("955555550{n}");
        let code = scenario.code_for(&number);
        scenario.ask(validate(&number, &wrong(&code)).id(&format!("wrong-{n}")));
        let right = validate(&number, &code).key(None).partition(n % PARTITIONS);
        scenario.ask(right.id(&format!("right-{n}")));
        scenario.ask_desk(create(&format!("95555555{n}1")).id(&format!("create-{n}")));
        scenario.ask(send("1").id(&format!("bad-{n}")));
    }
    scenario.audit();
    assert!(process.terminate().success());

    let found = differences(&scenario, &Selection::ALL);
    assert!(found.is_empty(), "{} differences:\n{}", found.len(), found.join("\n"));
    scenario.tap.events.pop();
    assert_eq!(differences(&scenario, &Selection::ALL).len(), 1, "a missing event is found");
}
