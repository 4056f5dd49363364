//! `replay` of the recorded requests makes the events that the run made.

use crate::harness::event::{create, send, validate, wrong};
use crate::harness::replayed::{Chosen, differences};
use crate::harness::world::{PARTITIONS, World};

#[test]
fn a_recorded_day_replays_to_the_same_events() {
    let mut world = World::new("replayed");
    let process = world.run();
    for n in 0..4 {
        let number = format!("955555550{n}");
        let code = world.code_for(&number);
        world.ask(validate(&number, &wrong(&code)).id(&format!("wrong-{n}")));
        let right = validate(&number, &code).key(None).partition(n % PARTITIONS);
        world.ask(right.id(&format!("right-{n}")));
        world.ask_desk(create(&format!("95555555{n}1")).id(&format!("create-{n}")));
        world.ask(send("1").id(&format!("bad-{n}")));
    }
    world.audit();
    assert!(process.terminate().success());

    let found = differences(&world, &Chosen::ALL);
    assert!(found.is_empty(), "{} differences:\n{}", found.len(), found.join("\n"));
    world.tap.events.pop();
    assert_eq!(differences(&world, &Chosen::ALL).len(), 1, "what is missing is found");
}
