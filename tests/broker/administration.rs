//! The commands of an administrator against a running service: policies, templates, users, one subject.

use std::path::PathBuf;
use std::time::Duration;

use otp_topology::wire::murmur2;
use serde_json::Value;

use crate::harness::event::{Event, send_as, validate, wrong};
use crate::harness::process::{otp_stream, otp_stream_reading};
use crate::harness::scenario::{PARTITIONS, Scenario, run_ok};

const NUMBER: &str = "9123456780";
const SUBJECT: [&str; 6] = ["--contract", "egov", "--tenant", "pb", "--identity", NUMBER];

fn sample(name: &str) -> String {
    format!("{}/tests/imports/{name}", env!("CARGO_MANIFEST_DIR"))
}

fn show(scenario: &Scenario) -> Value {
    let json = run_ok(&scenario.configs, &[["subject", "show", "--json"].as_slice(), &SUBJECT].concat());
    assert!(!json.contains(NUMBER), "{json}");
    serde_json::from_str(&json).expect("JSON")
}

/// Runs a command that reads standard input.
fn feed(configs: &[PathBuf], args: &[&str], input: &str, code: i32) -> (String, String) {
    let output = otp_stream_reading(configs, args, input);
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let (out, err) = (text(&output.stdout), text(&output.stderr));
    assert_eq!(output.status.code(), Some(code), "{args:?}: {out}{err}");
    (out, err)
}

#[test]
fn an_administrator_sets_rules_and_texts_imports_users_and_releases_one() {
    let mut scenario =
        Scenario::with("administration", "[egov]\nuser_check = true\n[policy.egov]\nsend_pause_ms = 0\n");
    let _process = scenario.run();
    let configs = scenario.configs.clone();

    // Before the import nobody is known, and nothing is stored for the subject.
    assert_eq!(show(&scenario)["stored"], false);
    let refused = scenario.ask(send_as(NUMBER, "login").id("unknown"));
    assert_eq!(refused.error_code(), "OTP.UNKNOWN_CREDENTIAL");

    let rules = r#"{"digits":8,"lockAfter":3,"wrongTriesMax":5}"#;
    let dry = run_policy(&configs, &["--key", "egov/pb", "--dry-run"], rules);
    assert!(dry.contains("1 record good for administration.policy, nothing produced"), "{dry}");
    let put = run_policy(&configs, &["--key", "egov/pb"], rules);
    assert_eq!(put, "1 record produced to administration.policy\n  egov/pb\n");
    let (_, refused) = feed(&configs, &["policy", "put", "--key", "egov/pb"], r#"{"digits":3}"#, 2);
    assert!(refused.contains("standard input, line 1: egov/pb: rule digits is 3"), "{refused}");
    // The rules of the record stay beside the number rules of MDMS.
    run_ok(&configs, &["policy", "put", "--from", "mdms", &sample("mdms-master.json")]);

    let messages = sample("localization-search.json");
    let imported =
        run_ok(&configs, &["template", "put", "--from", "digit-localization", "--tenant", "pb", &messages]);
    assert!(
        imported.starts_with("3 records produced to administration.template; 2 of the file left out\n"),
        "{imported}"
    );

    let messages = sample("localization-upsert.json");
    run_ok(&configs, &["template", "put", "--from", "digit-localization", "--skip-bad", &messages]);
    await_in_force(&mut scenario);

    let arguments = ["directory", "import", "--contract", "egov", "--json"];
    let users = run_ok(&configs, &[arguments.as_slice(), &[&sample("users.csv")]].concat());
    let report: Value = serde_json::from_str(&users).expect("JSON");
    assert_eq!((&report["put"], &report["produced"]), (&2.into(), &true.into()), "{users}");
    assert!(!users.contains(NUMBER), "{users}");
    let bad = "tenantId,mobileNumber\npb,123\npb,9123456789\n";
    let (_, refused) = feed(&configs, &arguments, bad, 2);
    assert!(refused.contains("standard input, line 2: mobileNumber: the number does not fit"), "{refused}");
    assert!(!refused.contains("9123456789") && !refused.contains("123;"), "{refused}");
    let (skipped, _) = feed(&configs, &[arguments.as_slice(), &["--skip-bad", "--dry-run"]].concat(), bad, 0);
    assert!(skipped.contains("\"produced\":false,\"put\":1"), "{skipped}");

    let code = login(&mut scenario);
    assert_eq!(code.len(), 8, "the policy is in force");
    let before = show(&scenario);
    assert_eq!((&before["stored"], &before["lock"]["kind"]), (&true.into(), &"none".into()), "{before}");
    assert_eq!(
        (&before["challenges"][0]["purpose"], &before["challenges"][0]["state"]),
        (&"login".into(), &"live".into())
    );
    assert_eq!(before["triesLeft"], 3, "{before}");
    assert!(!before.to_string().contains(&code), "{before}");

    for n in 1..=3 {
        scenario.ask(validate(NUMBER, &wrong(&code)).id(&format!("wrong-{n}")));
    }
    let locked = show(&scenario);
    assert_eq!(
        (&locked["lock"]["kind"], &locked["consecutiveWrong"]),
        (&"until".into(), &3.into()),
        "{locked}"
    );
    assert_eq!(locked["challenges"][0]["state"], "ended", "{locked}");

    run_ok(&configs, &[["subject", "unlock"].as_slice(), &SUBJECT, &["--reason", "ticket 4711"]].concat());
    let lifecycle = scenario.topics.lifecycle.clone();
    scenario.tap.wait("`unlocked`", |e| e.topic == lifecycle && e.body()["type"] == "unlocked");
    let unlocked = show(&scenario);
    assert_eq!(
        (&unlocked["lock"]["kind"], &unlocked["consecutiveWrong"]),
        (&"none".into(), &0.into()),
        "{unlocked}"
    );
    scenario.audit();
}

fn run_policy(configs: &[PathBuf], more: &[&str], rules: &str) -> String {
    feed(configs, &[["policy", "put"].as_slice(), more].concat(), rules, 0).0
}

/// Waits until a task has the policy and the texts: another number of the same home gets a code by them.
fn await_in_force(scenario: &mut Scenario) {
    let home = |number: u64| murmur2::partition(format!("egov|pb|{number}").as_bytes(), PARTITIONS);
    let own = home(NUMBER.parse().expect("digits"));
    let others = (9_400_000_000..).filter(|number| home(*number) == own);
    for (n, number) in others.take(200).enumerate() {
        let id = format!("register-{n}");
        scenario.ask(send_as(&number.to_string(), "register").id(&id));
        let sms = scenario.sms(&id);
        if sms.code().len() == 8 && text(&sms).ends_with(" completes your registration.") {
            return;
        }
        std::thread::sleep(Duration::from_millis(50));
    }
    panic!("neither policy nor template took effect");
}

/// The login code of the imported user. An import takes effect within a commit.
fn login(scenario: &mut Scenario) -> String {
    for n in 0..200 {
        let id = format!("login-{n}");
        if scenario.ask(send_as(NUMBER, "login").id(&id)).body()["isSuccessful"] == true {
            let sms = scenario.sms(&id);
            assert!(text(&sms).starts_with("Nagar Seva: "), "{}", sms.body());
            return sms.code();
        }
        std::thread::sleep(Duration::from_millis(50));
    }
    panic!("the import has no effect");
}

fn text(sms: &Event) -> String {
    sms.body()["message"].as_str().expect("a text").to_owned()
}

#[test]
fn what_is_missing_is_said_with_its_remedy() {
    let scenario = Scenario::new("administration-missing");
    let check = |args: &[&str], code: i32, expected: &str| {
        let output = otp_stream(&scenario.configs, args);
        let err = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(code), "{args:?}: {err}");
        assert!(err.contains(expected), "{args:?}: {err}");
    };
    let other = ["--set", "application.id=nobody"];
    let show = [["subject", "show"].as_slice(), &SUBJECT, &other].concat();
    check(&show, 1, "topic nobody-changelog does not exist; create it with `otp-stream topics create`");
    let put = ["policy", "put", "--key", "egov/pb", "--set", "kafka.topics.otp_policy=nowhere", "-"];
    check(&put, 2, "standard input, line 1: not JSON");
    check(&["policy", "check", "/nonexistent/rules.json"], 2, "/nonexistent/rules.json: cannot be read");
    check(&["directory", "import", "--contract", "sms", "x.csv"], 2, "--contract: no such contract");
}
