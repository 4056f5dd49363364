//! All brokers are away: the log says so in few lines, and requests are answered again when they are back.

use std::time::{Duration, Instant};

use crate::harness::cluster::Cluster;
use crate::harness::event::{send, validate};
use crate::harness::scenario::Scenario;

const MINUTE: Duration = Duration::from_secs(60);
/// Longest time between two looks at the topics during an outage.
const LOOK_MAX: Duration = Duration::from_secs(45);
const LINES_PER_MINUTE_MAX: usize = 10;

#[test]
fn an_outage_is_logged_in_few_lines_and_ends_by_itself() {
    let cluster = Cluster::of_one("outage", "");
    let mut scenario = Scenario::on_cluster(cluster.clone(), "outage", "[processing]\nthreads = 4\n");
    let process = scenario.run();
    let code = scenario.code_for("9123456790");
    let host = scenario.host();
    let log = || host.log_text();
    let before = log().len();
    cluster.kill_9(0);
    std::thread::sleep(MINUTE);
    let during = log().split_off(before);
    assert!(during.contains("the brokers cannot be reached"), "{during}");
    assert!(during.lines().count() <= LINES_PER_MINUTE_MAX, "{during}");
    assert!(!process.is_ready(), "nothing can be answered");

    cluster.restart(0);
    let process = process.await_ready();
    let late = scenario.produce(validate("9123456790", &code).id("late"));
    assert_eq!(scenario.reply(&late).body()["otp"]["isValidationSuccessful"], true);
    let other = scenario.produce(send("9123456791").id("other"));
    scenario.sms(&other);
    // The next look at the topics tells it.
    let until = Instant::now() + LOOK_MAX;
    let after = || log().split_off(before + during.len());
    while !after().contains("the brokers can be reached again") {
        assert!(Instant::now() < until, "{}", after());
        std::thread::sleep(Duration::from_millis(200));
    }
    assert!(process.terminate().success());
    scenario.audit();
}
