//! `otp-stream demo`, with a cluster and without one.

use crate::harness::cluster::cluster;
use crate::harness::process::otp_stream;

fn check(args: &[&str], words: &[&str]) {
    let output = otp_stream(&[], args);
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{args:?}: {text}\n{}", String::from_utf8_lossy(&output.stderr));
    for word in words {
        assert!(text.contains(word), "{args:?}: the output has no {word}");
    }
}

const PLAIN: [&str; 4] =
    ["SMS to 9123456789", "Accepted: the code is right", "Refused: the code was used", "is locked for"];
const EVENTS: [&str; 5] = ["otp-validation-result", "verified", "already_used", "wrong_code", "locked"];

#[test]
fn the_demo_runs_without_a_cluster() {
    check(&["demo"], &PLAIN);
    check(&["demo", "--events"], &EVENTS);
}

#[test]
fn the_demo_runs_on_a_cluster_repeatedly() {
    check(&["demo", "--bootstrap-servers", &cluster().bootstrap], &PLAIN);
    check(&["demo", "--bootstrap-servers", &cluster().bootstrap], &PLAIN);
}
