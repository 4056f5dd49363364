//! `[schema_registry]`: a section that this build does not serve. Its keys are known so that a file can hold them.

use serde::Deserialize;

use super::findings::Findings;

/// The registry for topics in Avro.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SchemaRegistry {
    /// Empty: JSON only.
    pub url: String,
}

impl SchemaRegistry {
    pub(super) fn check(&self, found: &mut Findings<'_>) {
        if !self.url.is_empty() {
            found.add("schema_registry.url", "this build reads and writes JSON only", "leave it empty");
        }
    }
}
