//! The HTTP client: time-outs, trusted certificates, credentials, no redirects.
//!
//! TLS is the system's OpenSSL, as for Kafka.

use std::path::Path;
use std::time::Duration;

use reqwest::redirect::Policy;
use reqwest::{Certificate, ClientBuilder};

use super::fault::OpenError;
use crate::config::{SchemaRegistry, Secret};

/// The largest file of certificates.
const CA_FILE_BYTES_MAX: u64 = 4 << 20;

/// Who asks.
#[derive(Clone)]
pub(super) enum Credentials {
    None,
    User { name: String, password: Option<String> },
    Token(String),
}

/// Builds clients that differ in nothing.
pub(super) struct Http {
    certificates: Vec<Certificate>,
    connect_timeout: Duration,
    pub(super) request_timeout: Duration,
    pub(super) credentials: Credentials,
}

impl Http {
    /// # Errors
    /// The file of certificates cannot be read, or has none.
    pub(super) fn new(settings: &SchemaRegistry) -> Result<Self, OpenError> {
        let certificates = if settings.ca_file.as_os_str().is_empty() {
            Vec::new()
        } else {
            certificates(&settings.ca_file)?
        };
        Ok(Self {
            certificates,
            connect_timeout: Duration::from_millis(settings.connect_timeout_ms),
            request_timeout: Duration::from_millis(settings.request_timeout_ms),
            credentials: Credentials::of(settings),
        })
    }

    pub(super) fn builder(&self) -> ClientBuilder {
        let builder = reqwest::Client::builder()
            .user_agent(concat!("otp-stream/", env!("CARGO_PKG_VERSION")))
            .redirect(Policy::none())
            .no_proxy()
            .connect_timeout(self.connect_timeout)
            .timeout(self.request_timeout);
        if self.certificates.is_empty() {
            builder
        } else {
            builder.tls_certs_only(self.certificates.iter().cloned())
        }
    }
}

impl Credentials {
    fn of(settings: &SchemaRegistry) -> Self {
        let owned = |secret: &Secret| secret.reveal().to_owned();
        match &settings.token {
            Some(token) => Self::Token(owned(token)),
            None if settings.username.is_empty() => Self::None,
            None => Self::User {
                name: settings.username.clone(),
                password: settings.password.as_ref().map(owned),
            },
        }
    }
}

fn certificates(file: &Path) -> Result<Vec<Certificate>, OpenError> {
    let wrong = |what: String| OpenError {
        key: "schema_registry.ca_file",
        what: format!("{} {what}", file.display()),
        remedy: "name a file with certificates in PEM",
    };
    let length = std::fs::metadata(file).map_err(|error| wrong(format!("cannot be read ({error})")))?.len();
    if length > CA_FILE_BYTES_MAX {
        return Err(wrong(format!("is longer than {CA_FILE_BYTES_MAX} bytes")));
    }
    let text = std::fs::read(file).map_err(|error| wrong(format!("cannot be read ({error})")))?;
    let found = Certificate::from_pem_bundle(&text).map_err(|_| wrong("is not PEM".to_owned()))?;
    if found.is_empty() { Err(wrong("has no certificate".to_owned())) } else { Ok(found) }
}
