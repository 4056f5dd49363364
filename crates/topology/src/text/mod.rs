//! Message templates: placeholders and what a template must be, and the keys they are looked up by.
//!
//! Knows no notification event.

/// A template that was found good when it was loaded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Template;

/// Why a template is refused when it is loaded; shown in a dead letter.
#[derive(Clone, Debug, thiserror::Error, PartialEq, Eq)]
#[error("template")]
pub struct TemplateError;

impl Template {
    /// Reads the value of a record on `message-template` and judges it for its key.
    ///
    /// # Errors
    /// It is no template of this shape, or one that could fail when it is rendered.
    pub fn from_json(_key: &str, _bytes: &[u8]) -> Result<Self, TemplateError> {
        todo!()
    }
}
