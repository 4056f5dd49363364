//! `[schema_registry]`: where the schemas of topics in Avro are, and how to get there.

use std::collections::BTreeSet;
use std::fmt;
use std::path::PathBuf;

use hyper::Uri;
use serde::Deserialize;

use super::Range;
use super::findings::Findings;

/// Most addresses of one registry.
const URLS_MAX: usize = 8;

/// The registry for topics in Avro.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SchemaRegistry {
    /// Base addresses of the Confluent API, tried in this order. Empty: JSON only.
    pub urls: Vec<String>,
    /// Whether `run` registers missing schemas.
    pub auto_register: bool,
    /// Of basic authentication. Empty: none.
    pub username: String,
    pub password: Option<Secret>,
    /// A bearer token.
    pub token: Option<Secret>,
    /// Certificates in PEM that replace the system's. Empty: the system's.
    pub ca_file: PathBuf,
    pub connect_timeout_ms: u64,
    /// For a whole request, its connection included.
    pub request_timeout_ms: u64,
}

/// A text that is never shown.
#[derive(Clone, Deserialize)]
#[serde(transparent)]
pub struct Secret(String);

pub(super) const RANGES: &[Range] = &[
    Range("schema_registry.connect_timeout_ms", 100, 60_000),
    Range("schema_registry.request_timeout_ms", 100, 60_000),
];

impl SchemaRegistry {
    pub(super) fn check(&self, found: &mut Findings<'_>) {
        self.check_urls(found);
        self.check_credentials(found);
    }

    fn check_urls(&self, found: &mut Findings<'_>) {
        if self.urls.len() > URLS_MAX {
            found.add(
                "schema_registry.urls",
                "too many addresses",
                format!("name at most {URLS_MAX}, all of one registry"),
            );
        }
        let mut seen = BTreeSet::new();
        for (at, url) in self.urls.iter().enumerate() {
            let key = format!("schema_registry.urls[{at}]");
            if let Some((what, remedy)) = url_fault(url) {
                found.add(key, what, remedy);
            } else if !seen.insert(url.trim_end_matches('/')) {
                found.add(key, "this address is already in the list", "name each address once");
            }
        }
    }

    fn check_credentials(&self, found: &mut Findings<'_>) {
        if self.password.is_some() && self.username.is_empty() {
            found.add(
                "schema_registry.password",
                "there is no user to whom it belongs",
                "set schema_registry.username, too",
            );
        }
        if self.token.is_some() && !self.username.is_empty() {
            found.add(
                "schema_registry.token",
                "a request has either a token or a user with a password",
                "take out schema_registry.token, or username and password",
            );
        }
        if self.username.contains(':') || self.username.chars().any(char::is_control) {
            found.add(
                "schema_registry.username",
                "basic authentication has no name with a colon or a control character",
                "write the name alone",
            );
        }
        let is_header_text = |secret: &Secret| secret.0.bytes().all(|byte| byte.is_ascii_graphic());
        if self.token.as_ref().is_some_and(|token| token.0.is_empty() || !is_header_text(token)) {
            found.add(
                "schema_registry.token",
                "a token is visible ASCII characters without spaces",
                "write the token alone, without \"Bearer\"",
            );
        }
    }
}

impl Secret {
    /// The text itself. It goes into a request, and nowhere else.
    pub(crate) fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

/// What is wrong with an address, and the remedy.
fn url_fault(url: &str) -> Option<(&'static str, &'static str)> {
    const FORM: &str = "write the base address of its Confluent API, as in https://registry:8081";
    let Ok(uri) = url.parse::<Uri>() else {
        return Some(("not an address", FORM));
    };
    let scheme = uri.scheme_str().unwrap_or_default();
    match uri.authority() {
        Some(authority) if authority.as_str().contains('@') => Some((
            "an address has no user and password",
            "write schema_registry.username and password instead",
        )),
        Some(authority) if matches!(scheme, "http" | "https") && !authority.host().is_empty() => {
            let is_bare = uri.query().is_none() && !url.contains('#');
            (!is_bare).then_some(("a base address has no query and no fragment", FORM))
        }
        Some(_) | None => Some(("not an address with http:// or https://", FORM)),
    }
}
