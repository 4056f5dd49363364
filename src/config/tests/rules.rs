//! Policy rules, their bounds, and the settings of the topology.

use otp_topology::otp::ContractName;

use super::{CALLER, Given, load_given, of_sets};

#[test]
fn rules_stay_within_bounds_that_only_the_configuration_moves() {
    let check = |sets: &[&str], expected: Option<&str>| {
        let message = load_given(&of_sets(sets));
        match (message.map(|_| ()), expected) {
            (Ok(()), None) => {}
            (Err(message), Some(expected)) => {
                assert!(message.contains(expected), "expected {expected:?} in: {message}")
            }
            (message, expected) => panic!("{sets:?}: {message:?}, expected {expected:?}"),
        }
    };
    check(&["policy.egov.digits=8"], None);
    check(
        &["policy.egov.digits=5"],
        Some(
            "--set: policy.egov.digits = 5: out of its bounds (rule digits is 5, out of its bounds 6 to 10); use 6 to 10",
        ),
    );
    check(&["policy.egov.digits=5", "policy.bounds.digits_min=5"], None);
    check(
        &["policy.egov.lifetime_ms=900000"],
        Some("use 10000 to 600000, or move policy.bounds.lifetime_ms_"),
    );
    check(&["policy.egov.lifetime_ms=900000", "policy.bounds.lifetime_ms_max=900000"], None);
    check(
        &["policy.bounds.digits_min=3"],
        Some("--set: policy.bounds.digits_min = 3: bound digits_min is 3, outside 4 to 10"),
    );
    check(
        &["policy.bounds.digits_min=9", "policy.bounds.digits_max=8"],
        Some("bound digits_min is above digits_max"),
    );
    check(&["policy.bounds.digits_min=8"], Some("policy.egov.digits: out of its bounds"));
    check(&["policy.egov.sends_per_number_hour_max=1000"], None);
    check(&["policy.egov.sends_per_number_hour_max=0"], Some("out of its bounds 1 to 1000"));
    check(&["policy.egov.resend=never"], Some("--set: policy.egov.resend = \"never\""));
    check(&["policy.egov.deliver=true"], Some("unknown key"));
    check(&["policy.int.deliver=true"], None);
    check(&["policy.egov.lifetime=1"], Some("did you mean policy.egov.lifetime_ms?"));
    check(&["policy.egov.mobile_rules=[{ country_code = \"+1\" }]"], Some("--set: policy.egov.mobile_rules"));
    check(&["policy.egov.wrong_tries_max=-1"], Some("policy.egov.wrong_tries_max = -1"));
    check(
        &["policy.int.sends_per_tenant_hour_max=0"],
        Some("--set: policy.int.sends_per_tenant_hour_max = 0: out of its bounds"),
    );
    check(&["policy.mosip.sends_per_prefix_hour_max=10000000"], None);
    check(
        &["policy.egov.sends_per_prefix_hour_max=2", "policy.bounds.sends_per_prefix_hour_max_max=1"],
        Some("use 1 to 1"),
    );
    check(
        &["policy.egov.allowed_country_codes=[\"+91\", \"977\"]", "policy.egov.blocked_prefixes=[\"140\"]"],
        None,
    );
    check(&["policy.egov.allowed_country_codes=[\"India\"]"], Some("as in [\"+91\"]"));
    check(&["policy.egov.blocked_prefixes=[\"+91\"]"], Some("as in [\"9123\"]"));
}

#[test]
fn the_settings_of_the_topology_are_those_of_the_configuration() {
    let sets = [
        "egov.flavour=mgramseva",
        "egov.mobile_rules=[{ country_code = \"+254\", regex = \"^7[0-9]{8}$\", default = true }]",
        "egov.central_instance.enabled=true",
        "egov.central_instance.schemas=[\"pb\"]",
        "dead_letter.payload=copy",
        "signals.window_s=60",
    ];
    let loaded = load_given(&Given { files: &[CALLER], sets: &sets, ..Given::default() });
    let settings = loaded.expect("good").config.settings();
    assert_eq!(settings.callers[0].operations, None);
    let egov = settings.contracts.get(ContractName::Egov).expect("a contract");
    assert!(egov.template_rules("sms.login.otp.msg").id_required);
    assert_eq!(settings.notification_topics("sms"), ["pb-sms"]);
    assert!(settings.dead_letter_copy);
    assert_eq!((settings.signals.enabled, settings.signals.window_s), (true, 60));
    assert_eq!(egov.default_policy().number_rules[0].country_code, "+254");
}
