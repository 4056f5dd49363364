//! A host whose clock is wrong by ten minutes serves like any other, and says so.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use otp_topology::otp::LogTime;
use otp_topology::wire::rfc3339;

use crate::harness::event::{send, validate};
use crate::harness::scenario::Scenario;

const LIMIT: Duration = Duration::from_secs(30);

/// A time this many seconds from now, by the clock of the brokers.
fn in_seconds(seconds: i64) -> String {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).expect("after 1970").as_millis();
    let at = i64::try_from(now).expect("in range") + 1_000 * seconds;
    let mut buffer = [0; rfc3339::LEN];
    let time = LogTime::from_ms(u64::try_from(at).expect("after 1970"));
    rfc3339::write(time, &mut buffer).to_owned()
}

fn check(name: &str, ahead_s: i64, said: &str) {
    let mut scenario = Scenario::new(name);
    // The first request waits for the start.
    let first = scenario.produce(send("9123456700").id("first"));
    let process = scenario.host().run_at_clock(ahead_s);
    let reply = scenario.reply(&first);
    assert_eq!(reply.body()["isSuccessful"], true, "{name}: {}", reply.error_code());
    for n in 1..9 {
        let number = format!("912345670{n}");
        let code = scenario.code_for(&number);
        let id = scenario.produce(validate(&number, &code).id(&format!("validate-{n}")));
        assert_eq!(scenario.result(&id)["reason"], "verified", "{name}");
    }
    for (seconds, expected) in [(-30, "OTP.STALE_REQUEST"), (60, "")] {
        let request = send(&format!("91234568{:02}", seconds + 30)).id(&format!("deadline-{seconds}"));
        let reply = scenario.ask(request.header("ce_expirytime", in_seconds(seconds).as_bytes()));
        assert_eq!(reply.error_code(), expected, "{name}: a deadline in {seconds} s");
    }
    let (status, body) = process.get("/readyz").expect("an answer");
    assert!(status == 200 && body.contains(said), "{name}: {status} {body}");
    // The metric and the line follow with the next look of the topic watch.
    let until = Instant::now() + LIMIT;
    let ahead = || process.metric("otp_stream_clock_ahead_seconds") - ahead_s as f64;
    while ahead().abs() >= 2.0 {
        assert!(Instant::now() < until, "{name}: {}", ahead());
        std::thread::sleep(Duration::from_millis(200));
    }
    assert!(process.terminate().success());
    let log = scenario.host().log_text();
    assert!(log.contains(said), "{name}: {log}");
    scenario.tap.settle(Duration::from_millis(500));
    let lifecycle = scenario.topics.lifecycle.clone();
    let expired = scenario.events_of(&lifecycle).into_iter().filter(|it| it.body()["type"] == "expired");
    assert_eq!(expired.count(), 0, "{name}: nothing is over yet");
}

#[test]
fn a_host_ten_minutes_ahead_or_behind_serves_every_send() {
    check("clock-ahead", 600, " s ahead of the brokers");
    check("clock-behind", -600, " s behind the brokers");
}
