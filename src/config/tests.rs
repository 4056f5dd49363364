//! The behaviour of the configuration, error texts included.

use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering};

use otp_topology::otp::{Bounds, ContractName, Policy};
use toml::{Table, Value};

use super::*;

/// Layers in the order of their precedence, each as text.
#[derive(Default)]
struct Given<'a> {
    files: &'a [&'a str],
    environment: &'a [(&'a str, &'a str)],
    sets: &'a [&'a str],
}

/// Files get the names `1.toml`, `2.toml` in the error texts.
fn load_given(given: &Given<'_>) -> Result<Loaded, String> {
    let directory = Directory::new();
    let file = |(at, text): (usize, &&str)| directory.file(&format!("{}.toml", at + 1), text);
    let sources = Sources {
        files: given.files.iter().enumerate().map(file).collect(),
        environment: given
            .environment
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
            .collect(),
        sets: given.sets.iter().map(|set| (*set).to_owned()).collect(),
    };
    load(&sources).map_err(|err| err.to_string().replace(&format!("{}/", directory.0.display()), ""))
}

/// A directory that is removed with the test.
struct Directory(PathBuf);

impl Directory {
    fn new() -> Self {
        static COUNT: AtomicUsize = AtomicUsize::new(0);
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        let path = std::env::temp_dir().join(format!("otp-stream-config-{}-{count}", std::process::id()));
        std::fs::create_dir_all(&path).expect("a directory for the test");
        Self(path)
    }

    fn file(&self, name: &str, text: &str) -> PathBuf {
        let path = self.0.join(name);
        std::fs::write(&path, text).expect("a file for the test");
        path
    }
}

impl Drop for Directory {
    fn drop(&mut self) {
        std::fs::remove_dir_all(&self.0).unwrap_or_default();
    }
}

#[test]
fn the_defaults_are_a_good_configuration() {
    let config = load(&Sources::default()).expect("defaults").config;
    assert_eq!(config.callers.len(), 1);
    assert_eq!(config.kafka.topics.sms, "egov.core.notification.sms.otp");
    assert_eq!(config.processing.commit_interval_max_ms, 100);
}

/// serde tells the fields of a section when it meets one that it does not know. Rules and bounds have tests below.
#[test]
fn every_key_of_every_section_is_documented_in_the_defaults() {
    let documented: Table = known::uncommented().parse().expect("the commented keys are TOML");
    let mut sections = vec![String::new()];
    sections.extend(documented.iter().flat_map(|(name, value)| sections_in(name, value)));
    sections.retain(|section| section != known::OPEN_TABLE && !section.starts_with("policy."));
    assert!(sections.len() > 15, "{sections:?}");
    for section in sections {
        let mut tree = documented.clone();
        let table = table_at(&mut tree, &section);
        let mut names: Vec<String> = table.keys().cloned().collect();
        table.insert("zzz".to_owned(), Value::Boolean(true));
        let err = serde_path_to_error::deserialize::<_, Config>(tree).expect_err("zzz is no key");
        let message = err.inner().message().to_owned();
        let mut fields: Vec<&str> = message.split('`').skip(3).step_by(2).collect();
        fields.sort_unstable();
        names.sort_unstable();
        assert_eq!(fields, names, "section [{section}]: {message}");
    }
}

fn sections_in(prefix: &str, value: &Value) -> Vec<String> {
    match value {
        Value::Table(table) => {
            let inner = table.iter().flat_map(|(name, value)| sections_in(&known::join(prefix, name), value));
            std::iter::once(prefix.to_owned()).chain(inner).collect()
        }
        Value::Array(items) if items.first().is_some_and(Value::is_table) => vec![format!("{prefix}.0")],
        _ => Vec::new(),
    }
}

fn table_at<'a>(tree: &'a mut Table, section: &str) -> &'a mut Table {
    let mut table = tree;
    for name in section.split('.').filter(|it| !it.is_empty() && *it != "0") {
        table = match table.get_mut(name).expect("a section") {
            Value::Array(items) => items[0].as_table_mut().expect("a list of tables"),
            other => other.as_table_mut().expect("a section"),
        };
    }
    table
}

#[test]
fn later_layers_override_earlier_ones_key_by_key() {
    let check = |given: Given<'_>, key: &str, expected: &str, source: &str| {
        let loaded = load_given(&given).expect("a good configuration");
        let value = mask::one_line(loaded.layers.value(key).expect("a value"));
        let said = loaded.layers.source(key).to_string();
        assert_eq!(value, expected, "{key}");
        assert!(said.ends_with(source), "{key} from {said}, expected {source}");
    };
    let one =
        "[processing]\nthreads = 2\ncommit_interval_min_ms = 3\n[kafka.properties]\n\"client.rack\" = \"a\"";
    let two =
        "[processing]\nthreads = 4\n[kafka.properties]\nssl.ca.location = \"/ca\"\nsocket.timeout.ms = 5000";
    let files = &[one, two][..];
    let plain = || Given { files, ..Given::default() };
    check(plain(), "processing.threads", "4", "2.toml");
    check(plain(), "processing.commit_interval_min_ms", "3", "1.toml");
    check(plain(), "processing.commit_interval_max_ms", "100", "default");
    check(plain(), "kafka.properties.client.rack", "\"a\"", "1.toml");
    check(plain(), "kafka.properties.ssl.ca.location", "\"/ca\"", "2.toml");
    check(plain(), "kafka.properties.socket.timeout.ms", "\"5000\"", "2.toml");
    let threads = ("OTP_STREAM__PROCESSING__THREADS", "8");
    let environment = || Given { files, environment: std::slice::from_ref(&threads), ..Given::default() };
    check(environment(), "processing.threads", "8", "environment variable OTP_STREAM__PROCESSING__THREADS");
    check(Given { sets: &["processing.threads=16"], ..environment() }, "processing.threads", "16", "--set");
    let variables = |environment| Given { environment, ..Given::default() };
    check(
        variables(&[("OTP_STREAM__KAFKA__BOOTSTRAP_SERVERS", "b:1,c:2")]),
        "kafka.bootstrap_servers",
        "\"b:1,c:2\"",
        "OTP_STREAM__KAFKA__BOOTSTRAP_SERVERS",
    );
    check(
        variables(&[("OTP_STREAM__KAFKA__PROPERTIES__SASL_MECHANISM", "PLAIN")]),
        "kafka.properties.sasl.mechanism",
        "\"PLAIN\"",
        "OTP_STREAM__KAFKA__PROPERTIES__SASL_MECHANISM",
    );
    check(variables(&[("OTP_STREAM__EGOV__USER_CHECK", "true")]), "egov.user_check", "true", "USER_CHECK");
    let sets = |sets| Given { sets, ..Given::default() };
    check(sets(&["application.id=7"]), "application.id", "\"7\"", "--set");
    check(sets(&["application.instance="]), "application.instance", "\"\"", "--set");
    check(sets(&["application.id=\"quoted\""]), "application.id", "\"quoted\"", "--set");
    check(
        sets(&["kafka.properties.security.protocol=SSL"]),
        "kafka.properties.security.protocol",
        "\"SSL\"",
        "--set",
    );
    check(sets(&["policy.egov.digits=8"]), "policy.egov.digits", "8", "--set");
    check(
        Given {
            files: &[
                "[egov.central_instance]\nschemas = [\"pb\", \"ka\"]",
                "[egov.central_instance]\nschemas = [\"up\"]",
            ],
            ..Given::default()
        },
        "egov.central_instance.schemas",
        "[\"up\"]",
        "2.toml",
    );
}

#[test]
fn a_list_of_callers_in_a_file_replaces_the_default_one() {
    let file = "[[callers]]\nname = \"a\"\ncontract = \"egov\"\nrequest_topic = \"q\"\nreply_topic = \"r\"";
    let loaded = load_given(&Given { files: &[file], ..Given::default() }).expect("good");
    let callers = &loaded.config.callers;
    assert_eq!(callers.len(), 1);
    assert_eq!((callers[0].operations.as_ref(), callers[0].reveal_code), (None, false));
}

/// What a mistake is answered with: source, key, value, reason, remedy.
#[test]
fn a_mistake_is_named_with_its_source_key_value_and_remedy() {
    let file = |text, expected: &[&str]| check_error(&Given { files: &[text], ..Given::default() }, expected);
    let set = |set, expected: &[&str]| check_error(&Given { sets: &[set], ..Given::default() }, expected);
    file(
        "[kafka]\nbootstrap_server = \"x:1\"",
        &["1.toml: kafka.bootstrap_server = \"x:1\": unknown key; did you mean kafka.bootstrap_servers?"],
    );
    file(
        "bootstrap_servers = \"x:1\"",
        &["1.toml: bootstrap_servers", "did you mean kafka.bootstrap_servers?"],
    );
    file("[nonsense]\nx = 1", &["1.toml: nonsense: unknown key; `otp-stream config print` lists all keys"]);
    file("[processing]\nthreads = 0", &["1.toml: processing.threads = 0: too small; use at least 1"]);
    file(
        "[processing]\nthreads = \"two\"",
        &["1.toml: processing.threads = \"two\": a string, where a whole number belongs; for example 1"],
    );
    file("[processing]\nthreads = 1\nthreads = 2", &["1.toml: line 3: no TOML"]);
    file("kafka = 5", &["1.toml: kafka = 5: a section, not a value"]);
    file(
        "[application]\nmembership = \"fixed\"",
        &["1.toml: application.membership = \"fixed\": unknown variant fixed, expected static or dynamic"],
    );
    file("[application]\nid = \"a b\"", &["1.toml: application.id = \"a b\"", "letters, digits"]);
    file(
        "[kafka.topics]\nsms = \"otp-lifecycle\"",
        &["names the topic otp-lifecycle, too", "give each its own topic"],
    );
    file(
        "[kafka.topics]\nsms = \"otp.a\"\nemail = \"otp_a\"",
        &["kafka.topics.email", "otp.a", "brokers refuse"],
    );
    file("[kafka.create]\ncode_retention_ms = 86400001", &["use at most 86400000"]);
    file("[schema_registry]\nurl = \"http://u:p4ss@registry\"", &["http://***@registry", "JSON only"]);
    file("[egov]\nmobile_rules = [{ country_code = \"+91\" }]", &["egov.mobile_rules[0]", "it has no regex"]);
    file("[egov]\nmobile_rules = [{ regex = \"^1$\" }]", &["egov.mobile_rules[0]", "it has no country code"]);
    file(
        "[egov]\nmobile_rules = [{ country_code = \"+91\", regex = \"[0-9\" }]",
        &["its regex does not compile"],
    );
    file("[egov]\nmobile_rules = [{ country_code = \"+91\", regexp = \"x\" }]", &["did you mean regex?"]);
    file(
        "[egov.central_instance]\nenabled = true",
        &["egov.central_instance.schemas = []", "list the schemas"],
    );
    set("processing.thread=2", &["--set: processing.thread", "did you mean processing.threads?"]);
    set("processing.threads=two", &["--set: processing.threads = \"two\"", "a whole number belongs"]);
    set("processing.threads", &["--set: processing.threads: no value; write --set KEY=VALUE"]);
    set("http.listen=9464", &["--set: http.listen = \"9464\": no address; write host:port"]);
    set("log.level=otp=loud", &["--set: log.level"]);
    check_error(
        &Given { environment: &[("OTP_STREAM__HTTP__PORT", "1")], ..Given::default() },
        &["environment variable OTP_STREAM__HTTP__PORT: http.port = \"1\": unknown key"],
    );
}

#[test]
fn a_caller_is_what_the_build_can_serve() {
    let check = |line: &str, expected: &[&str]| {
        let fields = ["name = \"a\"", "contract = \"egov\"", "request_topic = \"q\"", "reply_topic = \"r\""];
        let name = line.split(' ').next().unwrap_or_default();
        let kept = fields.into_iter().filter(|field| !field.starts_with(name));
        let text: Vec<_> = std::iter::once("[[callers]]").chain(kept).chain([line]).collect();
        check_error(&Given { files: &[&text.join("\n")], ..Given::default() }, expected);
    };
    check("contract = \"int\"", &["callers[0].contract = \"int\": this build does not serve this contract"]);
    check("contract = \"mosip\"", &["callers[0].contract = \"mosip\"", "served: egov"]);
    check("contract = \"eGov\"", &["no such contract", "egov, int, mosip"]);
    check("operations = [\"sned\"]", &["callers[0].operations[0] = \"sned\"", "did you mean send?"]);
    check("operations = []", &["can do nothing"]);
    check("operations = \"send\"", &["a string, where a list belongs"]);
    check(
        "reply_topic = \"q\"",
        &["callers[0].reply_topic = \"q\": callers[0].request_topic names the topic q, too"],
    );
    check("request_topic = \"otp-policy\"", &["names the topic otp-policy, too"]);
    check(
        "request_topic = \"otp-stream-changelog\"",
        &["application.id names the topic otp-stream-changelog, too"],
    );
    check("request_topic = \"a/b\"", &["a topic's name has only letters"]);
    check("name = \"\"", &["no name of a caller"]);
    check("revealcode = true", &["did you mean reveal_code?"]);
    check_error(
        &Given { sets: &["callers=[]"], ..Given::default() },
        &["callers = []: nobody may ask anything"],
    );
}

fn check_error(given: &Given<'_>, expected: &[&str]) {
    if expected.iter().all(|part| part.is_empty()) {
        load_given(given).expect("a good configuration");
        return;
    }
    let text = load_given(given).expect_err("a mistake");
    for part in expected {
        assert!(text.contains(part), "expected {part:?} in: {text}");
    }
}

#[test]
fn a_print_can_be_loaded_again_and_says_where_values_came_from() {
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
    let again = load_given(&Given { files: &[&text], ..Given::default() }).expect("good");
    assert!(text.contains("sends_per_day_max = 20  # default\n"), "{text}");
    let said = |loaded: &Loaded| {
        let policies = loaded.config.settings().policies.into_iter();
        let effective: Vec<_> =
            policies.map(|(contract, patch)| Policy::default_of(contract).with(&patch)).collect();
        let mut tree = loaded.layers.tree().clone();
        tree.remove("policy");
        (effective, tree)
    };
    assert_eq!(said(&again), said(&loaded));
}

#[test]
fn secrets_print_nowhere() {
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
    let loaded = load_given(&Given { files: &[&file], ..Given::default() }).expect("good");
    let texts = [loaded.print(), format!("{:?}", loaded.config)];
    for text in &texts {
        assert!(!text.contains("hunter2"), "{text}");
    }
    assert_eq!(texts[0].matches(mask::MASK).count(), names.len());
    for wrong in
        ["[kafka]\nsasl_password = \"hunter2\"", "[kafka]\nsasl.password = \"hunter2\"", "x = \"hunter2"]
    {
        let text = load_given(&Given { files: &[wrong], ..Given::default() }).expect_err("wrong");
        assert!(!text.contains("hunter2"), "{text}");
    }
}

#[test]
fn the_examples_are_good_configurations() {
    for text in [include_str!("../../config/development.toml"), include_str!("../../config/production.toml")]
    {
        load_given(&Given { files: &[text], ..Given::default() }).expect("a good example");
    }
}

#[test]
fn the_defaults_that_are_shown_are_those_of_the_contracts() {
    let shown: Table = known::uncommented().parse().expect("the commented keys are TOML");
    let shown: Config = serde_path_to_error::deserialize(shown).expect("good values");
    for (contract, patch) in shown.policy.by_contract(&shown.egov) {
        let built_in = Policy::default_of(contract);
        assert_eq!(built_in.with(&patch), built_in, "{contract:?}");
    }
    let defaults = load(&Sources::default()).expect("defaults").config.policy.bounds;
    assert_eq!(defaults, Bounds::default());
    let documented = load(&Sources::default()).expect("defaults").layers;
    for (name, _) in defaults.entries() {
        assert!(documented.value(&format!("policy.bounds.{name}")).is_some(), "{name} is not documented");
    }
}

#[test]
fn rules_stay_within_bounds_that_only_the_configuration_moves() {
    let check = |sets: &[&str], expected: Option<&str>| {
        let told = load_given(&Given { sets, ..Given::default() });
        match (told.map(|_| ()), expected) {
            (Ok(()), None) => {}
            (Err(told), Some(expected)) => {
                assert!(told.contains(expected), "expected {expected:?} in: {told}")
            }
            (told, expected) => panic!("{sets:?}: {told:?}, expected {expected:?}"),
        }
    };
    check(&["policy.egov.digits=8"], None);
    check(
        &["policy.egov.digits=5"],
        Some(
            "--set: policy.egov.digits = 5: out of its bounds (rule digits is 5, out of its bounds 6 to 10); use 6 to 10",
        ),
    );
    check(&["policy.egov.digits=5", "policy.bounds.digits_min=5"], None);
    check(
        &["policy.egov.lifetime_ms=900000"],
        Some("use 10000 to 600000, or move policy.bounds.lifetime_ms_"),
    );
    check(&["policy.egov.lifetime_ms=900000", "policy.bounds.lifetime_ms_max=900000"], None);
    check(
        &["policy.bounds.digits_min=3"],
        Some("--set: policy.bounds.digits_min = 3: bound digits_min is 3, outside of 4"),
    );
    check(
        &["policy.bounds.digits_min=9", "policy.bounds.digits_max=8"],
        Some("bound digits_min is above digits_max"),
    );
    check(&["policy.bounds.digits_min=8"], Some("policy.egov.digits: out of its bounds"));
    check(&["policy.egov.resend=never"], Some("--set: policy.egov.resend = \"never\""));
    check(&["policy.egov.deliver=true"], Some("unknown key"));
    check(&["policy.int.deliver=true"], None);
    check(&["policy.egov.lifetime=1"], Some("did you mean policy.egov.lifetime_ms?"));
    check(&["policy.egov.mobile_rules=[{ country_code = \"+1\" }]"], Some("--set: policy.egov.mobile_rules"));
    check(&["policy.egov.wrong_tries_max=-1"], Some("policy.egov.wrong_tries_max = -1"));
}

#[test]
fn the_topology_is_told_what_the_configuration_says() {
    let sets = [
        "egov.flavour=mgramseva",
        "egov.mobile_rules=[{ country_code = \"+254\", regex = \"^7[0-9]{8}$\", default = true }]",
        "egov.central_instance.enabled=true",
        "egov.central_instance.schemas=[\"pb\"]",
        "dead_letter.payload=copy",
    ];
    let caller = "[[callers]]\nname = \"a\"\ncontract = \"egov\"\nrequest_topic = \"q\"\nreply_topic = \"r\"";
    let loaded = load_given(&Given { files: &[caller], sets: &sets, ..Given::default() });
    let settings = loaded.expect("good").config.settings();
    assert_eq!(settings.callers[0].operations, ["send", "create", "validate", "search"]);
    assert_eq!(settings.egov.flavour.as_str(), "mgramseva");
    assert_eq!(settings.egov.notification_topics("sms"), ["pb-sms"]);
    assert!(settings.dead_letter_copy);
    let egov = ContractName::Egov;
    let policy = Policy::default_of(egov).with(&settings.policies[&egov]);
    assert_eq!(policy.mobile_rules[0].country_code, "+254");
}
