//! The commented defaults and the examples.

use otp_topology::contract::Contracts;
use otp_topology::deployment::TopicNames;
use otp_topology::otp::Bounds;
use toml::{Table, Value};

use super::super::{Config, known};
use super::{Sources, load, load_given, of_file};

#[test]
fn the_defaults_are_a_valid_configuration() {
    let config = load(&Sources::default()).expect("defaults").config;
    let callers: Vec<_> = config.callers.iter().map(|caller| caller.name.as_str()).collect();
    assert_eq!(callers, ["egov", "int", "mosip"]);
    assert_eq!(config.kafka.topics, TopicNames::default());
    assert_eq!(config.processing.commit_interval_max_ms, 100);
}

/// The error of serde for an unknown field lists the fields of the section. Rules and bounds have tests below.
#[test]
fn every_key_of_every_section_is_documented_in_the_defaults() {
    let documented: Table = known::uncommented().parse().expect("the commented keys are TOML");
    let mut sections = vec![String::new()];
    sections.extend(documented.iter().flat_map(|(name, value)| sections_in(name, value)));
    sections.retain(|section| section != known::OPEN_TABLE && !section.starts_with("policy"));
    assert!(sections.len() > 15, "{sections:?}");
    let contracts = Contracts::with_defaults();
    for section in sections {
        let mut tree = documented.clone();
        let table = table_at(&mut tree, &section);
        let mut names: Vec<String> = table.keys().cloned().collect();
        table.insert("zzz".to_owned(), Value::Boolean(true));
        let found = Config::read(tree).expect_err("zzz is no key");
        let message = found[0].what.clone();
        let mut fields: Vec<&str> = message.split('`').skip(3).step_by(2).collect();
        if section.is_empty() {
            // The contracts read their own sections, and that of the tokens.
            fields.push("tokens");
            fields.extend(contracts.iter().map(|contract| contract.name().as_str()));
        }
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
        Value::String(_)
        | Value::Integer(_)
        | Value::Float(_)
        | Value::Boolean(_)
        | Value::Datetime(_)
        | Value::Array(_) => Vec::new(),
    }
}

fn table_at<'a>(tree: &'a mut Table, section: &str) -> &'a mut Table {
    let mut table = tree;
    for name in section.split('.').filter(|it| !it.is_empty() && *it != "0") {
        let value = table.get_mut(name).expect("a section");
        let value = if value.is_array() { &mut value[0] } else { value };
        table = value.as_table_mut().expect("a section, or a list of tables");
    }
    table
}

#[test]
fn the_documented_defaults_are_those_of_the_contracts() {
    let mut shown: Table = known::uncommented().parse().expect("the commented keys are TOML");
    for (_, section) in shown["policy"].as_table_mut().expect("a section") {
        let rules = section.as_table_mut().expect("a section");
        let are_elsewhere =
            |name: &str| known::RULES_WITHOUT_DEFAULT.contains(&name) && name != "mobile_rules";
        rules.retain(|name, _| !are_elsewhere(name));
    }
    let shown = Config::read(shown).expect("good values");
    assert_eq!(format!("{:?}", shown.contracts), format!("{:?}", Contracts::with_defaults()));
    for (name, patch) in shown.policy.by_contract() {
        let default = shown.contracts.get(name).expect("a contract").default_policy();
        assert_eq!(default.with(&patch), default, "{name:?}");
    }
    let defaults = load(&Sources::default()).expect("defaults").config.policy.bounds;
    assert_eq!(defaults, Bounds::default());
    let documented = load(&Sources::default()).expect("defaults").layers;
    for (name, _) in defaults.entries() {
        assert!(documented.value(&format!("policy.bounds.{name}")).is_some(), "{name} is not documented");
    }
}

#[test]
fn the_examples_are_valid_configurations() {
    for text in
        [include_str!("../../../config/development.toml"), include_str!("../../../config/production.toml")]
    {
        load_given(&of_file(&[text])).expect("a good example");
    }
}
