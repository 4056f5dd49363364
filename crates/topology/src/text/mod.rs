//! Message templates: what a template must be, the keys it is looked up by, and the fallback between locales.
//!
//! Knows no notification event and no contract: what a contract demands of its templates comes in as [`TemplateRules`].
//!
//! ```text
//! record on message-template ── read ──▶ Template ── with(code) ──▶ Rendered, written into an event
//! ```

mod chain;
mod key;
mod locale;
mod percent;
mod template;
mod variables;

pub use chain::{Wanted, look_up, template_tenant};
pub use key::TemplateKey;
pub use percent::PERCENT;
pub use template::{
    RENDERED_CHARS_MAX, Rendered, Syntax, Template, TemplateError, TemplateRules, TextPart,
    VARIABLE_CHARS_MAX,
};
pub use variables::VARIABLES;
