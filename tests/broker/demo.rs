//! The newcomer's first command, on a cluster and without one.

use crate::harness::cluster::cluster;
use crate::harness::process::otp_stream;

fn check(args: &[&str]) {
    let output = otp_stream(&[], args);
    let told = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{args:?}: {told}\n{}", String::from_utf8_lossy(&output.stderr));
    for word in ["otp-validation-result", "verified", "already_used", "wrong_code", "locked"] {
        assert!(told.contains(word), "{args:?}: the story has no {word}");
    }
}

#[test]
fn the_story_is_told_without_a_cluster() {
    check(&["demo"]);
}

#[test]
fn the_story_is_told_on_a_cluster_again_and_again() {
    check(&["demo", "--bootstrap-servers", &cluster().bootstrap]);
    check(&["demo", "--bootstrap-servers", &cluster().bootstrap]);
}
