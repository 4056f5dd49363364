//! `[application]`: who this service is to the cluster.

use serde::Deserialize;

use super::problem::Findings;
use super::topic_name;

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Application {
    /// Group id, transactional-id prefix, prefix of the internal topics.
    pub id: String,
    /// Static member id; empty: the id kept in the store directory.
    pub instance: String,
    pub membership: Membership,
}

#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
pub enum Membership {
    /// Whoever owns the store directory is the member.
    Static,
    Dynamic,
}

/// The longest application id: its internal topics must be legal names, too.
const ID_CHARS_MAX: usize = 200;

impl Application {
    pub(super) fn check(&self, found: &mut Findings<'_>) {
        if let Some(fault) = topic_name::fault(&self.id) {
            found.add(
                "application.id",
                format!("it begins the names of topics, and {fault}"),
                topic_name::REMEDY,
            );
        } else if self.id.len() > ID_CHARS_MAX {
            found.add("application.id", "too long", format!("use at most {ID_CHARS_MAX} characters"));
        }
        if self.instance.len() > ID_CHARS_MAX || self.instance.chars().any(char::is_control) {
            found.add(
                "application.instance",
                "no member id",
                format!("use at most {ID_CHARS_MAX} printable characters"),
            );
        }
    }
}
