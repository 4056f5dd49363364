//! What `config print` shows of a configuration, and what it never shows.

use super::super::mask;
use super::{Given, Loaded, Sources, load, load_given, of_file};

#[test]
fn a_printed_configuration_can_be_loaded_and_names_the_layer_of_each_value() {
    let given = Given {
        files: &["[kafka.topics]\nsms = \"texts\"\n[kafka.properties]\nclient.rack = \"r\"\"quoted\""],
        ..Given::default()
    };
    assert!(load_given(&given).is_err(), "two strings are no value");
    let given = Given {
        files: &["[kafka.topics]\nsms = \"texts\"\n[kafka.properties]\nclient.rack = 'a \"b\" \\ c'"],
        sets: &["policy.egov.digits=8"],
        ..Given::default()
    };
    let loaded = load_given(&given).expect("good");
    let text = loaded.print();
    assert!(text.contains("sms = \"texts\"  # "), "{text}");
    assert!(text.contains("1.toml\n"), "{text}");
    assert!(text.contains("digits = 8  # --set\n"), "{text}");
    assert!(text.contains("threads = 1  # default\n"), "{text}");
    let again = load_given(&of_file(&[&text])).expect("good");
    assert!(text.contains("sends_per_day_max = 20  # default\n"), "{text}");
    let said = |loaded: &Loaded| {
        let settings = loaded.config.settings();
        let base = |name| settings.contracts.get(name).expect("a contract").default_policy();
        let policies = settings.policies.iter();
        let effective: Vec<_> = policies.map(|(name, patch)| base(*name).with(patch)).collect();
        let mut tree = loaded.layers.tree().clone();
        tree.remove("policy");
        (effective, tree)
    };
    assert_eq!(said(&again), said(&loaded));
}

#[test]
fn secrets_are_never_shown() {
    let names = [
        "sasl.password",
        "ssl.key.password",
        "ssl.keystore.password",
        "ssl.key.pem",
        "sasl.oauthbearer.client.secret",
        "sasl.oauthbearer.config",
    ];
    let lines: Vec<_> = names.iter().map(|name| format!("\"{name}\" = \"hunter2\"")).collect();
    let file = format!("[kafka.properties]\n{}", lines.join("\n"));
    let loaded = load_given(&of_file(&[&file])).expect("good");
    let texts = [loaded.print(), format!("{:?}", loaded.config)];
    for text in &texts {
        assert!(!text.contains("hunter2"), "{text}");
    }
    assert_eq!(texts[0].matches("\"***\"").count(), names.len());
    for wrong in
        ["[kafka]\nsasl_password = \"hunter2\"", "[kafka]\nsasl.password = \"hunter2\"", "x = \"hunter2"]
    {
        let text = load_given(&of_file(&[wrong])).expect_err("wrong");
        assert!(!text.contains("hunter2"), "{text}");
    }
}

#[test]
fn a_mistyped_name_of_a_secret_still_counts_as_one() {
    for (key, expected) in [
        ("kafka.properties.sasl.password", true),
        ("kafka.sasl_pasword", true),
        ("secert", true),
        ("kafka.properties.sasl.oauthbearer.client.secret", true),
        ("callers[0].ApiToken", true),
        ("kafka.properties.api_token", true),
        ("kafka.properties.api_token.x", true),
        ("kafka.properties.api.tokens.x", true),
        ("kafka.properties.tokens.issuer", true),
        ("tokens.secret", true),
        ("tokensx", true),
        ("kafka.properties.sasl.oauthbearer.token.endpoint.url", false),
        ("kafka.properties.security.protocol", false),
        ("kafka.properties.ssl.key.location", false),
        ("kafka.properties.message.max.bytes", false),
        ("kafka.properties.sasl.username", false),
        ("tokens", false),
        ("tokens.issuer", false),
        ("kafka.properties.sasl.oauthbearer.token.endpoint.url.password", true),
        ("keys.file", false),
    ] {
        assert_eq!(mask::is_secret(key), expected, "{key}");
    }
    let shown = load(&Sources::default()).expect("defaults").print();
    assert!(!shown.contains("***"), "{shown}");
}

#[test]
fn a_secret_within_a_value_is_masked() {
    for (key, value, expected) in [
        ("x", "[{ user = 'a', password = 'b' }]", "[{ user = \"a\", password = \"***\" }]"),
        ("x", "{ ssl = { key = { pem = 'b' } } }", "{ ssl = { key = { pem = \"***\" } } }"),
        ("x", "{ api_token = { x = 'b' } }", "{ api_token = \"***\" }"),
        ("x", "[{ tokens = ['b', { x = 'c' }] }]", "[{ tokens = \"***\" }]"),
        ("x", "['https://u:p/w@host/a']", "[\"https://***@host/a\"]"),
        ("x", "'mail@host'", "\"mail@host\""),
        ("x", "\"one\\nsecret = 'ab\"", "\"***\""),
        ("x", "'0123456789abcdefABCDEF0123456789abcdefABCDEF01234567890123456789'", "\"***\""),
        ("x", "'-----BEGIN RSA PRIVATE KEY-----'", "\"***\""),
    ] {
        let table: toml::Table = format!("value = {value}").parse().expect("TOML");
        assert_eq!(mask::shown(key, &table["value"]), expected);
    }
}
