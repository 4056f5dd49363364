//! The layers of a configuration, merged key by key, with the origin of each value.
//!
//! ```text
//! config/default.toml ◀ --config FILE… ◀ environment ◀ --set KEY=VALUE
//! ```
//!
//! Checks keys and the types of their values. Each section checks its own values.

use std::collections::BTreeMap;
use std::io::ErrorKind;
use std::path::Path;

use toml::{Table, Value};

use super::known::{self, KnownKey};
use super::mask;
use super::problem::{ConfigError, Problem};
use super::sources::{ENVIRONMENT_PREFIX, Source, Sources};

/// The merged tree.
#[derive(Debug)]
pub struct Layers {
    tree: Table,
    sources: BTreeMap<String, Source>,
    shortened: Vec<(String, Source)>,
}

impl Layers {
    /// Reads and merges all layers.
    ///
    /// # Errors
    /// A file cannot be read or is not TOML, a key is unknown, or a value has the wrong type.
    pub fn read(sources: &Sources) -> Result<Self, ConfigError> {
        let mut layers = Self { tree: Table::new(), sources: BTreeMap::new(), shortened: Vec::new() };
        let mut problems = Vec::new();
        let defaults = known::DEFAULTS.parse().expect("a test loads the defaults");
        layers.merge(defaults, &Source::Default, &mut problems);
        for path in &sources.files {
            match read_file(path) {
                Ok(table) => layers.merge(table, &Source::File(path.clone()), &mut problems),
                Err(problem) => problems.push(*problem),
            }
        }
        problems.extend(sources.illegible.iter().map(|name| Problem {
            source: Source::Environment(name.clone()),
            key: environment_key(name),
            value: None,
            what: "the value is not UTF-8, so it cannot be passed on unchanged".to_owned(),
            remedy: "set it to text in UTF-8".to_owned(),
        }));
        let mut environment: Vec<_> =
            sources.environment.iter().filter(|(name, _)| name.starts_with(ENVIRONMENT_PREFIX)).collect();
        environment.sort();
        for (name, text) in environment {
            let key = environment_key(name);
            layers.assign(&key, text, &Source::Environment(name.clone()), &mut problems);
        }
        for set in &sources.sets {
            match set.split_once('=') {
                Some((key, text)) => layers.assign(key.trim(), text, &Source::Set, &mut problems),
                None => problems.push(Problem {
                    source: Source::Set,
                    key: named(set),
                    value: None,
                    what: "no value".to_owned(),
                    remedy: "write --set KEY=VALUE, as in --set http.listen=0.0.0.0:9464".to_owned(),
                }),
            }
        }
        if problems.is_empty() { Ok(layers) } else { Err(ConfigError::new(problems)) }
    }

    /// Keys whose values ended with line feeds, which were removed, and where each value came from.
    pub fn shortened(&self) -> &[(String, Source)] {
        &self.shortened
    }

    pub fn tree(&self) -> &Table {
        &self.tree
    }

    /// The value of a dotted key; `name[2]` is an item of a list.
    pub fn value(&self, key: &str) -> Option<&Value> {
        if let Some(property) = key.strip_prefix("kafka.properties.") {
            return self.tree.get("kafka")?.get("properties")?.get(property);
        }
        let mut segments = key.split('.').flat_map(|it| it.split('['));
        let mut value = self.tree.get(segments.next()?)?;
        for segment in segments {
            value = match segment.strip_suffix(']') {
                Some(index) => value.get(index.parse::<usize>().ok()?)?,
                None => value.get(segment)?,
            };
        }
        Some(value)
    }

    /// Which layer set a dotted key, or the nearest table or list around it.
    pub fn source(&self, key: &str) -> &Source {
        let mut prefix = key;
        loop {
            if let Some(source) = self.sources.get(prefix) {
                return source;
            }
            match prefix.rfind(['.', '[']) {
                Some(at) => prefix = &prefix[..at],
                None => return &Source::Default,
            }
        }
    }

    /// A problem with the effective value of a key.
    pub fn problem(
        &self,
        key: impl Into<String>,
        what: impl Into<String>,
        remedy: impl Into<String>,
    ) -> Problem {
        let key = key.into();
        let value = self.value(&key).filter(|value| !value.is_table());
        Problem {
            source: self.source(&key).clone(),
            value: value.map(|value| mask::shown(&key, value)),
            key,
            what: what.into(),
            remedy: remedy.into(),
        }
    }

    fn merge(&mut self, table: Table, source: &Source, problems: &mut Vec<Problem>) {
        for (name, value) in table {
            self.put(&name, value, source, problems);
        }
    }

    /// Sets a key from the text of a variable or of `--set`. Text that belongs where text is expected is taken as it is, quotes
    /// included, without the line feeds at its end. Anything else is a TOML value.
    fn assign(&mut self, key: &str, text: &str, source: &Source, problems: &mut Vec<Problem>) {
        let wants_text =
            matches!(known::find(key), None | Some(KnownKey::Open | KnownKey::Leaf(Value::String(_))));
        let parsed = if wants_text { None } else { parse_value(text) };
        let value = parsed.unwrap_or_else(|| Value::String(self.without_line_feeds(key, text, source)));
        self.put(key, value, source, problems);
    }

    /// Files and secret stores often end a value with a line feed that is not part of it. A certificate keeps its own.
    fn without_line_feeds(&mut self, key: &str, text: &str, source: &Source) -> String {
        let bare = text.trim_end_matches('\n');
        let bare = if bare.len() < text.len() { bare.trim_end_matches(['\r', '\n']) } else { bare };
        if bare.len() == text.len() || key.ends_with(".pem") {
            return text.to_owned();
        }
        self.shortened.push((mask::shown_key(key).to_owned(), source.clone()));
        bare.to_owned()
    }

    fn put(&mut self, key: &str, value: Value, source: &Source, problems: &mut Vec<Problem>) {
        let wrong = |what: String, remedy: String, value: &Value| Problem {
            source: source.clone(),
            key: named(key),
            value: (!value.is_table()).then(|| mask::shown(key, value)),
            what,
            remedy,
        };
        match (known::find(key), value) {
            (Some(known @ (KnownKey::Open | KnownKey::Table)), Value::Table(table)) => {
                if matches!(known, KnownKey::Table) || key == known::OPEN_TABLE {
                    self.table(key);
                }
                for (name, value) in table {
                    self.put(&known::join(key, &name), value, source, problems);
                }
            }
            (None, value) => {
                let hint = known::nearest(key).map_or(String::new(), |it| format!("did you mean {it}? "));
                let remedy = format!("{hint}`otp-stream config print` lists all keys");
                problems.push(wrong("unknown key".to_owned(), remedy, &value));
            }
            (Some(KnownKey::Open), value) => match property_text(&value) {
                Some(text) if is_property(key) => {
                    let text = self.without_line_feeds(key, &text, source);
                    self.set(key, Value::String(text), source);
                }
                _ => problems.push(wrong(
                    "not a librdkafka property".to_owned(),
                    "write it as \"name\" = \"value\" under [kafka.properties]".to_owned(),
                    &value,
                )),
            },
            (Some(KnownKey::Table), value) => problems.push(wrong(
                "this is a section, not a value".to_owned(),
                format!("write its keys as {key}.KEY"),
                &value,
            )),
            (Some(KnownKey::Leaf(shape)), value) => match misfit(key, &value, shape) {
                None => self.set(key, value, source),
                Some(Misfit { key, value, what, remedy }) => problems.push(Problem {
                    source: source.clone(),
                    value: Some(mask::shown(&key, value)),
                    key,
                    what,
                    remedy,
                }),
            },
        }
    }

    /// The table of a section; it is added if it does not exist.
    fn table(&mut self, section: &str) -> &mut Table {
        section.split('.').filter(|name| !name.is_empty()).fold(&mut self.tree, |table, name| {
            table
                .entry(name)
                .or_insert_with(|| Value::Table(Table::new()))
                .as_table_mut()
                .expect("only known tables have keys")
        })
    }

    fn set(&mut self, key: &str, value: Value, source: &Source) {
        let (parent, name) = match key.strip_prefix("kafka.properties.") {
            Some(property) => (known::OPEN_TABLE, property),
            None => key.rsplit_once('.').unwrap_or(("", key)),
        };
        let table = self.table(parent);
        table.insert(name.to_owned(), value);
        self.sources.insert(key.to_owned(), source.clone());
    }
}

/// `OTP_STREAM__KAFKA__BOOTSTRAP_SERVERS` is `kafka.bootstrap_servers`. In the name of a librdkafka property an underscore
/// stands for a dot, and three underscores stand for an underscore.
fn environment_key(name: &str) -> String {
    let name = name[ENVIRONMENT_PREFIX.len()..].to_lowercase();
    let Some(property) = name.strip_prefix("kafka__properties__") else {
        return name.replace("__", ".");
    };
    let parts: Vec<String> =
        property.split("___").map(|part| part.replace("__", ".").replace('_', ".")).collect();
    format!("kafka.properties.{}", parts.join("_"))
}

fn parse_value(text: &str) -> Option<Value> {
    let table: Table = format!("value = {text}").parse().ok()?;
    let mut entries = table.into_iter();
    let (_, value) = entries.next()?;
    entries.next().is_none().then_some(value)
}

/// Whether a key has the form of a librdkafka property.
fn is_property(key: &str) -> bool {
    let legal = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-');
    let name = key.strip_prefix(known::OPEN_TABLE).and_then(|it| it.strip_prefix('.'));
    name.is_some_and(|name| !name.is_empty() && name.chars().all(legal))
}

fn property_text(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => (!text.contains('\0')).then(|| text.clone()),
        Value::Integer(number) => Some(number.to_string()),
        Value::Boolean(flag) => Some(flag.to_string()),
        Value::Float(number) => Some(number.to_string()),
        Value::Datetime(_) | Value::Array(_) | Value::Table(_) => None,
    }
}

/// The part of a value whose type differs from that of the documented value.
struct Misfit<'a> {
    key: String,
    value: &'a Value,
    what: String,
    remedy: String,
}

fn misfit<'a>(key: &str, value: &'a Value, shape: &Value) -> Option<Misfit<'a>> {
    match (value, shape) {
        (Value::Array(items), Value::Array(shapes)) => {
            let text = Value::String(String::new());
            let shape = shapes.first().unwrap_or(&text);
            items.iter().enumerate().find_map(|(at, item)| misfit(&format!("{key}[{at}]"), item, shape))
        }
        (Value::Table(table), Value::Table(shapes)) => table.iter().find_map(|(name, value)| {
            let inner = known::join(key, name);
            let Some(shape) = shapes.get(name) else {
                let names: Vec<_> = shapes.keys().map(String::as_str).collect();
                let remedy = match known::nearest_of(name, names.iter().copied()) {
                    Some(near) => format!("did you mean {near}?"),
                    None => format!("it may have: {}", names.join(", ")),
                };
                return Some(Misfit { key: inner, value, what: "unknown key".to_owned(), remedy });
            };
            misfit(&inner, value, shape)
        }),
        (value, shape) if std::mem::discriminant(value) == std::mem::discriminant(shape) => None,
        (value, shape) => Some(Misfit {
            key: key.to_owned(),
            value,
            what: format!("{}, but the key takes {}", known::type_name(value), known::type_name(shape)),
            remedy: format!("for example {}", mask::one_line(shape)),
        }),
    }
}

/// A key in an error text; an empty one is shown as quotes.
fn named(key: &str) -> String {
    if key.is_empty() { "\"\"".to_owned() } else { key.to_owned() }
}

fn read_file(path: &Path) -> Result<Table, Box<Problem>> {
    let wrong = |what: String, remedy: &str| {
        Box::new(Problem {
            source: Source::File(path.to_owned()),
            key: String::new(),
            value: None,
            what,
            remedy: remedy.to_owned(),
        })
    };
    let text = std::fs::read_to_string(path).map_err(|err| {
        if err.kind() == ErrorKind::InvalidData {
            wrong("not text in UTF-8".to_owned(), "see config/default.toml for the form")
        } else {
            wrong(format!("cannot be read ({err})"), "name a file that can be read with --config")
        }
    })?;
    text.parse::<Table>().map_err(|err| {
        let line =
            err.span().map_or(1, |span| text.get(..span.start).unwrap_or(&text).matches('\n').count() + 1);
        let message = err.message().lines().next().unwrap_or_default().to_owned();
        wrong(format!("line {line}: not TOML ({message})"), "see config/default.toml for the form")
    })
}
