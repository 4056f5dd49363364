//! `[schema_registry]`: the registry for topics in Avro; none in this build.

use serde::Deserialize;

use super::problem::Findings;

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SchemaRegistry {
    /// Empty: JSON only.
    pub url: String,
}

impl SchemaRegistry {
    pub(super) fn check(&self, found: &mut Findings<'_>) {
        if !self.url.is_empty() {
            found.add("schema_registry.url", "this build speaks JSON only", "leave it empty");
        }
    }
}
