//! `[mosip]`: keys of MOSIP's contract, which this build does not serve.

use serde::Deserialize;

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Mosip {
    pub app_ids: Vec<String>,
    pub single_channel_app_ids: Vec<String>,
    /// Primary, then secondary.
    pub languages: Vec<String>,
    pub user_check: bool,
}
