//! Shows values on one line and without secrets.

use toml::Value;

use super::known;

const STARS: &str = "***";

/// A value as TOML on one line. Every value under the name of a secret is masked, at any depth.
pub(crate) fn shown(key: &str, value: &Value) -> String {
    one_line(&masked(key, value))
}

/// A key in an error text. The name of a secret is cut where the secret itself may follow by mistake, as in
/// `sasl.password:…`.
pub(crate) fn shown_key(key: &str) -> &str {
    let belongs = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-' | '[' | ']');
    match key.find(|c| !belongs(c)) {
        Some(at) if is_secret(key) || holds_secret(key) => &key[..at],
        Some(_) | None => key,
    }
}

/// Whether a key's value is never shown. Mistyped names count, because error texts show their values.
pub(crate) fn is_secret(key: &str) -> bool {
    const PARTS: [&str; 6] = ["jaas", "private", "key.pem", "key_pem", "ssl_key", "oauthbearer.config"];
    const WORDS: [&str; 6] = ["password", "passwd", "passphrase", "secret", "credential", "token"];
    let key = key.to_lowercase();
    let key = without_public_names(&key);
    let is_word = |segment: &str, word: &str| {
        segment.contains(word) || strsim::osa_distance(segment, word) <= if word.len() < 8 { 1 } else { 2 }
    };
    let mut segments = key.split(|c: char| !c.is_alphanumeric()).filter(|it| !it.is_empty());
    PARTS.iter().any(|part| key.contains(part))
        || segments.any(|segment| WORDS.iter().any(|word| is_word(segment, word)))
}

/// A key without the parts of public settings that are named after a secret.
fn without_public_names(key: &str) -> String {
    const SECTION: &str = "tokens";
    const PROPERTY: &str = "sasl.oauthbearer.token.endpoint";
    let key = match key.strip_prefix(SECTION) {
        Some(rest) if rest.is_empty() || rest.starts_with('.') => rest,
        Some(_) | None => key,
    };
    key.replace(PROPERTY, "")
}

fn masked(key: &str, value: &Value) -> Value {
    if is_secret(key) {
        return Value::String(STARS.to_owned());
    }
    match value {
        Value::String(text) if holds_secret(text) => Value::String(STARS.to_owned()),
        Value::String(text) => Value::String(without_user_info(text)),
        Value::Array(items) => Value::Array(items.iter().map(|item| masked(key, item)).collect()),
        Value::Table(table) => {
            let inner =
                |(name, value): (&String, &Value)| (name.clone(), masked(&known::join(key, name), value));
            Value::Table(table.iter().map(inner).collect())
        }
        Value::Integer(_) | Value::Float(_) | Value::Boolean(_) | Value::Datetime(_) => value.clone(),
    }
}

/// Whether a text contains one of this service's keys or a private key in PEM: a key file given as another value.
fn holds_secret(text: &str) -> bool {
    const HEX_DIGITS: usize = 64;
    // Several lines of settings are a whole file, in which the name of a secret may be damaged.
    let sets =
        |line: &str| line.contains(" = ") || line.split_once('=').is_some_and(|(name, _)| is_secret(name));
    text.contains("PRIVATE KEY")
        || text.lines().count() > 1 && text.lines().any(sets)
        || text.split(|c: char| !c.is_ascii_hexdigit()).any(|run| run.len() >= HEX_DIGITS)
}

/// A value as TOML on one line.
pub(crate) fn one_line(value: &Value) -> String {
    match value {
        Value::Array(items) => {
            let items: Vec<String> = items.iter().map(one_line).collect();
            format!("[{}]", items.join(", "))
        }
        Value::Table(table) => {
            let items: Vec<String> = table
                .iter()
                .map(|(name, value)| format!("{} = {}", key_text(name), one_line(value)))
                .collect();
            format!("{{ {} }}", items.join(", "))
        }
        Value::String(text) => quoted(text),
        Value::Integer(_) | Value::Float(_) | Value::Boolean(_) | Value::Datetime(_) => value.to_string(),
    }
}

/// A name as a TOML key: quoted unless it is bare.
pub(crate) fn key_text(name: &str) -> String {
    let bare = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
    if !name.is_empty() && name.chars().all(bare) { name.to_owned() } else { quoted(name) }
}

fn quoted(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 2);
    out.push('"');
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            c if c.is_control() => out.push_str(&format!("\\u{:04X}", u32::from(c))),
            c => out.push(c),
        }
    }
    out.push('"');
    out
}

/// `https://user:password@host` without the part before the last `@`: a password may contain any character.
fn without_user_info(text: &str) -> String {
    match (text.split_once("://"), text.rfind('@')) {
        (Some((scheme, _)), Some(at)) if at > scheme.len() => {
            format!("{scheme}://{STARS}@{}", &text[at + 1..])
        }
        _ => text.to_owned(),
    }
}
