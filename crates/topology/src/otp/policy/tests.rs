//! The policy rules: their names, bounds and inheritance, and what is refused.

use super::*;
use ContractRule::{Deliver, NumberRules};

fn record(of_contract: &[ContractRule], json: &str) -> Result<PolicyPatch, RuleError> {
    PolicyPatch::from_json(of_contract, json.as_bytes(), &Bounds::default())
}

#[test]
fn the_built_in_rules_are_within_their_bounds() {
    assert_eq!(Policy::built_in().check(&Bounds::default()), Ok(()));
}

#[test]
fn names_and_bounds_are_pinned() {
    let camel: Vec<_> = Number::ALL.iter().map(|it| it.name(Spelling::Record)).collect();
    let expected = "digits lifetimeMs wrongTriesMax lockAfter lockMs hardLockAfter sendsPerChallengeMax \
                    sendsPer10MinMax sendsPerDayMax sendPauseMs sendsPerNumberHourMax sendsPerPrefixHourMax \
                    sendsPerTenantHourMax";
    assert_eq!(camel.join(" "), expected);
    let camel_of = |snake: &str| {
        let mut parts = snake.split('_');
        let first = parts.next().unwrap_or_default().to_owned();
        parts.fold(first, |name, part| name + &part[..1].to_uppercase() + &part[1..])
    };
    for number in Number::ALL {
        let [snake, camel] = [Spelling::Configuration, Spelling::Record].map(|it| number.name(it));
        assert_eq!(camel_of(snake), camel);
        let ((min, max), (least, greatest)) = (number.bounds(), number.limits());
        assert!(least <= min && min <= max && max <= greatest, "{snake}");
    }
    let bounds: Vec<_> = Bounds::default().entries().map(|(key, value)| format!("{key}={value}")).collect();
    let expected = "digits_min=6 digits_max=10 lifetime_ms_min=10000 lifetime_ms_max=600000 \
        wrong_tries_max_min=1 wrong_tries_max_max=10 lock_after_min=1 lock_after_max=100 lock_ms_min=1000 \
        lock_ms_max=86400000 hard_lock_after_min=1 hard_lock_after_max=100 sends_per_challenge_max_min=1 \
        sends_per_challenge_max_max=20 sends_per_10_min_max_min=1 sends_per_10_min_max_max=50 \
        sends_per_day_max_min=1 sends_per_day_max_max=50 send_pause_ms_min=0 send_pause_ms_max=600000 \
        sends_per_number_hour_max_min=1 sends_per_number_hour_max_max=1000 sends_per_prefix_hour_max_min=1 \
        sends_per_prefix_hour_max_max=10000000 sends_per_tenant_hour_max_min=1 \
        sends_per_tenant_hour_max_max=10000000";
    assert_eq!(bounds.join(" "), expected);
}

#[test]
fn a_record_is_accepted_as_a_whole_or_refused() {
    let check = |of_contract: &[ContractRule], lines: &str| {
        for line in lines.lines().map(str::trim).filter(|it| !it.is_empty()) {
            let (json, expected) = line.split_once(" => ").expect("a record and its outcome");
            let outcome = record(of_contract, json).map_or_else(|err| err.to_string(), |_| "ok".to_owned());
            assert_eq!(outcome, expected, "{json}");
        }
    };
    check(
        &[NumberRules],
        r#"
        {} => ok
        {"digits":8,"resend":"rotate","concealExistence":true} => ok
        {"lifetimeMs":10000} => ok
        {"lifetimeMs":9999} => rule lifetimeMs is 9999, out of its bounds 10000 to 600000
        {"digits":5} => rule digits is 5, out of its bounds 6 to 10
        {"digits":11} => rule digits is 11, out of its bounds 6 to 10
        {"lockAfter":0} => rule lockAfter is 0, out of its bounds 1 to 100
        {"sendsPer10MinMax":51} => rule sendsPer10MinMax is 51, out of its bounds 1 to 50
        {"digits":6,"lifetime_ms":20000} => unknown rule lifetime_ms
        {"a secret phrase!":1} => unknown rule (not a valid name)
        {"digits":6,"digits":6} => rule digits is given twice
        {"resend":"never"} => rule resend is not "same" or "rotate"
        {"concealExistence":1} => rule concealExistence is not true or false
        {"deliver":true} => rule deliver does not exist for this contract
        "#,
    );
    check(&[Deliver], r#"{"deliver":true} => ok"#);
    check(&[], r#"{"mobileRules":[]} => rule mobileRules does not exist for this contract"#);
}

#[test]
fn every_number_has_its_bounds_and_sets_its_own_field() {
    let fields = |it: &Policy| {
        [
            ("digits", it.digits.get().into()),
            ("lifetimeMs", it.lifetime_ms),
            ("wrongTriesMax", it.wrong_tries_max.into()),
            ("lockAfter", it.lock_after.into()),
            ("lockMs", it.lock_ms),
            ("hardLockAfter", it.hard_lock_after.into()),
            ("sendsPerChallengeMax", it.sends_per_challenge_max.into()),
            ("sendsPer10MinMax", it.sends_per_10_min_max.into()),
            ("sendsPerDayMax", it.sends_per_day_max.into()),
            ("sendPauseMs", it.send_pause_ms),
            ("sendsPerNumberHourMax", it.sends_per_number_hour_max.map_or(0, u64::from)),
            ("sendsPerPrefixHourMax", it.sends_per_prefix_hour_max.map_or(0, u64::from)),
            ("sendsPerTenantHourMax", it.sends_per_tenant_hour_max.map_or(0, u64::from)),
        ]
    };
    let bounds: [(u64, u64); 13] = [
        (6, 10),
        (10_000, 600_000),
        (1, 10),
        (1, 100),
        (1_000, 86_400_000),
        (1, 100),
        (1, 20),
        (1, 50),
        (1, 50),
        (0, 600_000),
        (1, 1_000),
        (1, 10_000_000),
        (1, 10_000_000),
    ];
    for (at, (min, max)) in bounds.into_iter().enumerate() {
        let mut expected = fields(&Policy::built_in());
        let name = expected[at].0;
        let put = |value: u64| record(&[], &format!(r#"{{"{name}":{value}}}"#));
        for value in [min, min + 1, max] {
            expected[at].1 = value;
            let policy = Policy::built_in().with(&put(value).expect("within the bounds"));
            assert_eq!(fields(&policy), expected);
        }
        for value in [min.checked_sub(1), Some(max + 1)].into_iter().flatten() {
            let refused = format!("rule {name} is {value}, out of its bounds {min} to {max}");
            assert_eq!(put(value).map_err(|error| error.to_string()), Err(refused));
        }
    }
}

#[test]
fn a_record_that_is_not_an_object_of_rules_is_refused() {
    let check = |json: &str, expected: &str| {
        let refusal = record(&[], json).expect_err("refused");
        assert_eq!(refusal.to_string(), expected, "{json:?}");
    };
    let too_big = "99999999999999999999999";
    for wrong in ["6.0", "\"6\"", "-6", "null", "true", "[6]", "1e1", too_big] {
        let json = format!(r#"{{"digits":{wrong}}}"#);
        check(&json, "rule digits is not a whole number");
    }
    let (trailing, valueless) = (r#"{"digits":6}x"#, r#"{"digits":}"#);
    for broken in ["", "null", "[]", "6", "{", trailing, valueless, "\u{1}"] {
        check(broken, "not a JSON object of policy rules");
    }
}

#[test]
fn number_rules_have_a_code_and_a_pattern_that_compiles() {
    let check = |rows: &str, expected: &str| {
        let json = format!(r#"{{"mobileRules":[{rows}]}}"#);
        let outcome = record(&[NumberRules], &json).map_or_else(|err| err.to_string(), |_| "ok".to_owned());
        assert_eq!(outcome, expected, "{rows}");
    };
    let good = r#"{"countryCode":"+91","mobileNumberRegex":"^[6-9][0-9]{9}$","default":true}"#;
    let row = |fault: &str| format!("rule mobileRules, row 2: {fault}");
    let second =
        |code: &str, regex: &str| format!(r#"{good},{{"countryCode":{code},"mobileNumberRegex":{regex}}}"#);
    check("", "ok");
    check(good, "ok");
    check(&second(r#""+44""#, r#""[0-9]{10}""#), "ok");
    check(&second("\"\"", r#""1""#), &row("it has no country code"));
    check(&second("null", r#""1""#), &row("it has no country code"));
    check(&format!(r#"{good},{{"mobileNumberRegex":"1"}}"#), &row("it has no country code"));
    check(&second(r#""+44""#, "\"\""), &row("it has no regex"));
    check(&format!(r#"{good},{{"countryCode":"+1"}}"#), &row("it has no regex"));
    for broken in ["[0-9", "a)|(?:b", "[0-9]{99999}"] {
        check(&second(r#""+44""#, &format!("{broken:?}")), &row("its regex does not compile"));
    }
    for another_engines in ["^[6-9][0-9]{9}+$", r"^\d{10}$", r"[0-9]+\Z"] {
        let json = format!(r#"{{"mobileRules":[{}]}}"#, second(r#""+44""#, &format!("{another_engines:?}")));
        let error = record(&[NumberRules], &json).expect_err("refused").to_string();
        assert!(error.starts_with("rule mobileRules, row 2: its regex has "), "{error}");
        let stored = PolicyPatch::from_stored(&[NumberRules], json.as_bytes(), &Bounds::default());
        assert!(stored.is_ok(), "what was stored before does not stop its task");
    }
    let long = format!("{:?}", "1".repeat(513));
    check(&second(r#""+44""#, &long), &row("its regex is longer than 512 bytes"));
    let long = format!("{:?}", "1".repeat(17));
    check(&second(&long, r#""1""#), &row("its country code is longer than 16 bytes"));
    let typed = "rule mobileRules is not a list of {\"countryCode\", \"mobileNumberRegex\", \"default\"}";
    check("7", typed);
    check(&second("7", r#""1""#), typed);
    check(r#"{"countryCode":"+1","countryCode":"+2","mobileNumberRegex":"1"}"#, typed);
    check(r#"{"countryCode":"+1","mobileNumberRegex":"1","more":1}"#, typed);
    check(&[good; 64].join(","), "ok");
    check(&[good; 65].join(","), "rule mobileRules has more than 64 rows");
}

#[test]
fn the_lists_of_destinations_are_checked_row_by_row() {
    let check = |json: &str, expected: &str| {
        let outcome = record(&[], json).map_or_else(|err| err.to_string(), |_| "ok".to_owned());
        assert_eq!(outcome, expected, "{json}");
    };
    let code = "it is no country code, such as +91";
    let prefix = "it is no beginning of a national number: write digits alone";
    check(r#"{"allowedCountryCodes":["+91","977","0044"],"blockedPrefixes":["9","140"]}"#, "ok");
    check(r#"{"allowedCountryCodes":[],"blockedPrefixes":[]}"#, "ok");
    check(r#"{"allowedCountryCodes":["+91",""]}"#, &format!("rule allowedCountryCodes, row 2: {code}"));
    check(r#"{"allowedCountryCodes":["+0"]}"#, &format!("rule allowedCountryCodes, row 1: {code}"));
    check(r#"{"allowedCountryCodes":["+91 22"]}"#, &format!("rule allowedCountryCodes, row 1: {code}"));
    let long = "rule allowedCountryCodes, row 1: it is longer than 16 bytes";
    check(r#"{"allowedCountryCodes":["+1234567890123456"]}"#, long);
    check(r#"{"allowedCountryCodes":"+91"}"#, "rule allowedCountryCodes is not a list of country codes");
    check(r#"{"allowedCountryCodes":[91]}"#, "rule allowedCountryCodes is not a list of country codes");
    check(r#"{"allowedCountryCodes":null}"#, "rule allowedCountryCodes is not a list of country codes");
    check(r#"{"blockedPrefixes":["+91"]}"#, &format!("rule blockedPrefixes, row 1: {prefix}"));
    check(r#"{"blockedPrefixes":["1",""]}"#, &format!("rule blockedPrefixes, row 2: {prefix}"));
    let long = "rule blockedPrefixes, row 1: it is longer than 15 digits";
    check(r#"{"blockedPrefixes":["1234567890123456"]}"#, long);
    check(r#"{"blockedPrefixes":[1]}"#, "rule blockedPrefixes is not a list of beginnings of numbers");
    let rows = |count: usize| format!(r#"{{"blockedPrefixes":[{}]}}"#, vec![r#""1""#; count].join(","));
    check(&rows(256), "ok");
    check(&rows(257), "rule blockedPrefixes has more than 256 rows");
    let section =
        r#"{"allowed_country_codes":["+91"],"blocked_prefixes":["x"],"sends_per_tenant_hour_max":1}"#;
    let patch: PolicyPatch = serde_json::from_str(section).expect("a section");
    let refusal = patch.check(&Bounds::default(), &[]).expect_err("refused").to_string();
    assert_eq!(refusal, format!("rule blocked_prefixes, row 1: {prefix}"));
}

#[test]
fn a_configuration_section_is_spelled_in_snake_case() {
    let check = |json: &str, expected: &str| {
        let outcome = match serde_json::from_str::<PolicyPatch>(json) {
            Err(err) => err.to_string(),
            Ok(patch) => patch
                .check(&Bounds::default(), &[NumberRules])
                .map_or_else(|err| err.to_string(), |()| "ok".into()),
        };
        assert!(outcome.starts_with(expected), "{json}: {outcome}");
    };
    check(r#"{"digits":6,"sends_per_10_min_max":7,"conceal_existence":true,"resend":"same"}"#, "ok");
    check(r#"{"lifetime_ms":1}"#, "rule lifetime_ms is 1, out of its bounds 10000 to 600000");
    check(r#"{"lifetimeMs":20000}"#, "unknown rule lifetimeMs");
    check(r#"{"digits":"six"}"#, "invalid type: string \"six\", expected u64");
    check(r#"{"mobile_rules":[{"country_code":"+1","regex":"1","default":true}]}"#, "ok");
    check(r#"{"mobile_rules":[{"country_code":"+1"}]}"#, "rule mobile_rules, row 1: it has no regex");
    check(r#"{"deliver":true}"#, "rule deliver does not exist for this contract");
}

#[test]
fn bounds_move_key_by_key_within_their_limits() {
    let check = |json: &str, expected: &str| {
        let read = serde_json::from_str::<Bounds>(json);
        let outcome = read.as_ref().map_or_else(ToString::to_string, |_| "ok".to_owned());
        assert!(outcome.starts_with(expected), "{json}: {outcome}");
    };
    check("{}", "ok");
    check(r#"{"digits_min":4,"lifetime_ms_max":900000}"#, "ok");
    check(r#"{"digits_min":3}"#, "bound digits_min is 3, outside 4 to 10");
    check(r#"{"wrong_tries_max_max":256}"#, "bound wrong_tries_max_max is 256, outside 1 to 255");
    check(r#"{"lock_after_min":0}"#, "bound lock_after_min is 0, outside 1 to");
    check(r#"{"digits_min":9,"digits_max":8}"#, "bound digits_min is above digits_max");
    check(r#"{"digits":6}"#, "unknown bound `digits`");
    check(r#"{"digit_min":6}"#, "unknown bound `digit_min`");
    check(r#"{"digits_min":"6"}"#, "invalid type");
    let bounds: Bounds = serde_json::from_str(r#"{"digits_min":4}"#).expect("good bounds");
    assert!(PolicyPatch::from_json(&[], br#"{"digits":4}"#, &bounds).is_ok());
    let tight: Bounds = serde_json::from_str(r#"{"lifetime_ms_max":60000}"#).expect("good bounds");
    assert!(Policy::built_in().check(&tight).is_err());
}

#[test]
fn a_tenant_inherits_along_its_dots() {
    let check = |tenant: &str, expected: &[&str]| {
        assert_eq!(Policy::chain(tenant).collect::<Vec<_>>(), expected);
    };
    check("pb", &["*", "pb"]);
    check("pb.amritsar", &["*", "pb", "pb.amritsar"]);
    check("in.pb.amritsar", &["*", "in", "in.pb", "in.pb.amritsar"]);
    check("default", &["*", "default"]);
    check("", &["*"]);
    check("*", &["*"]);
    let patch = |json| record(&[], json).expect("a good record");
    let policy =
        Policy::built_in().with(&patch(r#"{"digits":8,"lifetimeMs":60000}"#)).with(&patch(r#"{"digits":7}"#));
    assert_eq!((policy.digits.get(), policy.lifetime_ms, policy.lock_after), (7, 60_000, 10));
    let joined = patch(r#"{"digits":7}"#).or(patch(r#"{"digits":8,"lifetimeMs":60000}"#));
    assert_eq!(Policy::built_in().with(&joined), policy);
}

#[test]
fn the_version_depends_on_every_rule_and_on_nothing_else() {
    let india =
        NumberRule { country_code: "+91".to_owned(), regex: "^[6-9][0-9]{9}$".to_owned(), default: true };
    let base = Policy { number_rules: vec![india], ..Policy::built_in() }.versioned();
    assert_eq!(&*base.version.to_hex(), "78929b0c33c59490");
    let mut seen = vec![base.version];
    let mut check = |json: &str| {
        let version = base.with(&record(&[NumberRules, Deliver], json).expect("a good record")).version;
        assert!(!seen.contains(&version), "{json}");
        seen.push(version);
    };
    for number in Number::ALL {
        check(&format!(r#"{{"{}":{}}}"#, number.name(Spelling::Record), number.bounds().1 - 1));
    }
    check(r#"{"allowedCountryCodes":[]}"#);
    check(r#"{"allowedCountryCodes":["+91"]}"#);
    check(r#"{"blockedPrefixes":["9"]}"#);
    check(r#"{"resend":"rotate"}"#);
    check(r#"{"concealExistence":true}"#);
    check(r#"{"mobileRules":[]}"#);
    check(r#"{"mobileRules":[{"countryCode":"+91","mobileNumberRegex":"^[6-9][0-9]{9}$"}]}"#);
    check(r#"{"mobileRules":[{"countryCode":"+92","mobileNumberRegex":"^[6-9][0-9]{9}$","default":true}]}"#);
    check(r#"{"deliver":true}"#);
    let same = record(&[], r#"{"digits":6,"lifetimeMs":300000}"#).expect("a good record");
    assert_eq!(base.with(&same), base);
}

#[test]
fn a_number_rule_has_a_code_and_a_pattern_of_a_bounded_length() {
    let check = |country_code: String, regex: String, expected: Option<&str>| {
        let rule = NumberRule { country_code, regex, default: false };
        assert_eq!(rule.fault(), expected, "{rule:?}");
    };
    let text = |bytes: usize| "1".repeat(bytes);
    check(text(16), text(512), None);
    check(text(17), text(1), Some("its country code is longer than 16 bytes"));
    check(text(1), text(513), Some("its regex is longer than 512 bytes"));
    check(text(0), text(1), Some("it has no country code"));
    check(text(1), text(0), Some("it has no regex"));
}

#[test]
fn bounds_are_a_table_of_keys() {
    let read = |text: &str| serde_json::from_str::<Bounds>(text).map(drop).map_err(|it| it.to_string());
    assert_eq!(read(r#"{"digits_min":4}"#), Ok(()));
    let error = read("7").expect_err("a number");
    assert!(error.contains("bounds of policy rules, such as digits_min"), "{error}");
    let error = read(r#"{"digit":4}"#).expect_err("another key");
    assert!(error.contains("unknown bound `digit`"), "{error}");
}
