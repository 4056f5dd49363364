//! Files of policies: what is accepted, what is refused and why, and the imports of MDMS.

use otp_topology::deployment::{PolicyRecords, Settings};

use super::*;
use crate::config::{Sources, load};

const MASTER: &str = include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/imports/mdms-master.json"));
const V1: &str = include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/imports/mdms-v1.json"));
const V2: &str = include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/imports/mdms-v2.json"));

fn settings() -> Settings {
    load(&Sources::default()).expect("the default configuration").config.settings()
}

fn input(text: &str) -> Input {
    Input { name: "p.json".to_owned(), text: text.to_owned() }
}

/// Each record as `key value`, or the lines of what is wrong.
fn outcome(read: Result<Batch, Problem>) -> Result<Vec<String>, String> {
    let text = |failure| {
        let Failure::Usage(text) = failure else { panic!("{failure:?}") };
        text
    };
    let batch = read.map_err(|problem| text(problem.in_file("p.json")))?;
    let accepted = judged(batch, &settings()).accepted("p.json", false).map_err(text)?;
    let shown = |draft: &Draft| {
        let value = draft.value.as_deref().map_or_else(|| "-".into(), String::from_utf8_lossy);
        format!("{} {value}", draft.key)
    };
    Ok(accepted.drafts.iter().map(shown).collect())
}

fn check(read: Result<Batch, Problem>, expected: Result<&[&str], &str>) {
    match (outcome(read), expected) {
        (Ok(found), Ok(expected)) => assert_eq!(found, expected),
        (Err(found), Err(expected)) => {
            let advice = "\nnothing was produced; correct the file, or give --skip-bad to produce the rest";
            assert_eq!(found.strip_suffix(advice).unwrap_or(&found), expected);
        }
        (found, expected) => panic!("{found:?} instead of {expected:?}"),
    }
}

#[test]
fn one_record_under_its_key() {
    let of = |key, text| by_key::records(&input(text), Some(key));
    check(of("egov/pb", r#"{"digits":8}"#), Ok(&[r#"egov/pb {"digits":8}"#]));
    check(of("egov/*", "null\n"), Ok(&["egov/* -"]));
    check(of("int/default", r#"{"deliver":true}"#), Ok(&[r#"int/default {"deliver":true}"#]));
    check(
        of("egov/pb", "{\n  \"resend\": \"same\",\n  \"digits\": 3\n}"),
        Err(
            "p.json, line 3: egov/pb: rule digits is 3, out of its bounds 6 to 10; use 6 to 10; only [policy.bounds] of the \
             service's configuration moves bounds",
        ),
    );
    check(
        of("egov/pb", r#"{"deliver":true}"#),
        Err(
            "p.json, line 1: egov/pb: rule deliver does not exist for this contract; the rules are in docs/interface.md, \
             \"Policy\"",
        ),
    );
    check(
        of("egov/pb", r#"{"colour":"red"}"#),
        Err("p.json, line 1: egov/pb: unknown rule colour; the rules are in docs/interface.md, \"Policy\""),
    );
    check(
        of("egov/pb", r#"{"digits":"8"}"#),
        Err(
            "p.json, line 1: egov/pb: rule digits is not a whole number; the rules are in docs/interface.md, \"Policy\"",
        ),
    );
    check(
        of("egov/pb/ward", "{}"),
        Err("p.json, line 1: egov/pb/ward: its key is not <contract>/<tenant>; write a key like egov/pb, \
             egov/pb.amritsar, or egov/* for the whole contract"),
    );
    check(
        of("sms/pb", "{}"),
        Err(
            "p.json, line 1: sms/pb: its key names no contract (egov, int, mosip); write a key like egov/pb, \
             egov/pb.amritsar, or egov/* for the whole contract",
        ),
    );
    check(of("egov/pb", "{"), Err("p.json, line 1: not JSON: EOF while parsing an object; correct it"));
}

#[test]
fn an_object_of_records() {
    let of = |text| by_key::records(&input(text), None);
    check(of("{\"egov/*\": {\"digits\": 6},\n \"int/*\": null}"), Ok(&["egov/* {\"digits\": 6}", "int/* -"]));
    check(
        of("{\n\"egov/pb\": {},\n\"egov/pb\": {\"digits\":7}}"),
        Err("p.json, line 3: egov/pb: another value for the key egov/pb than in line 2; keep one of them"),
    );
    check(
        of(r#"{"digits":8}"#),
        Err(
            "p.json, line 1: not an object of records by key; give the key of this value with --key, or write {\"<key>\": \
             <value>}",
        ),
    );
    check(of("{}"), Err("p.json: no record for this service (0 entries are not for it)"));
    check(of("[]"), Err("p.json, line 1: not an object of records by key; see docs/administration.md"));
}

#[test]
fn number_rules_of_mdms() {
    let india = r#"{"countryCode":"+91","default":true,"mobileNumberRegex":"^[6-9][0-9]{9}$"}"#;
    let of = |text: &str, key: Option<&str>| mdms::records(&input(text), key);
    let kenya = r#"{"countryCode":"+254","default":false,"mobileNumberRegex":"^7[0-9]{8}$"}"#;
    let master = format!(r#"egov/pb {{"mobileRules":[{india},{kenya}]}}"#);
    check(of(MASTER, None), Ok(&[&master]));
    check(of(MASTER, Some("egov/*")), Ok(&[&master.replace("egov/pb", "egov/*")]));
    let nepal = r#"{"countryCode":"+977","default":true,"mobileNumberRegex":"^9[78][0-9]{8}$"}"#;
    check(of(V1, Some("mosip/*")), Ok(&[&format!(r#"mosip/* {{"mobileRules":[{nepal}]}}"#)]));
    check(
        of(V1, None),
        Err(
            "p.json, line 6: tenantId: the rules are of no tenant; name the record with --key, as in egov/pb",
        ),
    );
    let karnataka = format!(r#"egov/ka {{"mobileRules":[{}]}}"#, india.replace("[6-9]", "[7-9]"));
    check(of(V2, None), Ok(&[&karnataka, &format!(r#"egov/pb {{"mobileRules":[{india}]}}"#)]));
    assert_eq!(of(V2, None).expect("it is good").left_out, 2, "an inactive row, and one of another master");
    check(
        of(&format!("[{india}]"), Some("egov/pb")),
        Ok(&[&format!(r#"egov/pb {{"mobileRules":[{india}]}}"#)]),
    );
    check(
        of(
            "{\"mdms\": [\n{\"tenantId\": \"pb\", \"data\": {\"countryCode\": \"+91\", \"mobileNumberRegex\": \"^[6-9\"}}]}",
            None,
        ),
        Err(
            "p.json, line 2: MobileNumberValidation[0]: countryCode \"+91\", mobileNumberRegex \"^[6-9\": its regex does not \
             compile; correct the row",
        ),
    );
    check(
        of(r#"{"RequestInfo": {}}"#, None),
        Err(
            "p.json, line 1: no MobileNumberValidation; export the master MobileNumberValidation of the module \
             common-masters",
        ),
    );
}

#[test]
fn a_merged_record_keeps_the_other_rules() {
    let check = |present: Option<&str>, new: &str, expected: &str| {
        let mut records = PolicyRecords::default();
        records.put("egov/pb", present.map(str::as_bytes));
        let read = by_key::records(&input(new), Some("egov/pb")).expect("it is JSON");
        let accepted = judged(read, &settings()).accepted("p.json", false).expect("it is good");
        let merged = outcome(Ok(merge::merged(accepted, &records)));
        assert_eq!(merged, Ok(vec![format!("egov/pb {expected}")]));
    };
    check(Some(r#"{"digits":8,"lockAfter":5}"#), r#"{"digits":7}"#, r#"{"digits":7,"lockAfter":5}"#);
    check(None, r#"{"digits":7}"#, r#"{"digits":7}"#);
    check(Some(r#"{"digits":8}"#), "null", "-");
}
