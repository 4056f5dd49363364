//! Wherever a request lies, its subject's one writer answers it.

use crate::harness::event::{Event, send, validate};
use crate::harness::world::{PARTITIONS, World};

#[test]
fn requests_without_a_home_are_answered_from_it() {
    let mut world = World::new("routing");
    let _process = world.run();
    let number = "9123456720";
    let at_home = world.ask(send(number).id("home"));
    let home = at_home.partition;
    let code = world.sms("home").code();
    let astray = (home + 1) % PARTITIONS;

    let replies: Vec<Event> = vec![
        world.ask(validate(number, "000000").partition(astray).id("wrong-partition")),
        world.ask(validate(number, "000000").key(None).partition(astray).id("null-key")),
        world.ask(validate(number, "000000").key(Some("foreign")).partition(home).id("foreign-key")),
    ];
    for (n, id) in ["wrong-partition", "null-key", "foreign-key"].iter().enumerate() {
        let result = world.result(id);
        assert_eq!((&result["reason"], &result["attempts"]), (&"wrong_code".into(), &(n + 1).into()), "{id}");
    }
    assert!(
        replies.iter().all(|reply| reply.partition == home),
        "replies lie on the home partition's number"
    );
    assert_eq!(replies[0].key, at_home.key, "the request's own key, unchanged");
    assert_eq!(replies[1].key, None);
    assert_eq!(replies[2].key.as_deref(), Some(b"foreign".as_slice()));

    let right = world.ask(validate(number, &code).key(None).partition(astray).id("right"));
    assert_eq!(right.body()["otp"]["isValidationSuccessful"], true);
    world.audit();
}

#[test]
fn requests_without_an_id_are_known_by_their_coordinates() {
    let mut world = World::new("coordinates");
    let _process = world.run();
    let number = "9123456721";
    let first = world.tell(send(number));
    let code = world.sms(&first).code();
    let astray = (world.reply(&first).partition + 1) % PARTITIONS;
    let second = world.tell(validate(number, &code).partition(astray));
    assert_eq!(world.reply(&second).body()["otp"]["isValidationSuccessful"], true);
    assert_eq!(world.result(&second)["requestId"], second);
    world.audit();
}

#[test]
fn a_code_is_one_callers_and_any_callers_to_verify() {
    let mut world = World::new("two-callers");
    let _process = world.run();
    let code = world.code_for("9123456722");
    let reply = world.ask_desk(validate("9123456722", &code).id("desk"));
    assert_eq!(reply.topic, world.topics.desk_replies, "the answer goes to who asked");
    assert_eq!(world.result("desk")["caller"], "desk");
    world.audit();
}
