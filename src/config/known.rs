//! The keys that exist, with the shape of their values, read from the commented defaults; and the nearest key to a
//! mistyped one.
//!
//! There is no second list of keys: a key exists if `config/default.toml` documents it.

use std::sync::LazyLock;

use toml::{Table, Value};

/// The commented defaults, built in.
pub(super) const DEFAULTS: &str = include_str!("../../config/default.toml");

/// The table whose keys are properties of librdkafka.
pub(super) const OPEN_TABLE: &str = "kafka.properties";

/// The rules of policies that are documented with an example, because they have no default, or it stands elsewhere.
pub(super) const RULES_WITHOUT_DEFAULT: [&str; 5] = [
    "mobile_rules",
    "allowed_country_codes",
    "sends_per_number_hour_max",
    "sends_per_prefix_hour_max",
    "sends_per_tenant_hour_max",
];

/// Every key, including those without a default.
static KNOWN: LazyLock<Table> = LazyLock::new(|| uncommented().parse().expect("a test parses it"));

/// What a dotted key names.
#[derive(Clone, Copy, Debug)]
pub(super) enum KnownKey<'a> {
    Table,
    /// A property of librdkafka, or the table of them.
    Open,
    /// A key with a value of this shape.
    Leaf(&'a Value),
}

/// The defaults, including the keys that have none: `#key = value` becomes `key = value`.
pub(super) fn uncommented() -> String {
    let mut text = String::with_capacity(DEFAULTS.len());
    for line in DEFAULTS.lines() {
        let setting =
            line.strip_prefix('#').filter(|rest| rest.starts_with(|c: char| c.is_ascii_lowercase()));
        text.push_str(setting.unwrap_or(line));
        text.push('\n');
    }
    text
}

pub(super) fn root() -> &'static Table {
    &KNOWN
}

/// Looks a dotted key up; `None` if there is no such key.
pub(super) fn find(key: &str) -> Option<KnownKey<'static>> {
    if key == OPEN_TABLE || key.strip_prefix(OPEN_TABLE).is_some_and(|it| it.starts_with('.')) {
        return Some(KnownKey::Open);
    }
    let mut table = root();
    let mut segments = key.split('.').peekable();
    while let Some(segment) = segments.next() {
        match (table.get(segment)?, segments.peek()) {
            (Value::Table(inner), Some(_)) => table = inner,
            (Value::Table(_), None) => return Some(KnownKey::Table),
            (leaf, None) => return Some(KnownKey::Leaf(leaf)),
            (_, Some(_)) => return None,
        }
    }
    None
}

/// The known key that the author probably meant.
pub(super) fn nearest(key: &str) -> Option<String> {
    let mut keys = Vec::new();
    collect(root(), "", &mut keys);
    let last = |key: &str| key.rsplit('.').next().unwrap_or_default().to_owned();
    let score = |known: &str| {
        let whole = strsim::jaro_winkler(known, key);
        if last(known) == last(key) { 1.0 + whole } else { whole }
    };
    keys.into_iter()
        .map(|known| (score(&known), known))
        .filter(|(score, _)| *score > 0.8)
        .max_by(|(a, _), (b, _)| a.total_cmp(b))
        .map(|(_, known)| known)
}

/// The nearest of some names to a mistyped one.
pub(super) fn nearest_of<'a>(name: &str, names: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    names
        .into_iter()
        .map(|known| (strsim::jaro_winkler(known, name), known))
        .filter(|(score, _)| *score > 0.8)
        .max_by(|(a, _), (b, _)| a.total_cmp(b))
        .map(|(_, known)| known)
}

/// The name of a value's type in error texts.
pub(super) fn type_name(value: &Value) -> &'static str {
    match value {
        Value::String(_) => "a string",
        Value::Integer(_) => "a whole number",
        Value::Float(_) => "a number",
        Value::Boolean(_) => "true or false",
        Value::Datetime(_) => "a date",
        Value::Array(_) => "a list",
        Value::Table(_) => "a table",
    }
}

fn collect(table: &Table, prefix: &str, keys: &mut Vec<String>) {
    for (name, value) in table {
        let key = join(prefix, name);
        if let Value::Table(inner) = value {
            collect(inner, &key, keys);
        } else {
            keys.push(key);
        }
    }
}

/// A dotted key and one more segment.
pub(super) fn join(prefix: &str, name: &str) -> String {
    if prefix.is_empty() { name.to_owned() } else { format!("{prefix}.{name}") }
}
