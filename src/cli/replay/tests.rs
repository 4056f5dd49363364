//! Scripts of input lines and the output of each. An event is written `topic/partition@offset +ms what`.

use std::sync::Arc;

use otp_topology::deployment::{Incarnation, Topology, fitting_cluster};
use otp_topology::otp::LogTime;
use serde_json::Value;

use super::mask::Mask;
use super::player::{Options, Player, Stop};
use crate::config::{Sources, keys, load};

const NOON: LogTime = LogTime::from_ms(1_700_000_000_000);

const KEYS: &str = r#"
[[code]]
id = 1
active_from = "2020-01-01T00:00:00Z"
secret = "0101010101010101010101010101010101010101010101010101010101010102"
[[id]]
id = 1
active_from = "2020-01-01T00:00:00Z"
secret = "0101010101010101010101010101010101010101010101010101010101010103"
[[pseudonym]]
id = 1
active_from = "2020-01-01T00:00:00Z"
secret = "0101010101010101010101010101010101010101010101010101010101010104"
[[directory]]
id = 1
active_from = "2020-01-01T00:00:00Z"
secret = "0101010101010101010101010101010101010101010101010101010101010105"
"#;

#[derive(Clone, Copy, Default)]
struct Given {
    partitions: i32,
    sets: &'static [&'static str],
    ack: bool,
    internal: bool,
    masked: bool,
}

const PLAIN: Given = Given { partitions: 1, sets: &[], ack: false, internal: false, masked: false };
const TWELVE: Given = Given { partitions: 12, ..PLAIN };

struct Session {
    player: Player,
    number: u64,
    /// The code in the latest message. It replaces `CODE` in input lines.
    code: String,
}

impl Session {
    fn new(given: Given) -> Self {
        let sets = given.sets.iter().map(|set| (*set).to_owned()).collect();
        let loaded = load(&Sources { sets, ..Sources::default() }).expect("good settings");
        let settings = loaded.config.settings();
        let keyring = keys::keyring(KEYS, "test keys").expect("good keys");
        let cluster = fitting_cluster(&settings, given.partitions, Incarnation::default());
        let topology = Topology::build(&settings, keyring, &cluster);
        let options = Options {
            ack: given.ack,
            internal: given.internal,
            mask: given.masked.then(|| Mask::new(&settings)),
        };
        let player = Player::new(Arc::new(topology.expect("the facts fit")), options);
        Self { player, number: 0, code: String::new() }
    }

    fn line(&mut self, line: &str) -> Result<Vec<Value>, Stop> {
        self.number += 1;
        let mut out = Vec::new();
        let played =
            self.player.line(self.number, line.replace("CODE", &self.code).as_bytes(), || NOON, &mut out);
        let text = String::from_utf8(out).expect("lines are UTF-8");
        let lines: Vec<Value> =
            text.lines().map(|it| serde_json::from_str(it).expect("lines are JSON")).collect();
        for message in lines.iter().filter_map(|it| payload(it)["message"].as_str().map(str::to_owned)) {
            self.code = message.chars().filter(char::is_ascii_digit).collect();
        }
        played.map(|()| lines)
    }
}

/// Plays the lines after ">", and compares the output of each with the lines below it. Changelog records are left out;
/// codes are shown as `CODE`.
fn check(given: Given, script: &str) {
    let mut session = Session::new(given);
    let mut script = script.lines().map(str::trim).filter(|line| !line.is_empty()).peekable();
    while let Some(line) = script.next() {
        let line = line.strip_prefix("> ").expect("a line to play");
        let mut expected = Vec::new();
        while let Some(text) = script.next_if(|line| !line.starts_with('>')) {
            expected.push(text.to_owned());
        }
        let found = match session.line(line) {
            Ok(lines) => {
                let shown = lines.iter().filter(|it| it["topic"] != "otp-stream-changelog").map(summary);
                shown
                    .map(|it| if session.code.is_empty() { it } else { it.replace(&session.code, "CODE") })
                    .collect()
            }
            Err(Stop::Line(reason)) => vec![format!("bad: {reason}")],
            Err(Stop::Engine(reason)) => vec![format!("engine: {reason}")],
        };
        assert_eq!(found, expected, "after {line}");
    }
}

fn payload(line: &Value) -> Value {
    line["payload"].as_str().and_then(|text| serde_json::from_str(text).ok()).unwrap_or_default()
}

fn summary(line: &Value) -> String {
    if let Some(number) = line["ack"].as_u64() {
        return format!("ack {number}");
    }
    let body = payload(line);
    let text = |value: &Value| value.as_str().map(str::to_owned);
    let said = [
        &body["message"],
        &body["otp"]["otp"],
        &body["error"]["fields"][0]["code"],
        &body["reason"],
        &body["type"],
        &body["operation"],
    ];
    let said = said.into_iter().find_map(text).or_else(|| header(line, "otp.error.code"));
    let topic = line["topic"].as_str().expect("lines have a topic");
    let (partition, offset, time) = (&line["partition"], &line["offset"], &line["ts"]);
    let since = time.as_u64().map_or(0, |time| LogTime::from_ms(time).since(NOON));
    [format!("{topic}/{partition}@{offset} +{since}"), said.unwrap_or_default()].join(" ").trim().to_owned()
}

fn header(line: &Value, name: &str) -> Option<String> {
    let flat = line["headers"].as_array()?;
    let pair = flat.chunks(2).find(|pair| pair[0] == name)?;
    pair[1].as_str().map(str::to_owned)
}

#[test]
fn absent_members_have_defaults() {
    // The home of this subject among twelve is partition 1; the time is the clock's, then the previous line's.
    let script = r#"
> {"topic":"otp-request-egov","payload":"{\"operation\":\"send\",\"otp\":{\"tenantId\":\"pb.amritsar\",\"mobileNumber\":\"9123456789\",\"type\":\"x\"}}"}
  otp-response-egov/1@0 +0 OTP.REQUEST_TYPE_MANDATORY
> {"topic":"otp-request-egov","ts":1700000000700,"payload":"{}","offset":7}
  otp-response-egov/0@0 +700 OTP.UNKNOWN_OPERATION
> {"topic":"otp-request-egov","payload":"nonsense"}
  otp-dead-letter/0@0 +700 syntax
> {"topic":"otp-request-egov","payload":"{}","offset":8}
> {"topic":"otp-request-egov","payload":"{}","offset":9}
  otp-response-egov/0@1 +700 OTP.UNKNOWN_OPERATION
> {"topic":"otp-request-egov","payload":null,"key":"egov|pb|9123456789"}
  otp-dead-letter/0@1 +700 null_value
"#;
    check(TWELVE, script);
}

#[test]
fn lines_that_are_skipped_are_counted() {
    let mut session = Session::new(PLAIN);
    let mut play = |offset: u64, ts: i64| {
        let line = format!(
            r#"{{"topic":"otp-request-egov","partition":0,"offset":{offset},"ts":{ts},"payload":"{{}}"}}"#
        );
        session.line(&line).expect("a good line").len()
    };
    let printed = [play(2, 1_700_000_000_000), play(10, -1), play(3, -1), play(9, -1), play(11, -1)];
    assert_eq!(printed.map(|count| count > 0), [true, true, false, false, true]);
    let note = session.player.skipped().expect("a note");
    assert!(note.starts_with("note: 2 lines were skipped, line 3 the first"), "{note}");
    assert_eq!(Session::new(PLAIN).player.skipped(), None);
}

#[test]
fn a_line_with_an_offset_that_was_played_is_skipped_and_acknowledged() {
    let script = r#"
> {"topic":"otp-request-egov","offset":3,"payload":"{}"}
  otp-response-egov/0@0 +0 OTP.UNKNOWN_OPERATION
  ack 1
> {"topic":"otp-request-egov","offset":3,"ts":1700000000900,"payload":"{}"}
  ack 2
> {"topic":"otp-request-egov","offset":0,"partition":1,"payload":"{}"}
  otp-response-egov/0@1 +900 OTP.UNKNOWN_OPERATION
  ack 3
> {"topic":"otp-request-egov","offset":9223372036854775807,"payload":"{}"}
  bad: has an `offset` without a next one; it must be below 9223372036854775807
"#;
    check(Given { ack: true, ..PLAIN }, script);
}

#[test]
fn a_blank_line_does_nothing_but_has_a_number() {
    let mut session = Session::new(Given { ack: true, ..PLAIN });
    for blank in ["", "\n", " \t\r\n"] {
        assert_eq!(session.line(blank), Ok(Vec::new()));
    }
    assert_eq!(
        session.line("{\"ts\":1}\n").map(|it| it.iter().map(summary).collect()),
        Ok(vec!["ack 4".to_owned()])
    );
}

#[test]
fn records_of_any_partition_share_the_state_of_their_home() {
    let script = r#"
> {"topic":"otp-request-egov","partition":99,"offset":5,"payload":"{\"operation\":\"send\",\"otp\":{\"tenantId\":\"pb\",\"mobileNumber\":\"9123456789\",\"type\":\"login\"}}"}
  otp-stream-repartition/1@3 +0 send
  egov.core.notification.sms.otp/9@0 +0 Dear Citizen, Your Login OTP is CODE.
  otp-lifecycle/9@0 +0 issued
  otp-response-egov/1@0 +0
> {"topic":"otp-request-egov","partition":2147483647,"payload":"{\"operation\":\"validate\",\"otp\":{\"tenantId\":\"pb\",\"identity\":\"9123456789\",\"otp\":\"CODE\"}}"}
  otp-stream-repartition/1@4 +0 CODE
  otp-validation-result/9@0 +0 verified
  otp-lifecycle/9@1 +0 verified
  otp-response-egov/1@1 +0
> {"topic":"otp-request-egov","payload":"{\"operation\":\"validate\",\"otp\":{\"tenantId\":\"pb\",\"identity\":\"9123456789\",\"otp\":\"CODE\"}}"}
  otp-validation-result/9@1 +0 already_used
  otp-response-egov/1@2 +0 OTP.VALIDATION_UNSUCCESSFUL
> {"topic":"otp-admin","partition":40,"payload":"{\"operation\":\"unlock\",\"contract\":\"egov\",\"tenantId\":\"pb\",\"identity\":\"9123456789\"}"}
  otp-stream-repartition/1@5 +0 unlock
  otp-lifecycle/9@2 +0 unlocked
"#;
    check(Given { internal: true, ..TWELVE }, script);
}

#[test]
fn a_line_with_only_a_time_prints_what_has_expired() {
    let script = r#"
> {"topic":"otp-request-egov","payload":"{\"operation\":\"send\",\"otp\":{\"tenantId\":\"pb\",\"mobileNumber\":\"9123456789\",\"type\":\"login\"}}"}
  egov.core.notification.sms.otp/0@0 +0 Dear Citizen, Your Login OTP is CODE.
  otp-lifecycle/0@0 +0 issued
  otp-response-egov/0@0 +0
> {"ts":1700000300000}
  otp-signal/0@0 +300000
> {"ts":1700000300001}
  otp-lifecycle/0@1 +300001 expired
> {"ts":1700000300001}
> {"ts":1700000900000}
  otp-signal/0@1 +900000
> {"topic":"otp-request-egov","payload":"{\"operation\":\"validate\",\"otp\":{\"tenantId\":\"pb\",\"identity\":\"9123456789\",\"otp\":\"CODE\"}}"}
  otp-validation-result/0@0 +900000 expired
  otp-response-egov/0@1 +900000 OTP.VALIDATION_UNSUCCESSFUL
> {"topic":"otp-request-egov","ts":1700000300000,"payload":"{\"operation\":\"send\",\"otp\":{\"tenantId\":\"pb\",\"mobileNumber\":\"9123456780\",\"type\":\"login\"}}"}
  egov.core.notification.sms.otp/0@1 +300000 Dear Citizen, Your Login OTP is CODE.
  otp-lifecycle/0@2 +300000 issued
  otp-response-egov/0@2 +300000
"#;
    check(PLAIN, script);
}

#[test]
fn a_sweep_may_take_several_transactions() {
    let mut session = Session::new(TWELVE);
    const MANY: usize = 2_100;
    for number in 0..MANY {
        let body = format!(
            r#"{{\"operation\":\"send\",\"otp\":{{\"tenantId\":\"pb\",\"mobileNumber\":\"9{number:09}\",\"type\":\"login\"}}}}"#
        );
        session.line(&format!(r#"{{"topic":"otp-request-egov","payload":"{body}"}}"#)).expect("a good line");
    }
    // Each partition tells what it counted of the one prefix.
    assert_eq!(session.line(r#"{"ts":1700000300000}"#).map(|it| it.len()), Ok(12));
    assert_eq!(session.line(r#"{"ts":1700000300001}"#).map(|it| it.len()), Ok(MANY));
    assert_eq!(session.line(r#"{"ts":1700000300001}"#).map(|it| it.len()), Ok(0));
}

#[test]
fn a_request_is_stale_by_its_deadline_and_never_by_its_age() {
    let script = r#"
> {"ts":1900000000000}
> {"topic":"otp-request-egov","ts":1700000000000,"headers":["ce_expirytime","2023-11-14T22:13:20Z"],"payload":"{\"operation\":\"send\",\"otp\":{\"tenantId\":\"pb\",\"mobileNumber\":\"9123456789\",\"type\":\"login\"}}"}
  egov.core.notification.sms.otp/0@0 +0 Dear Citizen, Your Login OTP is CODE.
  otp-lifecycle/0@0 +0 issued
  otp-response-egov/0@0 +0
> {"topic":"otp-request-egov","ts":1700000000001,"headers":["ce_expirytime","2023-11-14T22:13:20Z"],"payload":"{\"operation\":\"validate\",\"otp\":{\"tenantId\":\"pb\",\"identity\":\"9123456789\",\"otp\":\"CODE\"}}"}
  otp-validation-result/0@0 +1 stale_request
  otp-response-egov/0@1 +1 OTP.STALE_REQUEST
"#;
    check(PLAIN, script);
}

#[test]
fn policies_templates_and_users_apply_from_the_next_line_on() {
    let script = r#"
> {"topic":"otp-policy","partition":3,"key":"egov/*","payload":"{\"digits\":8}"}
> {"topic":"message-template","key":"egov/*/en_IN/sms.login.otp.msg","payload":"{\"text\":\"Code %s\"}"}
> {"topic":"user-directory","partition":70,"key":"egov|pb|9123456789","payload":"{\"users\":[{\"tenantId\":\"pb\",\"mobileNumber\":\"9123456789\",\"active\":true}]}"}
> {"topic":"client-registry","key":"x","payload":"{}"}
  otp-dead-letter/0@0 +0 bad_client
> {"topic":"otp-request-egov","partition":3,"payload":"{\"operation\":\"send\",\"otp\":{\"tenantId\":\"pb\",\"mobileNumber\":\"9123456789\",\"type\":\"login\"}}"}
  egov.core.notification.sms.otp/9@0 +0 Code CODE
  otp-lifecycle/9@0 +0 issued
  otp-response-egov/1@0 +0
> {"topic":"otp-request-egov","payload":"{\"operation\":\"send\",\"otp\":{\"tenantId\":\"pb\",\"mobileNumber\":\"9123456780\",\"type\":\"login\"}}"}
  otp-lifecycle/8@0 +0 unknown_recipient
  otp-response-egov/1@1 +0 OTP.UNKNOWN_CREDENTIAL
> {"topic":"otp-policy","key":"egov/*","payload":"{\"digits\":99}"}
  otp-dead-letter/0@1 +0 bad_policy
> {"topic":"user-directory","key":"9123456789","payload":"{}"}
  otp-dead-letter/0@2 +0 bad_key
"#;
    check(Given { sets: &["egov.user_check=true"], ..TWELVE }, script);
}

#[test]
fn codes_are_masked_if_keys_are_configured() {
    let script = r#"
> {"topic":"otp-request-egov","partition":4,"payload":"{\"operation\":\"create\",\"otp\":{\"tenantId\":\"pb\",\"identity\":\"9123456789\"}}"}
  otp-stream-repartition/0@3 +0 create
  egov.core.notification.sms.otp/0@0 +0 Your OTP is ******.
  otp-lifecycle/0@0 +0 issued
  otp-response-egov/0@0 +0
> {"topic":"otp-request-egov","partition":4,"payload":"{\"operation\":\"validate\",\"otp\":{\"tenantId\":\"pb\",\"identity\":\"9123456789\",\"otp\":\"123456\"}}"}
  otp-stream-repartition/0@4 +0 ******
  otp-validation-result/0@0 +0 wrong_code
  otp-response-egov/0@1 +0 OTP.VALIDATION_UNSUCCESSFUL
"#;
    check(Given { internal: true, masked: true, ..PLAIN }, script);
}

#[test]
fn a_bad_line_stops_the_replay_with_a_reason() {
    let check = |line: &str, reason: &str| {
        let mut session = Session::new(PLAIN);
        assert_eq!(session.line(line), Err(Stop::Line(reason.to_owned())), "{line}");
    };
    let sources = "names no source topic; `topic` must be one of: otp-request-egov, otp-request-int, otp-request-mosip, \
                   user-directory, otp-admin, otp-policy, message-template, client-registry";
    check("[1]", "is not a JSON object");
    check(r#"{"topic":"otp-request-egov""#, "is not a JSON object");
    check(r#"{"topic":"otp-request-egov"}"#, "`payload` is missing");
    check(r#"{"payload":"{}"}"#, "`topic` is missing");
    check("{}", "`topic` is missing");
    check(r#"{"topic":"otp-response-egov","payload":"{}"}"#, sources);
    check(r#"{"topic":"otp-stream-repartition","payload":"{}"}"#, sources);
    check(r#"{"ts":253402300800000}"#, "has a `ts` after the year 9999; it must be epoch milliseconds");
}

#[test]
fn equal_lines_give_equal_bytes() {
    let lines = [
        r#"{"topic":"otp-request-egov","partition":17,"payload":"{\"operation\":\"send\",\"otp\":{\"tenantId\":\"pb\",\"mobileNumber\":\"9123456789\",\"type\":\"login\"}}"}"#,
        r#"{"ts":1700000400000}"#,
    ];
    let play = || {
        let mut session = Session::new(Given { internal: true, ..TWELVE });
        lines.map(|line| session.line(line).expect("a good line"))
    };
    assert_eq!(play(), play());
}
