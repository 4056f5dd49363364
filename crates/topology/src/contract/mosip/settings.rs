//! `[mosip]`: what a deployment decides about this contract.

use serde::Deserialize;

use crate::contract::findings::SettingsFindings;

/// Texts go out in at most two languages.
const LANGUAGES_MAX: usize = 2;

/// The keys of `[mosip]`. An absent key has its default.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct MosipSettings {
    pub app_ids: Vec<String>,
    /// The apps that send to one channel at a time.
    pub single_channel_app_ids: Vec<String>,
    /// Primary, then secondary.
    pub languages: Vec<String>,
    /// `useridOTP` needs an active entry in the directory.
    pub user_check: bool,
    /// The roles that a record of the client registry can give.
    pub client_roles: Vec<String>,
}

impl Default for MosipSettings {
    fn default() -> Self {
        let owned = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
        Self {
            app_ids: owned(&[
                "preregistration",
                "registrationclient",
                "registrationprocessor",
                "ida",
                "admin",
                "resident",
            ]),
            single_channel_app_ids: owned(&["preregistration"]),
            languages: owned(&["eng"]),
            user_check: false,
            client_roles: Vec::new(),
        }
    }
}

impl MosipSettings {
    pub(super) fn check(&self, findings: &mut SettingsFindings) {
        let remedy = "name the primary language, then at most one other, as in [\"eng\", \"ara\"]";
        if !(1..=LANGUAGES_MAX).contains(&self.languages.len()) {
            findings.add("languages", "texts have one language or two", remedy);
        }
        for (at, language) in self.languages.iter().enumerate() {
            if language.is_empty() || language.contains(['/', '|']) {
                findings.add(&format!("languages[{at}]"), "not a valid language", remedy);
            }
        }
        for (at, role) in self.client_roles.iter().enumerate() {
            if role.trim().is_empty() {
                findings.add(&format!("client_roles[{at}]"), "not a role", "name a role, or take it out");
            }
        }
    }

    pub(super) fn primary(&self) -> &str {
        self.languages.first().map_or("", |language| language)
    }

    pub(super) fn secondary(&self) -> Option<&str> {
        self.languages.get(1).map(String::as_str)
    }
}
