//! Why a request to the registry has no result.

use schema_registry_converter::error::SRCError;
use schema_registry_converter::schema_registry_common::RawError;

/// The longest text of a registry that is shown.
const TEXT_CHARS_MAX: usize = 400;

/// No result, and whether asking again may help.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Fault {
    /// The registry gave no definite answer. It may give one later.
    #[error("{0}")]
    Unavailable(String),
    /// The registry's own definite refusal.
    #[error("{message} (error code {code})")]
    Refused {
        /// As Confluent's API defines them: 40401, 40403, 409, 42201, …
        code: u32,
        message: String,
    },
}

/// The settings of the client cannot be used.
#[derive(Debug, thiserror::Error)]
#[error("{key}: {what}; {remedy}")]
pub struct OpenError {
    pub key: &'static str,
    pub what: String,
    pub remedy: &'static str,
}

impl Fault {
    /// The registry's refusal, in a text that is fit to be shown.
    pub(super) fn refused(code: u32, message: &str) -> Self {
        Self::Refused { code, message: shown(message) }
    }

    /// What a call of the library failed with. Everything without an error code of the registry is no answer.
    pub(super) fn of(error: &SRCError) -> Self {
        let source = std::error::Error::source(error);
        match source.and_then(|source| source.downcast_ref::<RawError>()) {
            Some(refusal) => Self::refused(refusal.error_code, &refusal.message),
            None => Self::of_transport(source, &error.error),
        }
    }

    /// What the HTTP client failed with: the judge's reason, or an answer of another form.
    pub(super) fn of_transport(error: Option<&(dyn std::error::Error + 'static)>, otherwise: &str) -> Self {
        let middleware = error.and_then(|error| error.downcast_ref::<reqwest_middleware::Error>());
        Self::Unavailable(match middleware {
            Some(error) => shown(&error.to_string()),
            None => format!("its answer has another form than expected ({})", shown(otherwise)),
        })
    }
}

/// One line of a text from outside: no control characters, and not too long.
pub(super) fn shown(text: &str) -> String {
    let line: String =
        text.chars().map(|c| if c.is_control() { ' ' } else { c }).take(TEXT_CHARS_MAX).collect();
    if text.chars().nth(TEXT_CHARS_MAX).is_some() { format!("{line}…") } else { line }
}
