//! Key rotation while codes are valid. The time of a record selects the key; a missing key fails the task.

use std::fs;
use std::time::{SystemTime, UNIX_EPOCH};

use otp_topology::otp::LogTime;
use otp_topology::wire::rfc3339;

use crate::harness::event::{Event, send, validate};
use crate::harness::scenario::Scenario;

/// A second code key that becomes active in `in_ms` milliseconds.
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
fn a_code_of_the_old_key_stays_valid_and_a_missing_key_rejects_no_code() {
    let mut scenario = Scenario::new("key-rotation");
    let file = scenario.directory.join("keys.toml");
    let first = fs::read_to_string(&file).expect("keys");
    let both = first.clone() + &second_code_key(4_000);
    fs::write(&file, &both).expect("written");
    let process = scenario.run();
    let (a, b, c) = ("9123456790", "9123456791", "9123456792");
    let (old_a, old_b) = (scenario.code_for(a), scenario.code_for(b));
    // The second key is not active yet, so both codes come from the first.
    std::thread::sleep(std::time::Duration::from_millis(4_500));
    let new_c = scenario.code_for(c);
    assert!(is_accepted(&scenario.ask(validate(a, &old_a).id("old"))));
    assert!(process.terminate().success());

    fs::write(&file, without_first_code_key(&both)).expect("written");
    let process = scenario.run();
    assert!(is_accepted(&scenario.ask(validate(c, &new_c).id("new"))));
    let id = scenario.produce(validate(b, &old_b).id("retired"));
    let mut text = String::new();
    for _ in 0..200 {
        let (status, body) = process.get("/readyz").expect("an answer");
        if status == 503 {
            text = body;
            break;
        }
        std::thread::sleep(std::time::Duration::from_millis(50));
    }
    assert!(text.contains("no code key with id 1: add it to the key file"), "{text:?}");
    process.kill_9();

    fs::write(&file, &both).expect("written");
    let process = scenario.run();
    let reply = scenario.reply(&id);
    assert!(is_accepted(&reply), "no try was lost: {}", reply.error_code());
    assert_eq!(scenario.result(&id)["attempts"], 0);
    scenario.ask(send(a).id("again"));
    assert!(process.terminate().success());
    scenario.audit();
}
