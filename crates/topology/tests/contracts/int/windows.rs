//! The window: when a code is valid, what a `VALIDATE` must repeat, and what a second `GENERATE` gives.

use super::*;

/// `GENERATE` ten seconds ahead of its window, then `VALIDATE` with other values of some members.
#[test]
fn the_check_values_of_the_contract() {
    let check = |offset_ms: i64, members: &[&str], expected: &str| {
        let mut desk = desk();
        assert_eq!(status(&ask(&mut desk, -10_000, GENERATE)), "200");
        let request = altered(&VALIDATE.replace("{code}", &desk.code), members);
        let found = status(&ask(&mut desk, offset_ms, &request));
        assert_eq!(found, expected, "{offset_ms} {members:?}");
    };
    check(0, &[], "200");
    check(180_000, &[], "200");
    check(180_001, &[], "422/2");
    check(-1, &[], "422/3");
    check(0, &["duration=181"], "422/5");
    check(0, &["digit=5", "generatedOtp=\"12345\""], "422/5");
    check(0, &["startTime=\"2022-12-12 19:04:31\""], "422/5");
    check(0, &["startTime=\"2022-12-12 19:04:29\"", "duration=181"], "422/5");
    check(0, &["mobile=\"8777496062\""], "422/5");
    check(0, &["channel=\"App\""], "200");
    check(0, &["mobile=8777496061"], "200");
}

#[test]
fn a_record_from_before_the_window_is_too_early_whatever_came_before_it() {
    let mut desk = desk();
    ask(&mut desk, 0, GENERATE);
    assert_eq!(status(&ask(&mut desk, -1, VALIDATE)), "422/3");
    assert_eq!(status(&ask(&mut desk, 0, VALIDATE)), "200");
}

#[test]
fn a_request_cannot_revive_an_expired_code() {
    let mut desk = desk();
    ask(&mut desk, 0, GENERATE);
    let request = VALIDATE.replace("{code}", &desk.code);
    let later = altered(&request, &["startTime=\"2022-12-12 19:07:31\""]);
    assert_eq!(status(&ask(&mut desk, 181_000, &later)), "422/2");
}

#[test]
fn a_window_that_is_over_or_too_far_ahead_is_refused() {
    let check = |offset_ms: i64, expected: &str| {
        let mut desk = desk();
        let seen = ask(&mut desk, offset_ms, GENERATE);
        assert_eq!(status(&seen), expected, "{offset_ms}");
        assert_eq!(seen.lines().is_empty(), expected != "200", "{:?}", seen.lines());
    };
    check(180_000, "200");
    check(180_001, "422/2");
    check(-60_000, "200");
    check(-60_001, "422/3");
    let sections = serde_json::json!({ "int": { "skew_s": 0 } });
    let mut strict = Desk::new(Plan { sections, ..Plan::of(ContractName::Int, true) });
    assert_eq!(status(&ask(&mut strict, -1, GENERATE)), "422/3");
    assert_eq!(status(&ask(&mut strict, 0, GENERATE)), "200");
}

#[test]
fn the_same_values_repeat_the_code_until_it_is_over() {
    let mut desk = desk();
    ask(&mut desk, 0, GENERATE);
    let first = desk.code.clone();
    assert_eq!(ask(&mut desk, 180_000, GENERATE).lines(), ["resent otp []"]);
    assert_eq!(desk.code, first);
    assert_eq!(status(&ask(&mut desk, 180_000, VALIDATE)), "200");
    assert_eq!(ask(&mut desk, 180_000, GENERATE).lines(), ["issued otp []"]);
    assert_ne!(desk.code, first, "a used code is not repeated");
}

#[test]
fn other_values_make_another_code_that_inherits_the_tries() {
    for member in ["duration=181", "digit=7", "startTime=\"2022-12-12 19:04:29\""] {
        let mut desk = with_policy(r#"{"wrong_tries_max":2}"#, true);
        ask(&mut desk, 0, GENERATE);
        let (first, old) = (desk.code.clone(), VALIDATE.replace("{code}", &desk.code));
        ask(&mut desk, 0, &VALIDATE.replace("{code}", "{wrong}"));
        let seen = ask(&mut desk, 0, &altered(GENERATE, &[member]));
        assert_eq!(seen.lines(), ["superseded otp null", "issued otp []"], "{member}");
        assert_ne!(desk.code, first);
        assert_eq!(status(&ask(&mut desk, 0, &old)), "422/5", "{member}");
        let wrong = altered(&VALIDATE.replace("{code}", &turned(&desk.code)), &[member]);
        let seen = ask(&mut desk, 0, &wrong);
        assert_eq!((&*status(&seen), &*seen.lines()[0]), ("422/4", "result wrong_code otp 0"), "{member}");
        assert_eq!(
            ask(&mut desk, 0, GENERATE).lines(),
            ["issued otp []"],
            "a dead challenge bequeaths nothing"
        );
    }
}

/// Another code of the same length.
fn turned(code: &str) -> String {
    code.chars().map(|c| if c == '9' { '0' } else { '9' }).collect()
}
