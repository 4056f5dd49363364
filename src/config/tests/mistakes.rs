//! What a mistake is answered with: source, key, value, reason, remedy.

use super::{CALLER, check_error, of_environment, of_file, of_sets};

/// Text of the layer, and what the error says.
type Row<'a> = (&'a str, &'a [&'a str]);

#[test]
fn a_mistake_in_a_file_is_named_with_key_value_and_remedy() {
    let rows: &[Row<'_>] = &[
        (
            "[kafka]\nbootstrap_server = \"x:1\"",
            &["1.toml: kafka.bootstrap_server = \"x:1\": unknown key; did you mean kafka.bootstrap_servers?"],
        ),
        (
            "bootstrap_servers = \"x:1\"",
            &["1.toml: bootstrap_servers", "did you mean kafka.bootstrap_servers?"],
        ),
        ("[nonsense]\nx = 1", &["1.toml: nonsense: unknown key; `otp-stream config print` lists all keys"]),
        ("[processing]\nthreads = 0", &["1.toml: processing.threads = 0: too small; use at least 1"]),
        (
            "[processing]\nthreads = \"two\"",
            &["1.toml: processing.threads = \"two\": a string, where a whole number belongs; for example 1"],
        ),
        ("[processing]\nthreads = 1\nthreads = 2", &["1.toml: line 3: no TOML"]),
        ("kafka = 5", &["1.toml: kafka = 5: a section, not a value"]),
        (
            "[application]\nmembership = \"fixed\"",
            &[
                "1.toml: application.membership = \"fixed\": unknown variant fixed, expected static or dynamic",
            ],
        ),
        ("[application]\nid = \"a b\"", &["1.toml: application.id = \"a b\"", "letters, digits"]),
    ];
    for (text, expected) in rows {
        check_error(&of_file(&[text]), expected);
    }
}

#[test]
fn topics_rules_and_schemas_are_judged() {
    let rows: &[Row<'_>] = &[
        (
            "[kafka.topics]\nsms = \"otp-lifecycle\"",
            &["names the topic otp-lifecycle, too", "give each its own topic"],
        ),
        (
            "[kafka.topics]\nsms = \"otp.a\"\nemail = \"otp_a\"",
            &["kafka.topics.email", "otp.a", "brokers refuse"],
        ),
        ("[kafka.create]\ncode_retention_ms = 86400001", &["use at most 86400000"]),
        ("[schema_registry]\nurl = \"http://u:p4ss@registry\"", &["http://***@registry", "JSON only"]),
        ("[egov]\nmobile_rules = [{ country_code = \"+91\" }]", &["egov.mobile_rules[0]", "it has no regex"]),
        ("[egov]\nmobile_rules = [{ regex = \"^1$\" }]", &["egov.mobile_rules[0]", "it has no country code"]),
        (
            "[egov]\nmobile_rules = [{ country_code = \"+91\", regex = \"[0-9\" }]",
            &["its regex does not compile"],
        ),
        ("[egov]\nmobile_rules = [{ country_code = \"+91\", regexp = \"x\" }]", &["did you mean regex?"]),
        (
            "[egov.central_instance]\nenabled = true",
            &["egov.central_instance.schemas = []", "list the schemas"],
        ),
    ];
    for (text, expected) in rows {
        check_error(&of_file(&[text]), expected);
    }
}

#[test]
fn a_mistake_in_a_set_or_a_variable_names_it() {
    let rows: &[Row<'_>] = &[
        ("processing.thread=2", &["--set: processing.thread", "did you mean processing.threads?"]),
        ("processing.threads=two", &["--set: processing.threads = \"two\"", "a whole number belongs"]),
        ("processing.threads", &["--set: processing.threads: no value; write --set KEY=VALUE"]),
        ("http.listen=9464", &["--set: http.listen = \"9464\": no address; write host:port"]),
        ("log.level=otp=loud", &["--set: log.level"]),
    ];
    for (set, expected) in rows {
        check_error(&of_sets(&[set]), expected);
    }
    check_error(
        &of_environment(&[("OTP_STREAM__HTTP__PORT", "1")]),
        &["environment variable OTP_STREAM__HTTP__PORT: http.port = \"1\": unknown key"],
    );
}

/// Each line stands in the place of the one that sets the same field.
#[test]
fn a_caller_is_what_the_build_can_serve() {
    let rows: &[Row<'_>] = &[
        ("contract = \"int\"", &["callers[0].contract = \"int\": this build does not serve this contract"]),
        ("contract = \"mosip\"", &["callers[0].contract = \"mosip\"", "served: egov"]),
        ("contract = \"eGov\"", &["no such contract", "egov, int, mosip"]),
        ("operations = [\"sned\"]", &["callers[0].operations[0] = \"sned\"", "did you mean send?"]),
        ("operations = []", &["can do nothing"]),
        ("operations = \"send\"", &["a string, where a list belongs"]),
        (
            "reply_topic = \"q\"",
            &["callers[0].reply_topic = \"q\": callers[0].request_topic names the topic q, too"],
        ),
        ("request_topic = \"otp-policy\"", &["names the topic otp-policy, too"]),
        (
            "request_topic = \"otp-stream-changelog\"",
            &["application.id names the topic otp-stream-changelog, too"],
        ),
        ("request_topic = \"a/b\"", &["a topic's name has only letters"]),
        ("name = \"\"", &["no name of a caller"]),
        ("revealcode = true", &["did you mean reveal_code?"]),
    ];
    for (line, expected) in rows {
        let name = line.split(' ').next().unwrap_or_default();
        let kept = CALLER.lines().filter(|field| !field.starts_with(name));
        let text: Vec<_> = kept.chain([*line]).collect();
        check_error(&of_file(&[&text.join("\n")]), expected);
    }
    check_error(&of_sets(&["callers=[]"]), &["callers = []: nobody may ask anything"]);
}
