//! How values are shown: on one line, without secrets.

use toml::Value;

/// Stands for a secret.
pub const MASK: &str = "\"***\"";

/// A value as TOML on one line, masked if its key names a secret.
pub fn shown(key: &str, value: &Value) -> String {
    if is_secret(key) {
        return MASK.to_owned();
    }
    match value {
        Value::String(text) => one_line(&Value::String(without_user_info(text))),
        other => one_line(other),
    }
}

/// Whether a key's value never prints.
pub fn is_secret(key: &str) -> bool {
    const WORDS: [&str; 11] = [
        "password",
        "passwd",
        "passphrase",
        "secret",
        "credential",
        "jaas",
        "private",
        "key.pem",
        "key_pem",
        "ssl_key",
        "oauthbearer.config",
    ];
    let key = key.to_lowercase();
    WORDS.iter().any(|word| key.contains(word))
}

/// A value as TOML on one line.
pub fn one_line(value: &Value) -> String {
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
pub fn key_text(name: &str) -> String {
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

/// `https://user:password@host` without what stands before the `@`.
fn without_user_info(text: &str) -> String {
    let Some((scheme, rest)) = text.split_once("://") else {
        return text.to_owned();
    };
    let authority = rest.split('/').next().unwrap_or_default();
    match authority.rfind('@') {
        Some(at) => format!("{scheme}://***@{}", &rest[at + 1..]),
        None => text.to_owned(),
    }
}
