//! `[dead_letter]`: whether dead letters carry the payload.

use serde::Deserialize;

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DeadLetter {
    pub payload: DeadLetterPayload,
}

#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
pub enum DeadLetterPayload {
    /// By reference: topic, partition and offset.
    None,
    /// With the original payload and key, which may contain a valid code.
    Copy,
}
