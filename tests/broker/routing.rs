//! A request may lie in any partition. The home task of its subject answers it.

use crate::harness::event::{Event, send, validate};
use crate::harness::scenario::{PARTITIONS, Scenario};

#[test]
fn requests_in_a_wrong_partition_are_answered_by_the_home_task() {
    let mut scenario = Scenario::new("routing");
    let _process = scenario.run();
    let number = "9123456720";
    let at_home = scenario.ask(send(number).id("home"));
    let home = at_home.partition;
    let code = scenario.sms("home").code();
    let astray = (home + 1) % PARTITIONS;

    let replies: Vec<Event> = vec![
        scenario.ask(validate(number, "000000").partition(astray).id("wrong-partition")),
        scenario.ask(validate(number, "000000").key(None).partition(astray).id("null-key")),
        scenario.ask(validate(number, "000000").key(Some("foreign")).partition(home).id("foreign-key")),
    ];
    for (n, id) in ["wrong-partition", "null-key", "foreign-key"].iter().enumerate() {
        let result = scenario.result(id);
        assert_eq!((&result["reason"], &result["attempts"]), (&"wrong_code".into(), &(n + 1).into()), "{id}");
    }
    assert!(
        replies.iter().all(|reply| reply.partition == home),
        "replies use the number of the home partition"
    );
    assert_eq!(replies[0].key, at_home.key, "the request's own key, unchanged");
    assert_eq!(replies[1].key, None);
    assert_eq!(replies[2].key.as_deref(), Some(b"foreign".as_slice()));

    let right = scenario.ask(validate(number, &code).key(None).partition(astray).id("right"));
    assert_eq!(right.body()["otp"]["isValidationSuccessful"], true);
    scenario.audit();
}

#[test]
fn requests_without_an_id_are_identified_by_their_coordinates() {
    let mut scenario = Scenario::new("coordinates");
    let _process = scenario.run();
    let number = "9123456721";
    let first = scenario.produce(send(number));
    let code = scenario.sms(&first).code();
    let astray = (scenario.reply(&first).partition + 1) % PARTITIONS;
    let second = scenario.produce(validate(number, &code).partition(astray));
    assert_eq!(scenario.reply(&second).body()["otp"]["isValidationSuccessful"], true);
    assert_eq!(scenario.result(&second)["requestId"], second);
    scenario.audit();
}

#[test]
fn any_caller_may_verify_a_code() {
    let mut scenario = Scenario::new("two-callers");
    let _process = scenario.run();
    let code = scenario.code_for("9123456722");
    let reply = scenario.ask_desk(validate("9123456722", &code).id("desk"));
    assert_eq!(reply.topic, scenario.topics.desk_replies, "the reply goes to the caller that asked");
    assert_eq!(scenario.result("desk")["caller"], "desk");
    scenario.audit();
}
