//! The keys that exist, with the shape of their values, read out of the commented defaults; and the nearest to a
//! mistyped one.
//!
//! There is no second list of keys: a key that `config/default.toml` does not document does not exist.

use std::sync::LazyLock;

use toml::{Table, Value};

/// The commented defaults, built in.
pub const DEFAULTS: &str = include_str!("../../config/default.toml");

/// The table whose keys are librdkafka's, not ours.
pub const OPEN_TABLE: &str = "kafka.properties";

/// Every key, those without a default included.
static KNOWN: LazyLock<Table> = LazyLock::new(|| uncommented().parse().expect("a test parses it"));

/// What is known of a dotted key.
#[derive(Clone, Copy, Debug)]
pub enum Known<'a> {
    Table,
    /// A property of librdkafka's, or the table of them.
    Open,
    /// A key with a value of this shape.
    Leaf(&'a Value),
}

/// The defaults with the keys that have none put in: `#key = value` becomes `key = value`.
pub fn uncommented() -> String {
    let mut text = String::with_capacity(DEFAULTS.len());
    for line in DEFAULTS.lines() {
        let setting =
            line.strip_prefix('#').filter(|rest| rest.starts_with(|c: char| c.is_ascii_lowercase()));
        text.push_str(setting.unwrap_or(line));
        text.push('\n');
    }
    text
}

pub fn root() -> &'static Table {
    &KNOWN
}

/// Looks a dotted key up; `None` if there is no such key.
pub fn find(key: &str) -> Option<Known<'static>> {
    if key == OPEN_TABLE || key.strip_prefix(OPEN_TABLE).is_some_and(|it| it.starts_with('.')) {
        return Some(Known::Open);
    }
    let mut table = root();
    let mut segments = key.split('.').peekable();
    while let Some(segment) = segments.next() {
        match (table.get(segment)?, segments.peek()) {
            (Value::Table(inner), Some(_)) => table = inner,
            (Value::Table(_), None) => return Some(Known::Table),
            (leaf, None) => return Some(Known::Leaf(leaf)),
            (_, Some(_)) => return None,
        }
    }
    None
}

/// The known key that was probably meant.
pub fn nearest(key: &str) -> Option<String> {
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
pub fn nearest_of<'a>(name: &str, names: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    names
        .into_iter()
        .map(|known| (strsim::jaro_winkler(known, name), known))
        .filter(|(score, _)| *score > 0.8)
        .max_by(|(a, _), (b, _)| a.total_cmp(b))
        .map(|(_, known)| known)
}

/// The name of a value's type as error texts say it.
pub fn type_name(value: &Value) -> &'static str {
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
pub fn join(prefix: &str, name: &str) -> String {
    if prefix.is_empty() { name.to_owned() } else { format!("{prefix}.{name}") }
}
