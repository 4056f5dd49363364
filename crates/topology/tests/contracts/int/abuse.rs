//! Destinations and budgets of INT-OTP.

use super::*;

fn check(policy: &str, reveal_code: bool, expected: &str, events: &[&str]) {
    let mut desk = with_policy(policy, reveal_code);
    let seen = ask(&mut desk, 0, GENERATE);
    assert_eq!(status(&seen), expected, "{policy}");
    assert_eq!(seen.lines(), events, "{policy}");
}

#[test]
fn a_destination_that_is_not_allowed_is_error_10() {
    let suppressed = ["suppressed otp \"destination_not_allowed\""];
    check(r#"{"blocked_prefixes":["877"]}"#, false, "422/10", &suppressed);
    check(r#"{"allowed_country_codes":["+977"]}"#, false, "422/10", &suppressed);
    let deliver = r#"{"blocked_prefixes":["877"],"deliver":true}"#;
    check(deliver, true, "422/10", &suppressed);
    check(r#"{"blocked_prefixes":["877"]}"#, true, "200", &["issued otp []"]);
    let sms = "sms +918777496061 Your OTP is ######.";
    // The numbers of this contract are of the default rule's country.
    check(r#"{"allowed_country_codes":["+91"]}"#, false, "200", &[sms, "issued otp [\"sms\"]"]);
}

#[test]
fn a_spent_budget_is_error_7() {
    for (rule, reason) in
        [("sends_per_tenant_hour_max", "tenant_limit"), ("sends_per_prefix_hour_max", "prefix_limit")]
    {
        let mut desk = with_policy(&format!(r#"{{"{rule}":1}}"#), false);
        assert_eq!(status(&ask(&mut desk, 0, GENERATE)), "200");
        let seen = ask(&mut desk, 0, &altered(GENERATE, &["mobile=\"8777000000\""]));
        assert_eq!(status(&seen), "422/7");
        assert_eq!(seen.lines(), [format!("suppressed otp \"{reason}\"")]);
    }
}

#[test]
fn nobody_exists_in_this_contract_so_concealment_changes_nothing() {
    let replies = |policy: &str| {
        let mut desk = with_policy(policy, false);
        [GENERATE, VALIDATE, VALIDATE].map(|request| status(&ask(&mut desk, 0, request)))
    };
    assert_eq!(replies(r#"{"conceal_existence":true}"#), replies("{}"));
}
