//! Whose notification services read the events.

use serde::Deserialize;

/// Everything that differs between DIGIT's and mGramSeva's notification services.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Flavour {
    #[default]
    Digit,
    Mgramseva,
}

impl Flavour {
    /// mGramSeva's SMS consumer sends no text without a template id, whatever the settings say.
    pub const fn sms_id_required(self) -> bool {
        match self {
            Self::Digit => false,
            Self::Mgramseva => true,
        }
    }

    /// mGramSeva's SMS consumer cuts the text at a `#`.
    pub const fn sms_forbidden(self) -> Option<char> {
        match self {
            Self::Digit => None,
            Self::Mgramseva => Some('#'),
        }
    }
}
