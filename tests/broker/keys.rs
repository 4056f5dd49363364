//! Keys change while codes live: the record's own time says which key serves, and one that is gone is a failed task.

use std::fs;
use std::time::{SystemTime, UNIX_EPOCH};

use otp_topology::otp::LogTime;
use otp_topology::wire::rfc3339;

use crate::harness::event::{Event, send, validate};
use crate::harness::world::World;

/// A second code key that serves `in_ms` from now on.
fn second_code_key(in_ms: u64) -> String {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).expect("after 1970").as_millis();
    let active_from = LogTime::from_ms(u64::try_from(now).expect("before the year 292000000") + in_ms);
    let mut buffer = [0; rfc3339::LEN];
    let (time, secret) = (rfc3339::write(active_from, &mut buffer), "1234567890abcdef".repeat(4));
    format!("\n[[code]]\nid = 2\nactive_from = \"{time}\"\nsecret = \"{secret}\"\n")
}

/// The file without its first code key.
fn without_first_code_key(text: &str) -> String {
    let from = text.find("[[code]]").expect("a code key");
    let to = from + text[from..].find("\n[[").expect("another key");
    format!("{}{}", &text[..from], &text[to..])
}

fn is_accepted(reply: &Event) -> bool {
    reply.body()["otp"]["isValidationSuccessful"] == true
}

#[test]
fn a_code_of_the_old_key_is_right_after_the_new_one_serves_and_a_missing_key_never_judges() {
    let mut world = World::new("key-rotation");
    let file = world.directory.join("keys.toml");
    let first = fs::read_to_string(&file).expect("keys");
    let both = first.clone() + &second_code_key(4_000);
    fs::write(&file, &both).expect("written");
    let process = world.run();
    let (a, b, c) = ("9123456790", "9123456791", "9123456792");
    let (old_a, old_b) = (world.code_for(a), world.code_for(b));
    // With the first key alone it is the same code: the second does not serve yet.
    std::thread::sleep(std::time::Duration::from_millis(4_500));
    let new_c = world.code_for(c);
    assert!(is_accepted(&world.ask(validate(a, &old_a).id("old"))));
    assert!(process.terminate().success());

    fs::write(&file, without_first_code_key(&both)).expect("written");
    let process = world.run();
    assert!(is_accepted(&world.ask(validate(c, &new_c).id("new"))));
    let id = world.tell(validate(b, &old_b).id("retired"));
    let mut said = String::new();
    for _ in 0..200 {
        let (status, body) = process.get("/readyz").expect("an answer");
        if status == 503 {
            said = body;
            break;
        }
        std::thread::sleep(std::time::Duration::from_millis(50));
    }
    assert!(said.contains("no code key with id 1: add it to the key file"), "{said:?}");
    process.kill_9();

    fs::write(&file, &both).expect("written");
    let process = world.run();
    let reply = world.reply(&id);
    assert!(is_accepted(&reply), "no try was lost: {}", reply.error_code());
    assert_eq!(world.result(&id)["attempts"], 0);
    world.ask(send(a).id("again"));
    assert!(process.terminate().success());
    world.audit();
}
