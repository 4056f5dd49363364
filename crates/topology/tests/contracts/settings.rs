//! What a configuration may not say of a contract and of its callers.

use otp_topology::contract::{
    CONTRACTS, CallerGrant, Contracts, SettingsFinding, SettingsFindings, UtcOffset,
};
use otp_topology::otp::ContractName::{self, Egov, Int, Mosip};
use serde_json::{Value, json};

fn keys(found: &[SettingsFinding]) -> Vec<&str> {
    found.iter().map(|it| &*it.key).collect()
}

#[test]
fn a_caller_is_granted_only_what_works() {
    let contracts = Contracts::with_defaults();
    let check =
        |name: ContractName, operations: &[&str], reveal_code: bool, zone: bool, expected: &[&str]| {
            let operations: Vec<String> = operations.iter().map(|it| (*it).to_owned()).collect();
            let utc_offset = zone.then(UtcOffset::default);
            let mut findings = SettingsFindings::new("callers[0]");
            let contract = contracts.get(name).expect("it is in the table");
            contract.check_caller(
                &CallerGrant { operations: &operations, reveal_code, utc_offset },
                &mut findings,
            );
            assert_eq!(keys(&findings.into_vec()), expected, "{name:?} {operations:?} {reveal_code} {zone}");
        };
    let (zone, operations) = ("callers[0].utc_offset", "callers[0].operations");
    check(Egov, &["send"], false, false, &[]);
    check(Egov, &["send"], false, true, &[zone]);
    check(Int, &["GENERATE"], false, false, &[]);
    check(Int, &["GENERATE"], false, true, &[]);
    let (generate, sendotp) = ("mosip.otp.generate", "mosip.authentication.sendotp");
    check(Mosip, &[sendotp, generate], true, false, &[]);
    check(Mosip, &[sendotp, generate], false, false, &[operations]);
    check(Mosip, &[sendotp, generate], false, true, &[zone, operations]);
    check(Mosip, &[sendotp], false, false, &[]);
    check(Mosip, &[sendotp], true, true, &[zone]);
}

#[test]
fn a_tenant_root_is_the_first_segment_of_a_tenant() {
    let check = |root: &str, expected: &[&str]| {
        let Value::Object(sections) = json!({"egov": {"tenant_roots": ["pb", root]}}) else {
            unreachable!("it is an object");
        };
        let found = Contracts::open(CONTRACTS, sections).err().unwrap_or_default();
        assert_eq!(keys(&found), expected, "{root:?}");
    };
    let second = "egov.tenant_roots[1]";
    check("ka", &[]);
    check("", &[second]);
    check(" ka", &[second]);
    check("ka ", &[second]);
    check("k|a", &[second]);
    check("ka.mysuru", &[second]);
}
