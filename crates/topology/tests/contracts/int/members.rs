//! The members of a request: what is malformed, and what is not.

use otp_topology::contract::UtcOffset;
use otp_topology::deployment::CallerSettings;

use super::*;

/// Asks `GENERATE` with these members, and `VALIDATE` with them after a good `GENERATE`.
fn check(members: &[&str], expected: &str) {
    let found = status(&ask(&mut desk(), 0, &altered(GENERATE, members)));
    assert_eq!(found, expected, "GENERATE {members:?}");
    let mut desk = desk();
    ask(&mut desk, 0, GENERATE);
    let found = status(&ask(&mut desk, 0, &altered(VALIDATE, members)));
    assert_eq!(found, expected, "VALIDATE {members:?}");
}

#[test]
fn every_channel_is_accepted_and_need_not_be_repeated() {
    for channel in ["Digital", "Partner", "App", "Brand"] {
        check(&[&format!("channel=\"{channel}\"")], "200");
    }
    for wrong in ["\"digital\"", "\"DIGITAL\"", "\"Digital \"", "\"Web\"", "\"\"", "null", "1", ""] {
        check(&[&format!("channel={wrong}")], "422/1");
    }
}

#[test]
fn the_operation_is_one_of_two_in_upper_case() {
    for wrong in ["\"generate\"", "\"validate\"", "\"Generate\"", "\"RESEND\"", "\"\"", "null", "1", ""] {
        check(&[&format!("operationType={wrong}")], "422/1");
    }
    check(&["operationType=", "operation_type=\"GENERATE\""], "422/1");
    check(&["operationType=", "operationtype=\"GENERATE\""], "422/1");
}

#[test]
fn a_start_time_has_one_shape_and_exists() {
    for wrong in [
        "\"2022-12-12T19:04:30\"",
        "\"2022-12-12 19:04\"",
        "\"2022-2-12 19:04:30\"",
        "\"2022-02-30 19:04:30\"",
        "\"2022-12-12 24:00:00\"",
        "\"2022-12-12 19:04:60\"",
        "\" 2022-12-12 19:04:30\"",
        "\"2022-12-12 19:04:30 \"",
        "\"2022-12-12 19:04:30Z\"",
        "\"٢٠٢٢-١٢-١٢ ١٩:٠٤:٣٠\"",
        "1670871870000",
        "null",
        "",
    ] {
        check(&[&format!("startTime={wrong}")], "422/1");
    }
}

#[test]
fn a_duration_is_a_whole_number_within_its_bounds() {
    for wrong in ["\"180\"", "180.0", "1.8e2", "0", "-1", "601", "18446744073709551616", "null", "true", ""] {
        check(&[&format!("duration={wrong}")], "422/1");
    }
    for good in ["1", "600"] {
        let found = status(&ask(&mut desk(), 0, &altered(GENERATE, &[&format!("duration={good}")])));
        assert_eq!(found, "200", "duration {good}");
    }
}

#[test]
fn digits_are_four_to_nine() {
    for wrong in ["0", "3", "10", "-6", "\"6\"", "6.0", "null", ""] {
        check(&[&format!("digit={wrong}")], "422/1");
    }
    for good in 4..=9_usize {
        let mut desk = desk();
        let digit = format!("digit={good}");
        assert_eq!(status(&ask(&mut desk, 0, &altered(GENERATE, &[&digit]))), "200");
        assert_eq!(desk.code.len(), good);
        let request = altered(&desk_code(&desk, VALIDATE), &[&digit]);
        assert_eq!(status(&ask(&mut desk, 0, &request)), "200");
    }
}

/// A request with the code that the desk saw last.
fn desk_code(desk: &Desk, request: &str) -> String {
    request.replace("{code}", &desk.code)
}

#[test]
fn a_mobile_has_ten_digits_and_does_not_begin_with_zero() {
    for wrong in [
        "\"0777496061\"",
        "\"+918777496061\"",
        "\"918777496061\"",
        "\"877749606\"",
        "\"87774960611\"",
        "\"877 749 606\"",
        "\" 8777496061\"",
        "\"٨٧٧٧٤٩٦٠٦١\"",
        "777496061",
        "87774960611",
        "8777496061.0",
        "-8777496061",
        "null",
        "",
    ] {
        check(&[&format!("mobile={wrong}")], "422/1");
    }
    check(&["mobile=8777496061"], "200");
}

#[test]
fn a_code_has_as_many_digits_as_it_should_and_keeps_leading_zeros() {
    let check = |code: &str, expected: &str| {
        let mut desk = desk();
        ask(&mut desk, 0, GENERATE);
        let request = altered(VALIDATE, &[&format!("generatedOtp={code}")]);
        assert_eq!(status(&ask(&mut desk, 0, &request)), expected, "{code}");
    };
    for wrong in [
        "\"12345\"",
        "\"1234567\"",
        "\"12345a\"",
        "\" 12345\"",
        "\"١٢٣٤٥٦\"",
        "12345",
        "1234567",
        "-12345",
        "123456.0",
        "null",
        "true",
        "\"\"",
        "",
    ] {
        check(wrong, "422/1");
    }
    check("123456", "422/4");
    check("\"012345\"", "422/4");
    let mut padded = desk();
    for offset in 0.. {
        let mobile = format!("mobile=\"8777{offset:06}\"");
        ask(&mut padded, 0, &altered(GENERATE, &[&mobile]));
        if padded.code.starts_with('0') {
            let request = desk_code(&padded, VALIDATE);
            assert_eq!(status(&ask(&mut padded, 0, &altered(&request, &[&mobile]))), "200");
            break;
        }
    }
    let mut number = desk();
    ask(&mut number, 0, GENERATE);
    assert!(!number.code.starts_with('0'), "the test needs another mobile");
    let request = altered(VALIDATE, &[&format!("generatedOtp={}", number.code)]);
    assert_eq!(status(&ask(&mut number, 0, &request)), "200");
}

#[test]
fn a_generate_carries_no_code() {
    let check = |member: &str, expected: &str| {
        let found = status(&ask(&mut desk(), 0, &altered(GENERATE, &[member])));
        assert_eq!(found, expected, "{member}");
    };
    check("generatedOtp=\"145236\"", "422/1");
    check("generatedOtp=\"\"", "422/1");
    check("generatedOtp=1", "422/1");
    check("generatedOtp=null", "200");
}

#[test]
fn unknown_members_are_ignored_and_duplicate_ones_refused() {
    check(&["note=\"x\"", "Duration=1"], "200");
    let twice = GENERATE.replace(r#""digit":6"#, r#""digit":6,"digit":6"#);
    assert_eq!(status(&ask(&mut desk(), 0, &twice)), "422/1");
}

#[test]
fn a_caller_may_write_its_times_in_a_zone_of_its_own() {
    let check = |own: Option<&str>, contract: &str, time: &str, expected: &str| {
        let plan = Plan::of(ContractName::Int, true);
        let utc_offset = own.map(|own| UtcOffset::parse(own).expect("a good zone"));
        let mut desk = Desk::new(Plan {
            caller: CallerSettings { utc_offset, ..plan.caller },
            sections: serde_json::json!({ "int": { "utc_offset": contract } }),
            ..plan
        });
        let request = altered(GENERATE, &[&format!("startTime=\"{time}\"")]);
        assert_eq!(status(&ask(&mut desk, 0, &request)), expected, "{own:?} {contract} {time}");
    };
    check(None, "+05:30", "2022-12-13 00:34:30", "200");
    check(None, "+05:30", "2022-12-12 19:04:30", "422/2");
    check(Some("+05:30"), "+00:00", "2022-12-13 00:34:30", "200");
    check(Some("+00:00"), "+05:30", "2022-12-12 19:04:30", "200");
    check(None, "+00:00", "2022-12-13 00:34:30", "422/3");
}
