//! Any configuration: the samples of `corpus/` and the defaults, cut, doubled, renamed and nested, in every layer.
//!
//! Cases of each property: `OTP_FUZZ_CASES` (500 by default). Finds no wrong rule: only panics, refusals that do not say
//! where, what and what to do, secrets in texts, and a print that says something else than was loaded.

use std::fmt::Write as _;

use otp_topology::otp::{KeyPurpose, LogTime};
use proptest::prelude::*;
use proptest::sample::{Index, select};

use super::super::keys;
use super::super::known::DEFAULTS;
use super::super::{ConfigError, Loaded, Sources, load, mask};
use super::Directory;

/// Stands for a secret.
const CANARY: &str = "CANARY";

const SAMPLES: [&str; 6] = [
    DEFAULTS,
    include_str!("../../../config/development.toml"),
    include_str!("../../../config/production.toml"),
    include_str!("corpus/callers.toml"),
    include_str!("corpus/policies.toml"),
    include_str!("corpus/properties.toml"),
];

/// What stands in the place of a value.
const VALUES: [&str; 22] = [
    "0",
    "-1",
    "9223372036854775807",
    "-9223372036854775808",
    "9223372036854775808",
    "1e400",
    "nan",
    "true",
    "\"\"",
    "\"\\u0000\"",
    "\"a\\nb\"",
    "\"\\U0010FFFF\"",
    "2026-11-23T00:00:00Z",
    "[]",
    "[1, \"a\", [2]]",
    "{}",
    "{ a = { b = { c = 1 } } }",
    "[{ name = \"a\" }, { name = 1 }]",
    "\"(a{1000}){1000}\"",
    "'''",
    "[[[[[[[[",
    "",
];

/// Lines that a file may have more or instead.
const LINES: [&str; 12] = [
    "[kafka]",
    "[[callers]]",
    "[[kafka]]",
    "[\"\"]",
    "[kafka.properties.ssl]",
    "\"\" = 1",
    "\"kafka.properties\" = \"x\"",
    "\"kafka.topics.sms\" = \"x\"",
    "kafka.properties.\"a b\" = \"x\"",
    "[policy.bounds]",
    "[callers]",
    "= = =",
];

#[derive(Clone, Debug)]
enum Edit {
    Flip(Index, u8),
    Cut(Index),
    DropLine(Index),
    RepeatLine(Index, usize),
    MoveLine(Index, Index),
    Line(Index, &'static str),
    Value(Index, &'static str),
    Rename(Index, char),
    Nest(Index, usize),
    Dots(Index, usize),
}

fn edit() -> impl Strategy<Value = Edit> {
    prop_oneof![
        2 => (any::<Index>(), 0_u8..8).prop_map(|(at, bit)| Edit::Flip(at, bit)),
        1 => any::<Index>().prop_map(Edit::Cut),
        2 => any::<Index>().prop_map(Edit::DropLine),
        2 => (any::<Index>(), 2_usize..50).prop_map(|(at, times)| Edit::RepeatLine(at, times)),
        2 => (any::<Index>(), any::<Index>()).prop_map(|(from, to)| Edit::MoveLine(from, to)),
        2 => (any::<Index>(), select(LINES.as_slice())).prop_map(|(at, line)| Edit::Line(at, line)),
        6 => (any::<Index>(), select(VALUES.as_slice())).prop_map(|(at, value)| Edit::Value(at, value)),
        2 => (any::<Index>(), any::<char>()).prop_map(|(at, letter)| Edit::Rename(at, letter)),
        1 => (any::<Index>(), 1_usize..20_000).prop_map(|(at, depth)| Edit::Nest(at, depth)),
        1 => (any::<Index>(), 1_usize..20_000).prop_map(|(at, depth)| Edit::Dots(at, depth)),
    ]
}

fn apply(edit: &Edit, bytes: &mut Vec<u8>) {
    match edit {
        Edit::Flip(at, bit) => {
            let at = at.index(bytes.len() + 1);
            if let Some(byte) = bytes.get_mut(at) {
                *byte ^= 1 << bit;
            }
            return;
        }
        Edit::Cut(at) => return bytes.truncate(at.index(bytes.len() + 1)),
        Edit::DropLine(_)
        | Edit::RepeatLine(..)
        | Edit::MoveLine(..)
        | Edit::Line(..)
        | Edit::Value(..)
        | Edit::Rename(..)
        | Edit::Nest(..)
        | Edit::Dots(..) => {}
    }
    let text = String::from_utf8_lossy(bytes).into_owned();
    let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
    if lines.is_empty() {
        return;
    }
    let count = lines.len();
    match edit {
        Edit::Flip(..) | Edit::Cut(_) => {}
        Edit::DropLine(at) => drop(lines.remove(at.index(count))),
        Edit::RepeatLine(at, times) => {
            let at = at.index(count);
            lines.splice(at..at, vec![lines[at].clone(); *times]);
        }
        Edit::MoveLine(from, to) => {
            let line = lines.remove(from.index(count));
            lines.insert(to.index(count), line);
        }
        Edit::Line(at, line) => lines.insert(at.index(count), (*line).to_owned()),
        Edit::Value(at, value) => change(&mut lines, at, |key, _| format!("{key}= {value}")),
        Edit::Rename(at, letter) => change(&mut lines, at, |key, value| {
            let middle = key.char_indices().map(|(at, _)| at).nth(key.chars().count() / 2).unwrap_or(0);
            format!("{}{letter}{}={value}", &key[..middle], &key[middle..])
        }),
        Edit::Nest(at, depth) => change(&mut lines, at, |key, value| {
            format!("{key}= {}{value}{}", "[".repeat(*depth), "]".repeat(*depth))
        }),
        Edit::Dots(at, depth) => {
            change(&mut lines, at, |key, value| format!("{}{key}={value}", "a.".repeat(*depth)));
        }
    }
    *bytes = lines.join("\n").into_bytes();
}

/// Changes a line that sets a key.
fn change(lines: &mut [String], at: &Index, with: impl Fn(&str, &str) -> String) {
    let settings: Vec<usize> = (0..lines.len()).filter(|line| lines[*line].contains('=')).collect();
    if settings.is_empty() {
        return;
    }
    let line = &mut lines[settings[at.index(settings.len())]];
    let (key, value) = line.split_once('=').expect("it was chosen for that");
    *line = with(key, value);
}

/// A sample after up to five edits; now and then bytes of no origin.
fn mutated(samples: Vec<String>) -> impl Strategy<Value = Vec<u8>> {
    let edited = (select(samples), prop::collection::vec(edit(), 0..5));
    prop_oneof![
        9 => edited.prop_map(|(text, edits)| {
            let mut bytes = text.into_bytes();
            edits.iter().for_each(|edit| apply(edit, &mut bytes));
            bytes
        }),
        1 => prop::collection::vec(any::<u8>(), 0..300),
    ]
}

fn toml() -> impl Strategy<Value = Vec<u8>> {
    mutated(SAMPLES.iter().map(|it| (*it).to_owned()).collect())
}

/// Some value, or any text.
fn value() -> impl Strategy<Value = String> {
    prop_oneof![select(VALUES.as_slice()).prop_map(str::to_owned), "\\PC{0,20}"]
}

/// A key of ours, a near one, or none.
fn key() -> impl Strategy<Value = String> {
    let mut keys: Vec<String> = Vec::new();
    let mut section = String::new();
    for line in super::super::known::uncommented().lines().filter(|line| !line.starts_with('#')) {
        if let Some(name) = line.strip_prefix('[') {
            section = name.trim_matches(['[', ']']).to_owned();
        } else if let Some((name, _)) = line.split_once('=') {
            keys.push(format!("{section}.{}", name.trim()));
        }
    }
    assert!(keys.len() > 80, "{keys:?}");
    prop_oneof![
        4 => select(keys.clone()),
        1 => (select(keys), ".").prop_map(|(key, more)| key + &more),
        1 => "kafka\\.properties\\.[a-z.]{0,12}",
        1 => "[a-z._\\[\\]0-9=]{0,20}",
    ]
}

fn cases() -> ProptestConfig {
    let asked = std::env::var("OTP_FUZZ_CASES").ok().and_then(|it| it.parse().ok());
    ProptestConfig { cases: asked.unwrap_or(500), failure_persistence: None, ..ProptestConfig::default() }
}

/// Loads, prints what was loaded, and judges the refusal of what was not.
fn check(directory: &Directory, sources: &Sources) -> Result<(), TestCaseError> {
    let loaded = match load(sources) {
        Err(error) => return check_refusal(directory, &error),
        Ok(loaded) => loaded,
    };
    let _ = loaded.config.settings();
    let printed = loaded.print();
    let again = Sources { files: vec![directory.file("printed.toml", &printed)], ..Sources::default() };
    let again = load(&again).map_err(|error| TestCaseError::fail(format!("{error}\n{printed}")))?;
    prop_assert_eq!(without_policies(&again), without_policies(&loaded));
    Ok(())
}

/// The print shows rules that nobody set with the contracts' own values.
fn without_policies(loaded: &Loaded) -> String {
    let mut tree = loaded.layers.tree().clone();
    tree.remove("policy");
    mask::shown("", &toml::Value::Table(tree))
}

fn check_refusal(directory: &Directory, error: &ConfigError) -> Result<(), TestCaseError> {
    prop_assert!(!error.problems().is_empty());
    for problem in error.problems() {
        let place = problem.source.to_string();
        let known = ["environment variable OTP_STREAM__", "--set", "default"];
        let is_file = place.starts_with(&directory.0.display().to_string());
        prop_assert!(is_file || known.iter().any(|it| place.starts_with(it)), "{}", problem);
        prop_assert!(!problem.what.is_empty() && !problem.remedy.is_empty(), "{}", problem);
        let is_unread = problem.what.starts_with("line ") || problem.what.starts_with("not text");
        prop_assert!(is_unread || !problem.key.is_empty(), "{}", problem);
    }
    Ok(())
}

/// A line that holds a secret, in some form that TOML takes or does not.
fn secret_line() -> impl Strategy<Value = String> {
    let names = [
        "sasl.password",
        "\"ssl.key.password\"",
        "ssl.keystore.password",
        "ssl.key.pem",
        "sasl_pasword",
        "passwort",
        "sasl.oauthbearer.client.secret",
        "sasl.oauthbearer.config",
        "secrets",
        "api_token",
        "credentials",
        "sasl.jaas.config",
        "Password",
        "kafka.properties.sasl.password",
        "\"sasl.password=CANARY\"",
    ];
    let forms = [
        "\"CANARY\"",
        "'CANARY'",
        "[\"CANARY\"]",
        "[{ x = \"CANARY\" }]",
        "{ x = \"CANARY\" }",
        "\"CANARY",
        "CANARY",
        "\"\"\"CANARY",
        "[1, [\"CANARY\"]]",
        "\"CANARY\" \"CANARY\"",
        "\"\\u0000CANARY\"",
        "\"CANARY\\q\"",
    ];
    (select(names.to_vec()), select(forms.to_vec())).prop_map(|(name, form)| format!("{name} = {form}"))
}

fn silent(text: &str) -> Result<(), TestCaseError> {
    prop_assert!(!text.contains(CANARY), "{}", text);
    Ok(())
}

proptest! {
    #![proptest_config(cases())]

    #[test]
    fn files(first in toml(), second in toml()) {
        let directory = Directory::new();
        let files = [("1.toml", first), ("2.toml", second)];
        let write = |(name, bytes): (&str, Vec<u8>)| {
            let path = directory.0.join(name);
            std::fs::write(&path, bytes).expect("a file for the test");
            path
        };
        let sources = Sources { files: files.map(write).to_vec(), ..Sources::default() };
        check(&directory, &sources)?;
    }

    #[test]
    fn variables_and_sets(
        variables in prop::collection::vec((key(), value()), 0..4),
        sets in prop::collection::vec((key(), value(), prop::bool::weighted(0.9)), 0..4),
    ) {
        let variable = |(key, value): (String, String)| {
            (format!("OTP_STREAM__{}", key.to_uppercase().replace('.', "__")), value)
        };
        let set = |(key, value, has_value)| if has_value { format!("{key}={value}") } else { key };
        let sources = Sources {
            environment: variables.into_iter().map(variable).collect(),
            sets: sets.into_iter().map(set).collect(),
            ..Sources::default()
        };
        check(&Directory::new(), &sources)?;
    }

    #[test]
    fn secrets_print_nowhere(
        sample in 0..SAMPLES.len(),
        at: Index,
        line in secret_line(),
        layer in 0_u8..3,
    ) {
        let directory = Directory::new();
        let (key, value) = line.split_once(" = ").expect("a line sets a key");
        let mut sources = Sources::default();
        match layer {
            0 => {
                let mut lines: Vec<&str> = SAMPLES[sample].lines().collect();
                lines.insert(at.index(lines.len() + 1), &line);
                sources.files.push(directory.file("1.toml", &lines.join("\n")));
            }
            1 => sources.sets.push(format!("kafka.properties.{key}={value}")),
            _ => sources.environment.push((format!("OTP_STREAM__KAFKA__{}", key.replace("=CANARY", "").replace('"', "")), value.to_owned())),
        }
        match load(&sources) {
            Err(error) => silent(&error.to_string())?,
            Ok(loaded) => {
                silent(&format!("{:?}", loaded.config))?;
                silent(&loaded.print())?;
            }
        }
    }

    #[test]
    fn key_files(edits in prop::collection::vec(edit(), 0..4), any in prop::option::weighted(0.1, "\\PC{0,200}")) {
        let good = keys::generate(LogTime::from_ms(1_800_000_000_000)).expect("random bytes");
        let secrets: Vec<String> = good.lines().filter_map(|it| it.strip_prefix("secret = \"")).map(|it| it[..8].to_owned()).collect();
        prop_assert_eq!(secrets.len(), KeyPurpose::ALL.len());
        let mut bytes = any.unwrap_or_else(|| good.to_string()).into_bytes();
        edits.iter().for_each(|edit| apply(edit, &mut bytes));
        let mut shown = String::new();
        // As a key file, and where a hurried hand may put one: as a configuration, as the name of a file, as a section.
        if let Err(error) = keys::keyring(&String::from_utf8_lossy(&bytes), "key file k") {
            let text = error.to_string();
            prop_assert!(text.starts_with("key file k: ") && text.contains("; "), "{}", text);
            shown += &text;
        }
        let directory = Directory::new();
        let path = directory.0.join("keys.toml");
        std::fs::write(&path, &bytes).expect("a file for the test");
        let text = String::from_utf8_lossy(&bytes).into_owned();
        let places = [
            Sources { files: vec![path], ..Sources::default() },
            Sources { environment: vec![("OTP_STREAM__KEYS".to_owned(), text.clone())], ..Sources::default() },
            Sources { environment: vec![("OTP_STREAM__KEYS__FILE".to_owned(), text)], ..Sources::default() },
        ];
        for error in places.iter().filter_map(|place| load(place).err()) {
            let _ = write!(shown, "{error}");
        }
        for secret in secrets {
            prop_assert!(!shown.contains(&secret), "{}", shown);
        }
    }
}
