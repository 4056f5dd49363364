//! What the error text for a mistake contains: layer, key, value, reason, remedy.

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
        ("[signals]\nwindow_s = 59", &["1.toml: signals.window_s = 59: too small; use at least 60"]),
        ("[signals]\nwindow_s = 3601", &["1.toml: signals.window_s = 3601: too large; use at most 3600"]),
        ("[signals]\nenable = true", &["did you mean signals.enabled?"]),
        ("[processing]\nthreads = 0", &["1.toml: processing.threads = 0: too small; use at least 1"]),
        (
            "[processing]\nthreads = \"two\"",
            &[
                "1.toml: processing.threads = \"two\": a string, but the key takes a whole number; for example 1",
            ],
        ),
        ("[processing]\nthreads = 1\nthreads = 2", &["1.toml: line 3: not TOML"]),
        ("kafka = 5", &["1.toml: kafka = 5: this is a section, not a value"]),
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
fn topics_rules_and_schemas_are_checked() {
    let rows: &[Row<'_>] = &[
        (
            "[kafka.topics]\nsms = \"otp-lifecycle\"",
            &["also names the topic otp-lifecycle", "give each its own topic"],
        ),
        (
            "[kafka.topics]\nsms = \"otp.a\"\nemail = \"otp_a\"",
            &["kafka.topics.email", "otp.a", "brokers refuse"],
        ),
        ("[kafka.create]\ncode_retention_ms = 86400001", &["use at most 86400000"]),
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
fn the_registry_and_the_formats_are_checked() {
    let urls = |urls: &str| format!("[schema_registry]\nurls = {urls}");
    let registry = |keys: &str| urls("[\"http://r:1\"]") + "\n" + keys;
    let caller = |field: &str| format!("{CALLER}\n{field}");
    let rows: &[(String, &[&str])] = &[
        (
            urls("\"http://r:1\""),
            &["schema_registry.urls = \"http://r:1\": a string, but the key takes a list"],
        ),
        (
            urls("[\"http://u:p4ss@r\"]"),
            &[
                "urls[0] = \"http://***@r\": an address has no user and password; write schema_registry.username",
            ],
        ),
        (urls("[\"registry:8081\"]"), &["not an address with http:// or https://; write the base address"]),
        (urls("[\"http://r:1\", \"a b\"]"), &["schema_registry.urls[1] = \"a b\": not an address"]),
        (urls("[\"http://r/?x=1\"]"), &["no query and no fragment"]),
        (urls("[\"http://r/#x\"]"), &["no query and no fragment"]),
        (urls("[\"http://r\", \"http://r/\"]"), &["urls[1]", "already in the list; name each address once"]),
        (urls(&format!("{:?}", ["http://r"; 9])), &["too many addresses; name at most 8"]),
        (registry("url = \"http://r\""), &["did you mean schema_registry.urls?"]),
        (registry("password = \"p4ss\""), &["password = \"***\": there is no user to whom it belongs"]),
        (registry("username = \"a:b\""), &["no name with a colon"]),
        (registry("token = \"Bearer p4ss\""), &["token = \"***\"", "without \"Bearer\""]),
        (registry("token = \"p4ss\"\nusername = \"a\""), &["either a token or a user with a password"]),
        (registry("connect_timeout_ms = 99"), &["connect_timeout_ms = 99: too small; use at least 100"]),
        (registry("request_timeout_ms = 60001"), &["request_timeout_ms = 60001: too large"]),
        (
            "[formats]\nsms = \"avro\"".to_owned(),
            &[
                "formats.sms = \"avro\": Avro needs a schema registry",
                "schema_registry.urls, or write \"json\"",
            ],
        ),
        (
            caller("request_format = \"avro\""),
            &["callers[0].request_format = \"avro\": Avro needs a schema registry"],
        ),
        (
            caller("reply_format = \"avro\""),
            &["callers[0].reply_format = \"avro\": Avro needs a schema registry"],
        ),
        (caller("reply_format = \"Avro\""), &["unknown variant Avro, expected json or avro"]),
        (
            "[formats]\notp_policy = \"avro\"".to_owned(),
            &["formats.otp_policy = \"avro\": operators write it, as JSON", "never Avro; leave it out"],
        ),
        ("[formats]\ndead_letter = \"avro\"".to_owned(), &["the bytes of a record that could not be read"]),
        ("[formats]\nresults = \"avro\"".to_owned(), &["formats.results = \"avro\": unknown key"]),
        ("[formats]\nsms = \"xml\"".to_owned(), &["formats.sms = \"xml\": unknown variant xml"]),
    ];
    for (text, expected) in rows {
        check_error(&of_file(&[text]), expected);
        let said = super::load_given(&of_file(&[text])).expect_err("a mistake");
        assert!(!said.contains("p4ss"), "{said}");
    }
}

#[test]
fn a_mistake_in_a_set_or_a_variable_names_it() {
    let rows: &[Row<'_>] = &[
        ("processing.thread=2", &["--set: processing.thread", "did you mean processing.threads?"]),
        ("processing.threads=two", &["--set: processing.threads = \"two\"", "the key takes a whole number"]),
        ("processing.threads", &["--set: processing.threads: no value; write --set KEY=VALUE"]),
        ("http.listen=9464", &["--set: http.listen = \"9464\": not a listening address; write host:port"]),
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

/// Each line replaces the line that sets the same field.
#[test]
fn a_caller_must_be_one_that_this_build_serves() {
    let rows: &[Row<'_>] = &[
        ("contract = \"mosip\"", &["callers[0].operations", "mosip.otp.generate", "set reveal_code = true"]),
        (
            "reveal_code = true\nutc_offset = \"+05:30\"",
            &["callers[0].utc_offset", "only callers of the contract int"],
        ),
        ("contract = \"eGov\"", &["no such contract", "egov, int, mosip"]),
        ("operations = [\"sned\"]", &["callers[0].operations[0] = \"sned\"", "did you mean send?"]),
        ("operations = []", &["no operations are listed"]),
        ("operations = \"send\"", &["a string, but the key takes a list"]),
        (
            "reply_topic = \"q\"",
            &["callers[0].reply_topic = \"q\": callers[0].request_topic also names the topic q"],
        ),
        ("request_topic = \"otp-policy\"", &["also names the topic otp-policy"]),
        (
            "request_topic = \"otp-stream-changelog\"",
            &["application.id also names the topic otp-stream-changelog"],
        ),
        ("request_topic = \"a/b\"", &["a topic's name has only letters"]),
        ("name = \"\"", &["not a valid caller name"]),
        ("revealcode = true", &["did you mean reveal_code?"]),
    ];
    for (line, expected) in rows {
        let name = line.split(' ').next().unwrap_or_default();
        let kept = CALLER.lines().filter(|field| !field.starts_with(name));
        let text: Vec<_> = kept.chain([*line]).collect();
        check_error(&of_file(&[&text.join("\n")]), expected);
    }
    check_error(
        &of_sets(&["callers=[]"]),
        &["callers = []: no callers are configured: the service would read no request topic"],
    );
}
