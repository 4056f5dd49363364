//! Which layer's value is effective, and which origin is shown for it.

use super::super::mask;
use super::super::{Sources, load};
use super::{CALLER, Given, load_given, of_environment, of_file, of_sets};

fn check(given: &Given<'_>, key: &str, expected: &str, source: &str) {
    let loaded = load_given(given).expect("a good configuration");
    let value = mask::one_line(loaded.layers.value(key).expect("a value"));
    let said = loaded.layers.source(key).to_string();
    assert_eq!(value, expected, "{key}");
    assert!(said.ends_with(source), "{key} from {said}, expected {source}");
}

const ONE: &str = r#"
[processing]
threads = 2
commit_interval_min_ms = 3
[kafka.properties]
"client.rack" = "a"
[egov.central_instance]
schemas = ["pb", "ka"]
"#;

const TWO: &str = r#"
[processing]
threads = 4
[kafka.properties]
ssl.ca.location = "/ca"
socket.timeout.ms = 5000
[egov.central_instance]
schemas = ["up"]
"#;

#[test]
fn later_layers_override_earlier_ones_key_by_key() {
    let files = || of_file(&[ONE, TWO]);
    for (key, value, source) in [
        ("processing.threads", "4", "2.toml"),
        ("processing.commit_interval_min_ms", "3", "1.toml"),
        ("processing.commit_interval_max_ms", "100", "default"),
        ("kafka.properties.client.rack", "\"a\"", "1.toml"),
        ("kafka.properties.ssl.ca.location", "\"/ca\"", "2.toml"),
        ("kafka.properties.socket.timeout.ms", "\"5000\"", "2.toml"),
        ("egov.central_instance.schemas", "[\"up\"]", "2.toml"),
    ] {
        check(&files(), key, value, source);
    }
    let environment = || Given { environment: &[("OTP_STREAM__PROCESSING__THREADS", "8")], ..files() };
    check(&environment(), "processing.threads", "8", "environment variable OTP_STREAM__PROCESSING__THREADS");
    let set = Given { sets: &["processing.threads=16"], ..environment() };
    check(&set, "processing.threads", "16", "--set");
}

#[test]
fn a_variable_sets_the_key_of_its_name() {
    for (name, text, key, value) in [
        ("KAFKA__BOOTSTRAP_SERVERS", "b:1,c:2", "kafka.bootstrap_servers", "\"b:1,c:2\""),
        ("KAFKA__PROPERTIES__SASL_MECHANISM", "PLAIN", "kafka.properties.sasl.mechanism", "\"PLAIN\""),
        ("KAFKA__PROPERTIES__SASL__MECHANISM", "PLAIN", "kafka.properties.sasl.mechanism", "\"PLAIN\""),
        ("KAFKA__PROPERTIES__LOG___LEVEL", "7", "kafka.properties.log_level", "\"7\""),
        ("KAFKA__PROPERTIES__SASL_PASSWORD", "\"q\"", "kafka.properties.sasl.password", r#""\"q\"""#),
        ("EGOV__USER_CHECK", "true", "egov.user_check", "true"),
        ("EGOV__CENTRAL_INSTANCE__SCHEMAS", "[\"pb\"]", "egov.central_instance.schemas", "[\"pb\"]"),
    ] {
        let name = format!("OTP_STREAM__{name}");
        check(&of_environment(&[(&name, text)]), key, value, &name);
    }
    load_given(&of_environment(&[("OTP_STREAM_KEYS", "x"), ("OTP_STREAMS", "x")])).expect("not ours");
}

#[test]
fn a_set_is_text_where_text_belongs_and_toml_elsewhere() {
    for (set, key, value) in [
        ("application.id=7", "application.id", "\"7\""),
        ("application.instance=", "application.instance", "\"\""),
        ("kafka.properties.sasl.password=\"q\"", "kafka.properties.sasl.password", r#""\"q\"""#),
        ("kafka.properties.sasl.password='q'", "kafka.properties.sasl.password", "\"'q'\""),
        ("kafka.properties.sasl.password= a b ", "kafka.properties.sasl.password", "\" a b \""),
        ("store.directory=\"q\"", "store.directory", r#""\"q\"""#),
        ("kafka.properties.security.protocol=SSL", "kafka.properties.security.protocol", "\"SSL\""),
        ("policy.egov.digits=8", "policy.egov.digits", "8"),
        ("log.level=info,otp_stream=debug", "log.level", "\"info,otp_stream=debug\""),
    ] {
        check(&of_sets(&[set]), key, value, "--set");
    }
    check(&of_sets(&["processing.threads=2", "processing.threads=3"]), "processing.threads", "3", "--set");
}

#[test]
fn a_list_of_callers_in_a_file_replaces_the_default_one() {
    let loaded = load_given(&of_file(&[CALLER])).expect("good");
    let [caller] = loaded.config.callers.as_slice() else {
        panic!("one caller: {:?}", loaded.config.callers);
    };
    assert_eq!((caller.name.as_str(), &caller.operations, caller.reveal_code), ("a", &None, false));
}

#[test]
fn line_feeds_at_the_end_of_a_text_are_removed_and_reported_with_key_and_source() {
    const NAME: &str = "OTP_STREAM__KAFKA__PROPERTIES__SASL_PASSWORD";
    const KEY: &str = "kafka.properties.sasl.password";
    let in_file = "kafka.properties.\"sasl.password\" = \"\"\"a\n\"\"\"";
    for (given, key, value, reported) in [
        (of_environment(&[(NAME, "a\n")]), KEY, "\"a\"", true),
        (of_environment(&[(NAME, "a\r\n\n")]), KEY, "\"a\"", true),
        (of_environment(&[(NAME, "a\r")]), KEY, "\"a\\u000D\"", false),
        (of_environment(&[(NAME, "a\nb ")]), KEY, "\"a\\u000Ab \"", false),
        (of_sets(&["kafka.properties.sasl.password=a\n"]), KEY, "\"a\"", true),
        (of_sets(&["kafka.topics.sms=a\n"]), "kafka.topics.sms", "\"a\"", true),
        (of_sets(&["policy.egov.digits=8\n"]), "policy.egov.digits", "8", false),
        (of_sets(&["kafka.properties.ssl.ca.pem=a\n"]), "kafka.properties.ssl.ca.pem", "\"a\\u000A\"", false),
        (of_file(&[in_file]), KEY, "\"a\"", true),
    ] {
        let loaded = load_given(&given).expect("a good configuration");
        let text = mask::one_line(loaded.layers.value(key).expect("a value"));
        let keys: Vec<_> = loaded.layers.shortened().iter().map(|(key, _)| key.as_str()).collect();
        assert_eq!(text, value, "{key}");
        assert_eq!(keys, if reported { vec![key] } else { Vec::new() }, "{key} = {value}");
    }
}

#[test]
fn a_variable_that_is_not_utf_8_is_refused_with_its_key() {
    let illegible = vec!["OTP_STREAM__KAFKA__PROPERTIES__SASL_PASSWORD".to_owned()];
    let error = load(&Sources { illegible, ..Sources::default() }).expect_err("not UTF-8").to_string();
    assert!(error.contains("kafka.properties.sasl.password: the value is not UTF-8"), "{error}");
}
