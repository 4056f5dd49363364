//! `[application]`: the identity of this service on the cluster.

use otp_topology::wire::topic_name;
use serde::Deserialize;

use super::findings::Findings;

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Application {
    /// Group id, transactional-id prefix, prefix of the internal topics.
    pub id: String,
    /// Static member id. Empty: the id that is kept in the store directory.
    pub instance: String,
    pub membership: Membership,
}

#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
pub enum Membership {
    /// The owner of the store directory is the member.
    Static,
    Dynamic,
}

/// The longest application id. It leaves room for the suffixes of the internal topics.
const ID_CHARS_MAX: usize = 200;

impl Application {
    pub(super) fn check(&self, found: &mut Findings<'_>) {
        if let Some(fault) = topic_name::fault(&self.id) {
            found.add(
                "application.id",
                format!("topic names begin with it, and {fault}"),
                topic_name::REMEDY,
            );
        } else if self.id.len() > ID_CHARS_MAX {
            found.add("application.id", "too long", format!("use at most {ID_CHARS_MAX} characters"));
        }
        if self.instance.len() > ID_CHARS_MAX || self.instance.chars().any(char::is_control) {
            found.add(
                "application.instance",
                "not a valid member id",
                format!("use at most {ID_CHARS_MAX} printable characters"),
            );
        }
    }
}
