//! Passwords reach the broker as they are, and a refused one is reported by its name, soon.

use std::time::{Duration, Instant};

use crate::harness::cluster::{PLAIN_USERS, secured_cluster};
use crate::harness::process::otp_stream_with;
use crate::harness::rights::Rights;
use crate::harness::scenario::Scenario;

const PASSWORD: &str = "OTP_STREAM__KAFKA__PROPERTIES__SASL_PASSWORD";
const USER: &str = "OTP_STREAM__KAFKA__PROPERTIES__SASL_USERNAME";
/// The text of the refusal must come sooner than any request to the cluster times out.
const REFUSAL_MAX: Duration = Duration::from_secs(5);

#[test]
fn a_password_is_passed_on_as_it_is_or_refused_by_name() {
    let secured = secured_cluster();
    let scenario = Scenario::on_cluster(secured.cluster.clone(), "authentication", "");
    for (user, _) in PLAIN_USERS {
        Rights::of(&scenario, user).grant();
    }
    let address = format!("kafka.bootstrap_servers={}", secured.address);
    let ends_as = |command: &[&str], user: &str, password: &str, code: i32, parts: &[&str]| {
        let sets =
            ["kafka.properties.security.protocol=SASL_PLAINTEXT", "kafka.properties.sasl.mechanism=PLAIN"];
        let mut args = vec!["--set", sets[0], "--set", sets[1], "--set", &address];
        args.extend(command);
        let started = Instant::now();
        let output = otp_stream_with(&scenario.configs, &args, &[(USER, user), (PASSWORD, password)]);
        let text = String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned();
        assert_eq!(output.status.code(), Some(code), "{command:?} {password:?}: {text}");
        assert!(code == 0 || started.elapsed() < REFUSAL_MAX, "{:?}: {text}", started.elapsed());
        for part in parts {
            assert!(text.contains(part), "expected {part:?} in: {text}");
        }
        assert!(!text.contains("Canary") && !text.contains("OperationTimedOut"), "{text}");
    };
    let verify = ["topics", "verify"];
    ends_as(&verify, "plain", "Canary-1", 0, &[]);
    ends_as(
        &verify,
        "plain",
        "Canary-1\n",
        0,
        &["kafka.properties.sasl.password", "a line feed, which was removed"],
    );
    ends_as(&verify, "quoted", "\"Canary-2\"", 0, &[]);
    ends_as(&verify, "plain", " Canary-1", 2, &["kafka.properties.sasl.password", "begins with a blank"]);
    let refused = ["authentication failed as \"plain\" with PLAIN"];
    for command in [&verify[..], &["topics", "create"], &["run"]] {
        ends_as(command, "plain", "Canary-3", 1, &refused);
    }
}
