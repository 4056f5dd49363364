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

const PLAIN: [&str; 6] = [
    "SMS to 9123456789",
    "Accepted: the code is right",
    "Refused: the code was used",
    "is locked for",
    "for 8777496061",
    "for resident-4711",
];
const EVENTS: [&str; 7] = [
    "otp-validation-result",
    "verified",
    "already_used",
    "wrong_code",
    "locked",
    "OTP is successfully verified",
    "VALIDATION_SUCCESSFUL",
];

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
