//! `clientidsecretkey`, and the records of the client registry.

use otp_topology::deployment::{Settings, Topology, fitting_cluster};
use otp_topology::otp::{KeyId, KeyPurpose, Keyring, LogTime};
use otp_topology::testing;

use super::login::claims_of;
use super::*;

const SUCCESS: &str = "Success Clientid and Token combination had been validated successfully";
const RIGHT: &str = r#"{"clientId":"desk","secretKey":"open sesame"}"#;

fn hash(secret: &str) -> String {
    testing::keyring().client_hash(LogTime::default(), secret).expect("a client key").to_hex()
}

/// A record of the client `desk` of the app `ida`, with more members.
fn record(secret_hash: &Value, more: &str) -> String {
    format!(r#"{{"clientId":"desk","appId":"ida","secretHash":{secret_hash}{more}}}"#)
}

fn put(desk: &mut Desk, record: &str) -> Vec<String> {
    desk.feed("clients", START, Some("desk"), Some(record.as_bytes()), &[]).lines()
}

/// A deployment that knows the client.
fn with_client(sections: Value, more: &str) -> Desk {
    let mut desk = with(sections, "{}");
    assert_eq!(put(&mut desk, &record(&hash("open sesame").into(), more)), [""; 0]);
    desk
}

fn log_in(desk: &mut Desk, members: &str) -> Seen {
    ask(desk, 1_500, "clientidsecretkey", members)
}

#[test]
fn a_right_secret_gives_a_token() {
    let mut desk = with_client(json!({}), r#","roles":["AUTH"],"active":true"#);
    let seen = log_in(&mut desk, RIGHT);
    assert_eq!((&*says(&seen), seen.lines()), (SUCCESS, Vec::new()));
    let mut claims = claims_of(seen.header("authorization").expect("a token"));
    let id = claims.as_object_mut().and_then(|it| it.remove("jti")).expect("an id");
    assert_eq!(format!("{}-response", id.as_str().expect("a text")), seen.header("ce_id").expect("an id"));
    let expected = json!({
        "iss": "otp-stream", "sub": "desk", "appId": "ida", "iat": START / 1000 + 1, "exp": START / 1000 + 6001,
    });
    assert_eq!(claims, expected, "neither isOtpVerified nor roles that the configuration does not name");
}

#[test]
fn every_failure_has_the_same_answer() {
    let check = |desk: &mut Desk, members: &str| {
        let seen = log_in(desk, members);
        let found = (errors(&seen), seen.lines(), seen.header("authorization"));
        assert_eq!(
            found,
            (vec![("401".to_owned(), "Unauthorized".to_owned())], Vec::new(), None),
            "{members}"
        );
    };
    let mut known = with_client(json!({}), "");
    for members in [
        r#"{"clientId":"nobody","secretKey":"open sesame"}"#,
        r#"{"clientId":"Desk","secretKey":"open sesame"}"#,
        r#"{"clientId":"desk","secretKey":"Open sesame"}"#,
        r#"{"clientId":"desk","secretKey":" open sesame"}"#,
        r#"{"clientId":"desk","secretKey":""}"#,
        r#"{"clientId":"desk","secretKey":"open sesame","appId":"admin"}"#,
        r#"{"clientId":"desk","secretKey":"open sesame","appId":"IDA"}"#,
        r#"{"clientId":"desk","secretKey":"open sesame","appId":""}"#,
        r#"{"clientId":"desk"}"#,
        r#"{"secretKey":"open sesame"}"#,
        r#"{"clientId":" ","secretKey":"open sesame"}"#,
        "{}",
    ] {
        check(&mut known, members);
    }
    let hash_itself = format!(r#"{{"clientId":"desk","secretKey":"{}"}}"#, hash("open sesame"));
    check(&mut known, &hash_itself);
    check(&mut with_client(json!({}), r#","active":false"#), RIGHT);
    check(&mut desk(), RIGHT);
    assert_eq!(says(&log_in(&mut known, RIGHT)), SUCCESS, "wrong secrets lock nobody out");
}

#[test]
fn the_app_counts_where_it_is_given_and_both_spellings_are_read() {
    let check = |members: &str| {
        assert_eq!(says(&log_in(&mut with_client(json!({}), ""), members)), SUCCESS, "{members}");
    };
    check(r#"{"clientId":"desk","secretKey":"open sesame","appId":"ida"}"#);
    check(r#"{"clientId":"desk","secretKey":"open sesame","appId":null}"#);
    check(r#"{"clientid":" desk ","secretkey":"open sesame","appid":"ida"}"#);
}

#[test]
fn wrong_types_and_sizes_are_no_request_of_this_contract() {
    let long = |count: usize| format!("\"{}\"", "x".repeat(count));
    for (members, expected) in [
        (r#"{"clientId":5,"secretKey":"x"}"#.to_owned(), "OTP-INVALID-REQUEST"),
        (r#"{"clientId":"desk","secretKey":["x"]}"#.to_owned(), "OTP-INVALID-REQUEST"),
        (r#"{"clientId":"desk","secretKey":"x","appId":{}}"#.to_owned(), "OTP-INVALID-REQUEST"),
        (r#"{"clientId":"desk","clientid":"desk","secretKey":"x"}"#.to_owned(), "OTP-INVALID-REQUEST"),
        (format!(r#"{{"clientId":{},"secretKey":"x"}}"#, long(129)), "OTP-INVALID-REQUEST"),
        (format!(r#"{{"clientId":{},"secretKey":"x"}}"#, long(128)), "401"),
        (format!(r#"{{"clientId":"desk","secretKey":{}}}"#, long(257)), "OTP-INVALID-REQUEST"),
        (format!(r#"{{"clientId":"desk","secretKey":{}}}"#, long(256)), "401"),
    ] {
        assert_eq!(says(&log_in(&mut desk(), &members)), expected, "{members}");
    }
}

#[test]
fn a_secret_changes_without_a_gap() {
    let mut desk = with_client(json!({}), "");
    let new = r#"{"clientId":"desk","secretKey":"open poppy"}"#;
    assert_eq!(
        (says(&log_in(&mut desk, RIGHT)), says(&log_in(&mut desk, new))),
        (SUCCESS.into(), "401".into())
    );
    put(&mut desk, &record(&json!([hash("open poppy"), hash("open sesame")]), ""));
    assert_eq!(
        (says(&log_in(&mut desk, RIGHT)), says(&log_in(&mut desk, new))),
        (SUCCESS.into(), SUCCESS.into())
    );
    put(&mut desk, &record(&json!([hash("open poppy")]), ""));
    assert_eq!(
        (says(&log_in(&mut desk, RIGHT)), says(&log_in(&mut desk, new))),
        ("401".into(), SUCCESS.into())
    );
    desk.feed("clients", START, Some("desk"), None, &[]);
    assert_eq!(says(&log_in(&mut desk, new)), "401", "a null takes the client out");
}

#[test]
fn a_token_has_the_roles_that_the_configuration_names() {
    let check = |allowed: &[&str], roles: Value, expected: Value| {
        let sections = json!({"mosip": {"client_roles": allowed}});
        let mut desk = with_client(sections, &format!(r#","roles":{roles}"#));
        let claims = claims_of(log_in(&mut desk, RIGHT).header("authorization").expect("a token"));
        assert_eq!(claims["roles"], expected, "{allowed:?} {roles}");
    };
    check(&[], json!(["AUTH"]), Value::Null);
    check(&["AUTH"], json!(["AUTH"]), json!(["AUTH"]));
    check(&["AUTH", "ADMIN"], json!(["READ", "ADMIN"]), json!(["ADMIN"]));
    check(&["AUTH"], json!([]), Value::Null);
    check(&["AUTH"], json!(["auth"]), Value::Null);
}

#[test]
fn a_bad_record_is_a_dead_letter_with_a_reason_and_the_last_good_one_stays() {
    let mut desk = with_client(json!({}), "");
    let good = hash("open poppy");
    let mut check = |key: Option<&str>, value: &str, reason: &str| {
        let seen = desk.feed("clients", START, key, Some(value.as_bytes()), &[]);
        assert_eq!(seen.lines(), ["dead letter bad_client"], "{value}");
        assert!(seen.reasons[0].contains(reason), "{reason} in {:?}", seen.reasons);
        assert!(
            !seen.reasons[0].contains(&good[..8]) && !seen.reasons[0].contains("desk"),
            "{:?}",
            seen.reasons
        );
        assert_eq!(says(&log_in(&mut desk, RIGHT)), SUCCESS, "{value}");
    };
    let good_with = |more: &str| record(&good.as_str().into(), more);
    check(None, &good_with(""), "it has no key");
    check(Some(" desk"), &good_with(""), "the client id, which is its key, is not in canonical form");
    check(Some("other"), &good_with(""), "clientId is not the text of its key");
    check(Some("desk"), "[]", "value is no JSON object");
    check(Some("desk"), "{", "value is not JSON");
    check(Some("desk"), &good_with(r#","actve":false"#), "a member that is none of clientId, appId");
    check(Some("desk"), &good_with(r#","active":1"#), "active is not a boolean");
    check(Some("desk"), &good_with(r#","roles":"AUTH""#), "roles is not a list");
    check(Some("desk"), &record(&"5e884898".into(), ""), "secretHash is neither 64 hex digits");
    check(Some("desk"), r#"{"clientId":"desk"}"#, "appId is not a text");
}

#[test]
fn a_repeated_request_gets_the_same_token() {
    let mut desk = with_client(json!({}), "");
    let id = [("ce_id", "r-1")];
    let first = desk.ask_with(START, &request("clientidsecretkey", RIGHT), &id);
    put(&mut desk, &record(&hash("open poppy").into(), ""));
    let again = desk.ask_with(START + 60_000, &request("clientidsecretkey", RIGHT), &id);
    assert_eq!((&again.reply, again.header("authorization")), (&first.reply, first.header("authorization")));
    assert!(first.header("authorization").is_some());
}

#[test]
fn a_request_past_its_deadline_is_not_judged() {
    let past = [("ce_expirytime", "2023-11-14T22:13:19.999Z")];
    let seen = with_client(json!({}), "").ask_with(START, &request("clientidsecretkey", RIGHT), &past);
    assert_eq!((&*says(&seen), seen.header("authorization")), ("OTP-STALE-REQUEST", None));
}

#[test]
fn without_the_keys_nobody_may_use_it() {
    let check = |missing: &[KeyPurpose], operation: &str, expected: bool| {
        let key = |purpose| (purpose, KeyId(1), LogTime::default(), [purpose as u8 + 1; 32]);
        let purposes = KeyPurpose::ALL.into_iter().filter(|it| !missing.contains(it));
        let keys = Keyring::new(purposes.map(key).collect()).expect("these two are optional");
        let plan = Plan::of(ContractName::Mosip, true);
        let settings = Settings { callers: vec![plan.caller], ..testing::settings() };
        let cluster = fitting_cluster(&settings, 1, testing::INCARNATION);
        let topology = Topology::build(&settings, keys, &cluster).expect("a fitting cluster");
        let operation = format!("mosip.authentication.{operation}");
        assert_eq!(topology.callers[0].operations.contains(&operation), expected, "{operation} {missing:?}");
    };
    check(&[], "clientidsecretkey", true);
    check(&[KeyPurpose::Client], "clientidsecretkey", false);
    check(&[KeyPurpose::Token], "clientidsecretkey", false);
    check(&[KeyPurpose::Client], "useridOTP", true);
    check(&[KeyPurpose::Token], "useridOTP", false);
    check(&[KeyPurpose::Client, KeyPurpose::Token], "sendotp", true);
}
