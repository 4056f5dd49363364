//! `[keys]` and the file that it names: the secret keys by purpose, with ids and the times from which they are active.
//!
//! No error text, log line or `Debug` output shows a secret or a line of the file. The text is zeroized after it is
//! read.

use std::fmt;
use std::fs;
use std::io::{ErrorKind, Write as _};
use std::path::{Path, PathBuf};

use otp_topology::otp::{KeyId, KeyParts, KeyPurpose, Keyring, KeyringError, LogTime};
use otp_topology::wire::rfc3339;
use rand::TryRng as _;
use rand::rngs::SysRng;
use serde::Deserialize;
use toml::{Table, Value};
use zeroize::{Zeroize as _, Zeroizing};

use super::findings::Findings;
use super::{Loaded, known};

/// The environment variable that holds the text of a key file.
pub(crate) const KEYS_VARIABLE: &str = "OTP_STREAM_KEYS";

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct KeysFile {
    pub file: PathBuf,
}

/// Why there are no keys. Contains no secret.
#[derive(Debug)]
pub(crate) struct KeysError {
    place: String,
    what: String,
    remedy: String,
}

const REMEDY_GENERATE: &str = "make a file with `otp-stream keys generate --out FILE`";
const SECRET_BYTES: usize = 32;

impl KeysFile {
    pub(super) fn check(&self, found: &mut Findings<'_>) {
        if self.file.as_os_str().is_empty() {
            found.add("keys.file", "not a file name", REMEDY_GENERATE);
        } else if self.file.to_string_lossy().contains('\n') {
            found.add(
                "keys.file",
                "several lines, but the key takes the name of a file",
                format!("name the file, or set {KEYS_VARIABLE} to its text"),
            );
        }
    }
}

/// Reads the keys: from the environment variable if it is set, otherwise from the file.
///
/// # Errors
/// The file cannot be read, or it is not a valid key file.
pub(crate) fn read(loaded: &Loaded) -> Result<Keyring, KeysError> {
    if let Some(text) = from_environment() {
        return keyring(&text, KEYS_VARIABLE);
    }
    let path = &loaded.config.keys.file;
    let place = format!("key file {}", path.display());
    let text = fs::read_to_string(path).map(Zeroizing::new).map_err(|err| KeysError {
        place: place.clone(),
        what: if err.kind() == ErrorKind::InvalidData {
            "not text in UTF-8".to_owned()
        } else {
            format!("cannot be read ({err})")
        },
        remedy: format!("{REMEDY_GENERATE} and name it as keys.file, or set {KEYS_VARIABLE} to its text"),
    })?;
    warn_of_open_mode(path);
    keyring(&text, &place)
}

/// Whether nothing names a key file and the default one does not exist.
pub(crate) fn are_absent(loaded: &Loaded) -> bool {
    from_environment().is_none() && !loaded.is_named("keys.file") && !loaded.config.keys.file.exists()
}

/// Reads the text of a key file; `place` names it in errors.
///
/// # Errors
/// It is not TOML, a key is not valid, or a purpose has no key.
pub(crate) fn keyring(text: &str, place: &str) -> Result<Keyring, KeysError> {
    let wrong = |(what, remedy): Fault| KeysError { place: place.to_owned(), what, remedy };
    let mut table: Table = text.parse().map_err(|err: toml::de::Error| {
        let start = err.span().map_or(0, |span| span.start);
        let line = text.get(..start).unwrap_or(text).matches('\n').count() + 1;
        wrong((format!("line {line} is not TOML"), REMEDY_GENERATE.to_owned()))
    })?;
    let mut keys = Vec::new();
    let parsed = parse(&table, &mut keys).and_then(|()| check_distinct(&keys));
    table.iter_mut().for_each(|(_, value)| wipe(value));
    if let Err(fault) = parsed {
        keys.iter_mut().for_each(|(.., secret)| secret.zeroize());
        return Err(wrong(fault));
    }
    Keyring::new(keys).map_err(|err| {
        let remedy = match err {
            KeyringError::Missing(_) => "a key file has [[code]], [[id]], [[pseudonym]] and [[directory]]",
            KeyringError::DuplicateId(..) => "give every key of a purpose its own id",
            KeyringError::SameActiveFrom(..) => "give each key of a purpose its own time",
            KeyringError::PseudonymRotates(_) => "keep the first one",
            KeyringError::NotOnCurve(_) => "copy one that `otp-stream keys generate` made",
        };
        wrong((err.to_string(), remedy.to_owned()))
    })
}

/// The text of a new key file, every key fresh from the operating system's random source.
///
/// # Errors
/// The random source fails.
pub(crate) fn generate(now: LogTime) -> Result<Zeroizing<String>, KeysError> {
    let mut buffer = [0; rfc3339::LEN];
    let active_from = rfc3339::write(now, &mut buffer);
    let mut text = Zeroizing::new(String::with_capacity(4096));
    text.push_str(FILE_HEAD);
    for name in KeyPurpose::ALL.map(KeyPurpose::as_str) {
        text.push_str(&format!("\n[[{name}]]\nid = 1\nactive_from = \"{active_from}\"\nsecret = \""));
        text.push_str(&fresh_hex()?);
        text.push_str("\"\n");
    }
    Ok(text)
}

/// 256 bits from the operating system's random source, as 64 hex digits.
///
/// # Errors
/// The random source fails.
pub(crate) fn fresh_hex() -> Result<Zeroizing<String>, KeysError> {
    let mut secret = Zeroizing::new([0; SECRET_BYTES]);
    fill(&mut secret)?;
    let mut text = Zeroizing::new(String::with_capacity(2 * SECRET_BYTES));
    for byte in secret.iter() {
        for nibble in [byte >> 4, byte & 15] {
            text.push(char::from_digit(u32::from(nibble), 16).expect("a nibble is a hex digit"));
        }
    }
    Ok(text)
}

/// Writes a new key file that only its owner can read.
///
/// # Errors
/// The file exists, or cannot be written.
pub(crate) fn write_new(path: &Path, text: &str) -> Result<(), KeysError> {
    let failed = |err: std::io::Error| {
        let exists = err.kind() == ErrorKind::AlreadyExists;
        KeysError {
            place: format!("key file {}", path.display()),
            what: if exists { "exists".to_owned() } else { format!("cannot be written ({err})") },
            remedy: if exists {
                "keys are never overwritten: without them stored locks and live codes are lost; choose another name"
                    .to_owned()
            } else {
                "choose a directory that this user can write to".to_owned()
            },
        }
    };
    let mut options = fs::OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut file = options.open(path).map_err(failed)?;
    file.write_all(text.as_bytes()).map_err(failed)?;
    file.sync_all().map_err(failed)
}

impl fmt::Display for KeysError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.place, self.what)?;
        if !self.remedy.is_empty() {
            write!(f, "; {}", self.remedy)?;
        }
        Ok(())
    }
}

impl std::error::Error for KeysError {}

#[expect(
    clippy::disallowed_methods,
    reason = "fresh keys and secrets come from the operating system's random source"
)]
fn fill(secret: &mut [u8; SECRET_BYTES]) -> Result<(), KeysError> {
    SysRng.try_fill_bytes(secret).map_err(|err| KeysError {
        place: "the operating system's random source".to_owned(),
        what: format!("returned no random bytes ({err})"),
        remedy: String::new(),
    })
}

fn from_environment() -> Option<Zeroizing<String>> {
    let text = std::env::var_os(KEYS_VARIABLE).filter(|text| !text.is_empty())?;
    // A value that is not UTF-8 is refused as a key file. It is not a reason to read the file instead.
    Some(Zeroizing::new(text.to_string_lossy().into_owned()))
}

/// What is wrong with a key, and the remedy.
type Fault = (String, String);

fn parse(table: &Table, keys: &mut Vec<KeyParts>) -> Result<(), Fault> {
    for (name, value) in table {
        let names = KeyPurpose::ALL.map(KeyPurpose::as_str);
        let Some(purpose) = KeyPurpose::ALL.into_iter().find(|purpose| purpose.as_str() == name) else {
            let near = known::nearest_of(name, names);
            let hint = near.map_or(String::new(), |it| format!("did you mean {it}? "));
            let remedy = format!("{hint}the purposes are {}", names.join(", "));
            return Err(("a purpose that does not exist".to_owned(), remedy));
        };
        let items = value.as_array().filter(|items| items.iter().all(Value::is_table));
        let items = items.ok_or_else(|| {
            let remedy = format!("begin each key with [[{name}]]");
            (format!("{name} is not a list of keys"), remedy)
        })?;
        for (at, item) in items.iter().filter_map(Value::as_table).enumerate() {
            let (id, active_from, secret) = parse_key(item)
                .map_err(|(what, remedy)| (format!("[[{name}]] number {}: {what}", at + 1), remedy))?;
            keys.push((purpose, id, active_from, secret));
        }
    }
    Ok(())
}

fn parse_key(item: &Table) -> Result<(KeyId, LogTime, [u8; SECRET_BYTES]), Fault> {
    let fault = |what: &str, remedy: &str| (what.to_owned(), remedy.to_owned());
    if let Some(name) = item.keys().find(|name| !["id", "active_from", "secret"].contains(&name.as_str())) {
        let near = known::nearest_of(name, ["id", "active_from", "secret"]);
        let what = near.map_or_else(
            || "a field that does not exist".to_owned(),
            |near| format!("a field that does not exist; did you mean {near}?"),
        );
        return Err((what, "a key has id, active_from and secret".to_owned()));
    }
    let id = item
        .get("id")
        .and_then(Value::as_integer)
        .and_then(|id| u32::try_from(id).ok())
        .ok_or_else(|| fault("id must be a whole number from 0 to 4294967295", "count up from 1"))?;
    let active_from = match item.get("active_from") {
        Some(Value::String(text)) => rfc3339::parse(text),
        Some(Value::Datetime(time)) => rfc3339::parse(&time.to_string()),
        _ => None,
    }
    .ok_or_else(|| {
        fault("active_from must be a time with a zone", "write it as active_from = \"2026-11-23T00:00:00Z\"")
    })?;
    let secret = item.get("secret").and_then(Value::as_str).and_then(parse_hex).ok_or_else(|| {
        fault("secret must be 64 hex digits", "copy one that `otp-stream keys generate` made")
    })?;
    if secret.iter().all(|byte| *byte == secret[0]) {
        return Err(fault("secret is not a random key", "copy one that `otp-stream keys generate` made"));
    }
    Ok((KeyId(id), active_from, secret))
}

/// No two keys have the same secret.
fn check_distinct(keys: &[KeyParts]) -> Result<(), Fault> {
    for (at, (purpose, id, _, secret)) in keys.iter().enumerate() {
        if let Some((other, same, ..)) = keys[..at].iter().find(|(.., known)| known == secret) {
            let what =
                format!("the {other} key {} and the {purpose} key {} are the same secret", same.0, id.0);
            return Err((what, "generate another one with `otp-stream keys generate`".to_owned()));
        }
    }
    Ok(())
}

fn parse_hex(text: &str) -> Option<[u8; SECRET_BYTES]> {
    let digits = text.as_bytes();
    if digits.len() != 2 * SECRET_BYTES {
        return None;
    }
    let mut secret = [0; SECRET_BYTES];
    for (byte, pair) in secret.iter_mut().zip(digits.chunks_exact(2)) {
        let high = char::from(pair[0]).to_digit(16)?;
        let low = char::from(pair[1]).to_digit(16)?;
        *byte = u8::try_from(high << 4 | low).ok()?;
    }
    Some(secret)
}

fn wipe(value: &mut Value) {
    match value {
        Value::String(text) => text.zeroize(),
        Value::Array(items) => items.iter_mut().for_each(wipe),
        Value::Table(table) => table.iter_mut().for_each(|(_, value)| wipe(value)),
        Value::Integer(_) | Value::Float(_) | Value::Boolean(_) | Value::Datetime(_) => {}
    }
}

#[cfg(unix)]
fn warn_of_open_mode(path: &Path) {
    use std::os::unix::fs::PermissionsExt as _;
    let Ok(metadata) = fs::metadata(path) else {
        return;
    };
    let mode = metadata.permissions().mode() & 0o777;
    if mode & 0o077 != 0 {
        tracing::warn!(
            file = %path.display(),
            mode = format!("{mode:04o}"),
            "users other than its owner can read the key file; run chmod 600 on it"
        );
    }
}

#[cfg(not(unix))]
fn warn_of_open_mode(_path: &Path) {}

const FILE_HEAD: &str = "\
# Secret keys of otp-stream. Every instance of one application id needs the same file. Keep it out of version control
# and back it up separately from the store: without it no valid code can be checked and no lock can be found.
#
# To rotate a code, id, directory, token or client key: add a key with the next id and an active_from in the future. Copy the file to every
# instance and restart each one before that time. Which key applies depends on the time of the record. Keep old keys as
# long as stored values may need them: code and id keys for a day, directory keys until all records were written again, token keys
# until the last token has expired, client keys until every client has a new secret.
# The first key of a purpose also applies to all earlier times.
# The pseudonym key cannot be rotated: locks and limits depend on it.
";

#[cfg(test)]
mod tests;
