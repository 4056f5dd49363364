//! Replies, byte by byte, and what else is published.

use otp_topology::deployment::CallerSettings;

use super::*;

#[test]
fn a_generate_is_answered_with_its_code() {
    let mut desk = desk();
    let seen = ask(&mut desk, 0, GENERATE);
    let expected =
        format!(r#"{{"status":200,"message":"OTP is successfully generated","otp":"{}"}}"#, desk.code);
    assert_eq!(seen.reply, expected);
    assert_eq!(seen.lines(), ["issued otp []"]);
    let seen = ask(&mut desk, 0, VALIDATE);
    assert_eq!(seen.reply, r#"{"status":200,"message":"OTP is successfully verified"}"#);
    assert_eq!(seen.lines(), ["result verified otp null", "verified otp null"]);
}

#[test]
fn a_code_is_delivered_if_it_is_not_revealed_or_if_the_policy_says_so() {
    let sms = "sms +918777496061 Your OTP is ######.";
    let check = |reveal_code: bool, policy: &str, expected: &[&str]| {
        let mut desk = with_policy(policy, reveal_code);
        let seen = ask(&mut desk, 0, GENERATE);
        assert_eq!(seen.lines(), expected, "{reveal_code} {policy}");
        assert_eq!(seen.reply.contains("\"otp\""), reveal_code);
        assert_eq!(status(&ask(&mut desk, 0, VALIDATE)), "200");
    };
    check(true, "{}", &["issued otp []"]);
    check(true, r#"{"deliver":true}"#, &[sms, "issued otp [\"sms\"]"]);
    check(false, "{}", &[sms, "issued otp [\"sms\"]"]);
}

#[test]
fn a_text_message_has_the_shape_that_notification_services_read() {
    let mut desk = with_policy("{}", false);
    let text = r#"{"text":"Code %s","templateId":"1107"}"#;
    desk.feed("templates", 0, Some("int/default/en_IN/sms.int.otp.msg"), Some(text.as_bytes()), &[]);
    let seen = ask(&mut desk, 0, GENERATE);
    let (_, sms) = &seen.events[0];
    let expected = serde_json::json!({
        "mobileNumber": "8777496061", "message": format!("Code {}", desk.code), "category": "OTP",
        "expiryTime": START + 180_000, "countryCode": "+91", "tenantId": "default", "templateId": "1107",
        "locale": "en_IN", "eventId": sms["eventId"], "correlationId": "requests/0/0",
    });
    assert_eq!(*sms, expected);
    let bad = desk.feed("templates", 0, Some("int/*/en_IN/sms.int.otp.msg"), Some(br#"{"text":"x"}"#), &[]);
    assert_eq!(bad.lines(), ["dead letter bad_template"]);
}

/// The built-in text has no template id. Nothing else of ours is answered: any other fault stops the task, and its requests
/// wait.
#[test]
fn a_missing_text_is_a_fault_of_ours() {
    let sections = serde_json::json!({"egov": {"template_id_required": true}});
    let mut desk = Desk::new(Plan { sections, ..Plan::of(ContractName::Int, false) });
    let seen = ask(&mut desk, 0, GENERATE);
    let id = seen.header("ce_id").expect("an id");
    let expected = format!(
        r#"{{"timestamp":{START},"status":500,"error-message":"Internal Server Error","traceID":"{id}","error-details":"No message text is configured","path":"/v1/otp"}}"#
    );
    assert_eq!(seen.reply, expected);
    assert_eq!(seen.lines(), ["suppressed otp \"template_missing\""]);
    assert_eq!(
        status(&ask(&mut desk, 0, &VALIDATE.replace("{code}", "123456"))),
        "422/5",
        "nothing was issued"
    );
    let text = r#"{"text":"Code %s","templateId":"1107"}"#;
    desk.feed("templates", 0, Some("int/*/en_IN/sms.int.otp.msg"), Some(text.as_bytes()), &[]);
    assert_eq!(status(&ask(&mut desk, 0, GENERATE)), "200");
}

#[test]
fn refusals_have_the_members_of_their_operation() {
    let mut desk = desk();
    let seen = ask(&mut desk, 5, &altered(GENERATE, &["digit=3"]));
    let id = seen.header("ce_id").expect("an id");
    assert_eq!(
        seen.reply,
        format!(
            r#"{{"timestamp":1670871870005,"status":422,"errorCode":1,"error-message":"UNPROCESSABLE_ENTITY","traceID":"{id}","error-details":"digit must be a whole number within its bounds","path":"/v1/otp"}}"#
        )
    );
    let seen = ask(&mut desk, 5, &VALIDATE.replace("{code}", "123456"));
    let id = seen.header("ce_id").expect("an id");
    assert_eq!(
        seen.reply,
        format!(
            r#"{{"timestamp":1670871870005,"status":422,"errorCode":5,"errorMessage":"UNPROCESSABLE_ENTITY","traceID":"{id}","errorDetails":"No valid OTP was generated with these values","path":"/v1/otp"}}"#
        )
    );
}

#[test]
fn a_trace_id_is_the_callers_else_the_challenges_else_the_replys() {
    let check = |traceparent: &str, expected: Option<&str>| {
        let mut desk = desk();
        let issued = ask(&mut desk, 0, GENERATE);
        let at = u64::try_from(START).expect("after 1970");
        let wrong = VALIDATE.replace("{code}", "{wrong}");
        let seen = desk.ask_with(at, &wrong, &[("traceparent", traceparent)]);
        let reply: Value = serde_json::from_str(&seen.reply).expect("JSON");
        let challenge = issued.events[0].1["challengeId"].as_str();
        assert_eq!(reply["traceID"].as_str(), expected.or(challenge), "{traceparent}");
    };
    let trace = "4bf92f3577b34da6a3ce929d0e0e4736";
    check(&format!("00-{trace}-00f067aa0ba902b7-01"), Some(trace));
    check("", None);
    check("00-xyz-00f067aa0ba902b7-01", None);
}

#[test]
fn what_is_no_json_object_is_answered_and_is_no_dead_letter() {
    let check = |body: Option<&[u8]>| {
        let seen = desk().feed("requests", 7, None, body, &[]);
        let id = seen.header("ce_id").expect("an id");
        let expected = format!(
            r#"{{"timestamp":7,"status":422,"errorCode":1,"error-message":"UNPROCESSABLE_ENTITY","traceID":"{id}","error-details":"The request is not a JSON object with distinct members","path":"/v1/otp"}}"#
        );
        assert_eq!(seen.reply, expected);
        assert_eq!(seen.lines(), [""; 0]);
    };
    check(None);
    check(Some(b""));
    check(Some(b"{\"operationType\":\"VALIDATE\""));
    check(Some(b"[]"));
    check(Some(b"\xff"));
    check(Some(&[b'['; 40]));
    check(Some(" ".repeat(70_000).as_bytes()));
    check(Some(br#"{"mobile":"8777496061","mobile":"8777496061"}"#));
}

/// The error code of each end of a verification, and the reason of its result.
#[test]
fn every_verification_has_one_result() {
    let check = |desk: &mut Desk, offset_ms: i64, request: &str, expected: [&str; 2]| {
        let seen = ask(desk, offset_ms, request);
        let results: Vec<_> = seen.lines().into_iter().filter(|line| line.starts_with("result ")).collect();
        assert_eq!((&*status(&seen), results), (expected[0], vec![expected[1].to_owned()]), "{request}");
    };
    let wrong = VALIDATE.replace("{code}", "{wrong}");
    let mut desk = with_policy(r#"{"wrong_tries_max":2,"lock_after":3,"lock_ms":60000}"#, true);
    check(
        &mut desk,
        0,
        &altered(VALIDATE, &["generatedOtp=null"]),
        ["422/1", "result invalid_request null null"],
    );
    check(&mut desk, 0, &altered(VALIDATE, &["mobile=\"1\""]), ["422/1", "result invalid_request null null"]);
    let unknown = VALIDATE.replace("{code}", "123456");
    check(&mut desk, 0, &unknown, ["422/5", "result no_challenge null null"]);
    ask(&mut desk, -5, GENERATE);
    check(&mut desk, -5, VALIDATE, ["422/3", "result not_yet_valid otp 2"]);
    check(&mut desk, 0, &wrong, ["422/4", "result wrong_code otp 1"]);
    let other = altered(&VALIDATE.replace("{code}", &desk.code), &["duration=7"]);
    check(&mut desk, 0, &other, ["422/5", "result mismatch otp 1"]);
    check(&mut desk, 0, &wrong, ["422/4", "result wrong_code otp 0"]);
    check(&mut desk, 0, VALIDATE, ["422/5", "result ended otp null"]);
    ask(&mut desk, 0, GENERATE);
    check(&mut desk, 0, &wrong, ["422/6", "result wrong_code otp 0"]);
    check(&mut desk, 59_999, VALIDATE, ["422/6", "result locked otp null"]);
    assert_eq!(status(&ask(&mut desk, 59_999, GENERATE)), "422/6");
    check(&mut desk, 60_000, VALIDATE, ["422/5", "result ended otp null"]);
    ask(&mut desk, 60_000, GENERATE);
    check(&mut desk, 60_000, VALIDATE, ["200", "result verified otp null"]);
    check(&mut desk, 60_000, VALIDATE, ["422/5", "result already_used otp null"]);
    ask(&mut desk, 60_000, GENERATE);
    check(&mut desk, 180_001, VALIDATE, ["422/2", "result expired otp null"]);
}

#[test]
fn limits_and_pause_count_what_is_delivered() {
    let mut desk = with_policy(r#"{"sends_per_challenge_max":2}"#, false);
    let seen = ask(&mut desk, 0, GENERATE);
    assert_eq!(status(&seen), "200");
    let seen = ask(&mut desk, 29_999, GENERATE);
    assert_eq!(
        (&*status(&seen), seen.lines()),
        ("422/7", vec!["suppressed otp \"send_too_soon\"".to_owned()])
    );
    assert_eq!(status(&ask(&mut desk, 30_000, GENERATE)), "200");
    let seen = ask(&mut desk, 60_000, GENERATE);
    assert_eq!((&*status(&seen), seen.lines()), ("422/7", vec!["suppressed otp \"send_limit\"".to_owned()]));
    let mut revealed = with_policy(r#"{"sends_per_challenge_max":1}"#, true);
    for _ in 0..30 {
        assert_eq!(status(&ask(&mut revealed, 0, GENERATE)), "200");
    }
}

#[test]
fn a_stale_or_forbidden_request_says_so() {
    let check = |operations: Option<&[&str]>,
                 header: (&str, &str),
                 request: &str,
                 expected: &str,
                 events: &[&str]| {
        let plan = Plan::of(ContractName::Int, true);
        let operations = operations.map(|names| names.iter().map(|name| (*name).to_owned()).collect());
        let mut desk = Desk::new(Plan { caller: CallerSettings { operations, ..plan.caller }, ..plan });
        let at = u64::try_from(START).expect("after 1970");
        let seen = desk.ask_with(at, &request.replace("{code}", "123456"), &[header]);
        assert_eq!(
            (&*status(&seen), seen.lines()),
            (expected, events.iter().map(|it| (*it).to_owned()).collect())
        );
    };
    let past = ("ce_expirytime", "2022-12-12T19:04:29.999Z");
    check(None, past, GENERATE, "422/8", &["suppressed otp \"stale_request\""]);
    check(None, past, VALIDATE, "422/8", &["result stale_request null null"]);
    check(None, ("ce_expirytime", "2022-12-12T19:04:30Z"), GENERATE, "200", &["issued otp []"]);
    let none = ("other", "");
    check(Some(&["VALIDATE"]), none, GENERATE, "422/9", &[]);
    check(Some(&["GENERATE"]), none, VALIDATE, "422/9", &["result invalid_request null null"]);
    let foreign = ("kafka_replyTopic", "elsewhere");
    check(None, foreign, GENERATE, "422/1", &[]);
    check(None, foreign, VALIDATE, "422/1", &["result invalid_request null null"]);
}

#[test]
fn every_refusal_has_its_number_and_its_sentence() {
    let check = |desk: &mut Desk, offset_ms: i64, request: &str, number: u8, sentence: &str| {
        let reply: Value = serde_json::from_str(&ask(desk, offset_ms, request).reply).expect("a reply");
        let told = ["error-details", "errorDetails"].map(|name| reply[name].as_str());
        assert_eq!(
            (reply["errorCode"].as_u64(), told.into_iter().flatten().collect()),
            (Some(number.into()), vec![sentence])
        );
    };
    let wrong = VALIDATE.replace("{code}", "{wrong}");
    let desk = &mut with_policy(r#"{"lock_after":2}"#, true);
    check(desk, -60_001, GENERATE, 3, "startTime is too far in the future");
    check(
        desk,
        -60_000,
        &VALIDATE.replace("{code}", "123456"),
        5,
        "No valid OTP was generated with these values",
    );
    ask(desk, -60_000, GENERATE);
    check(desk, -1, VALIDATE, 3, "The OTP is not yet valid");
    check(desk, 0, &wrong, 4, "The OTP is wrong");
    check(desk, 180_001, VALIDATE, 2, "The validity of the OTP is over");
    check(desk, 180_001, GENERATE, 2, "The validity of the OTP is over");
    let desk = &mut with_policy(r#"{"lock_after":1}"#, true);
    ask(desk, 0, GENERATE);
    check(desk, 0, &wrong, 6, "Too many wrong attempts, try again later");
    check(desk, 0, GENERATE, 6, "Too many wrong attempts, try again later");
    let desk = &mut with_policy(r#"{"sends_per_challenge_max":1}"#, false);
    ask(desk, 0, GENERATE);
    check(desk, 0, GENERATE, 7, "An OTP was sent a moment ago, try again later");
    check(desk, 30_000, GENERATE, 7, "Too many OTPs were sent, try again later");
}

/// The built-in text has no id.
#[test]
fn a_missing_text_is_a_fault_of_this_service() {
    let sections = serde_json::json!({"egov": {"template_id_required": true}});
    let mut desk = Desk::new(Plan { sections, ..Plan::of(ContractName::Int, false) });
    let seen = ask(&mut desk, 5, GENERATE);
    let id = seen.header("ce_id").expect("an id");
    let expected = format!(
        r#"{{"timestamp":1670871870005,"status":500,"error-message":"Internal Server Error","traceID":"{id}","error-details":"No message text is configured","path":"/v1/otp"}}"#
    );
    assert_eq!(seen.reply, expected);
    assert_eq!(seen.lines(), ["suppressed otp \"template_missing\""]);
}

#[test]
fn a_repeated_request_gets_the_first_reply_and_nothing_else_happens() {
    let mut desk = desk();
    let at = u64::try_from(START).expect("after 1970");
    let id = [("ce_id", "r-1")];
    let first = desk.ask_with(at, GENERATE, &id);
    let again = desk.ask_with(at + 1, &altered(GENERATE, &["digit=8"]), &id);
    assert_eq!((&again.reply, again.lines()), (&first.reply, Vec::new()));
    let id = [("ce_id", "r-2")];
    let first = desk.ask_with(at + 2, VALIDATE, &id);
    let again = desk.ask_with(at + 3, VALIDATE, &id);
    assert_eq!((&again.reply, again.lines()), (&first.reply, Vec::new()));
}

#[test]
fn results_and_lifecycle_carry_no_code_and_no_number() {
    let mut desk = with_policy(r#"{"deliver":true}"#, true);
    let mut seen = ask(&mut desk, 0, GENERATE).events;
    seen.extend(ask(&mut desk, 0, &VALIDATE.replace("{code}", "{wrong}")).events);
    seen.extend(ask(&mut desk, 0, VALIDATE).events);
    let analytic: Vec<_> =
        seen.iter().filter(|(topic, _)| topic == "results" || topic == "lifecycle").collect();
    assert_eq!(analytic.len(), 4);
    for (topic, body) in analytic {
        let text = body.to_string();
        assert!(!text.contains(&desk.code) && !text.contains("8777496061"), "{topic}: {text}");
        assert_eq!(body["tenantId"], "default");
    }
}
