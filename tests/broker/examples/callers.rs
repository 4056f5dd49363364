//! Callers in three languages, against one service with the default configuration.

use std::sync::{Arc, Mutex, Weak};

use super::{Running, Shared, check_told, line_of, shell};
use crate::harness::cluster::cluster;

/// What every program tells, whatever its language.
pub(super) const TOLD: [&str; 11] = [
    "DIGIT send              no reply within 3 s",
    "DIGIT send again        the same ce_id, the same reply, and one SMS",
    "DIGIT validate          accepted",
    "DIGIT, no JSON object   no reply within 3 s; the dead letter says: ",
    "INT GENERATE            status 200",
    "INT VALIDATE            status 200",
    "MOSIP generate          GENERATION_SUCCESSFUL",
    "MOSIP validate          VALIDATION_SUCCESSFUL",
    "otp-validation-result   4 accepted",
    "otp-lifecycle           4 issued, 4 verified",
    "Every step went as it should.",
];

#[test]
fn the_java_example_runs_and_spring_security_verifies_the_token() {
    check("mvn ", &["NimbusJwtDecoder verifies the token of otp-stream, and refuses a forged one"]);
}

#[test]
fn the_python_example_runs_and_pyjwt_verifies_the_token() {
    let told = [
        "PyJWT verifies the token of otp-stream, and refuses a forged one",
        "DIGIT create            one e-mail to the identity",
        "CloudEvents             the SDK reads the events of 8 topics",
    ];
    check("examples/python/otp.py ", &told);
}

#[test]
fn the_rust_example_runs() {
    check("cargo ", &["the token is verified, and a forged one refused"]);
}

/// Runs the line of `examples/README.md` that begins so, and looks for what it tells.
fn check(beginning: &str, told: &[&str]) {
    let running = running();
    let line = line_of("examples/README.md", beginning, false);
    let first_page = line_of("README.md", beginning, false);
    assert!(first_page.starts_with(&line), "README.md has another line: {first_page}");
    let address = format!("localhost:9092 --jwks {}", running.jwks.display());
    let text = shell(&running.line(&line.replace("localhost:9092", &address)));
    check_told(&line, &text, &TOLD);
    check_told(&line, &text, told);
}

fn running() -> Arc<Running> {
    static SHARED: Shared = Mutex::new(Weak::new());
    Running::shared(&SHARED, || Running::start("examples", cluster(), None, &[]))
}
