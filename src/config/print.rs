//! The effective configuration as TOML, each value with its layer, secrets masked.

use std::fmt::Write as _;

use toml::{Table, Value};

use super::layers::Layers;
use super::{Loaded, known, mask};

impl Loaded {
    /// TOML that loads as the same configuration, except for the secrets.
    pub fn print(&self) -> String {
        let mut text = String::new();
        print_table(&self.layers, self.layers.tree(), "", &mut text);
        text
    }
}

fn print_table(layers: &Layers, table: &Table, prefix: &str, text: &mut String) {
    let is_section = |value: &Value| value.is_table() || is_list_of_tables(prefix, value);
    if !prefix.is_empty() && (table.is_empty() || table.values().any(|value| !is_section(value))) {
        let _ = writeln!(text, "{}[{prefix}]", if text.is_empty() { "" } else { "\n" });
    }
    for (name, value) in table.iter().filter(|(_, value)| !is_section(value)) {
        let key = known::join(prefix, name);
        let shown = mask::shown(&key, value);
        let _ = writeln!(text, "{} = {shown}  # {}", mask::key_text(name), layers.source(&key));
    }
    for (name, value) in unset_rules(prefix, table) {
        let _ = writeln!(text, "{name} = {}  # default", mask::one_line(value));
    }
    for (name, value) in table.iter().filter(|(_, value)| is_section(value)) {
        let key = known::join(prefix, name);
        match value {
            Value::Table(inner) => print_table(layers, inner, &key, text),
            Value::Array(items) => print_list(layers, items, &key, text),
            Value::String(_)
            | Value::Integer(_)
            | Value::Float(_)
            | Value::Boolean(_)
            | Value::Datetime(_) => unreachable!("sections are tables or lists of them"),
        }
    }
}

/// The rules of a contract that no layer sets, with the contract's defaults.
fn unset_rules(prefix: &str, table: &Table) -> Vec<(&'static str, &'static Value)> {
    let Some(contract) = prefix.strip_prefix("policy.") else {
        return Vec::new();
    };
    let rules = known::root()["policy"].get(contract).and_then(Value::as_table);
    let has_default = |name: &str| !known::RULES_WITHOUT_DEFAULT.contains(&name);
    let unset =
        rules.into_iter().flatten().filter(|(name, _)| !table.contains_key(*name) && has_default(name));
    unset.map(|(name, value)| (name.as_str(), value)).collect()
}

fn print_list(layers: &Layers, items: &[Value], key: &str, text: &mut String) {
    for item in items.iter().filter_map(Value::as_table) {
        let _ = writeln!(text, "\n[[{key}]]  # {}", layers.source(key));
        for (name, value) in item {
            let _ = writeln!(text, "{} = {}", mask::key_text(name), mask::shown(name, value));
        }
    }
}

/// Callers are written as `[[callers]]`; short lists of tables inside a section stay on one line.
fn is_list_of_tables(prefix: &str, value: &Value) -> bool {
    prefix.is_empty() && value.as_array().is_some_and(|items| items.iter().all(Value::is_table))
}
