//! `[log]`: the format and the level of the log.

use serde::Deserialize;
use tracing_subscriber::EnvFilter;

use super::findings::Findings;

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Log {
    pub format: LogFormat,
    /// A level, or directives of `tracing`.
    pub level: String,
}

#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
pub enum LogFormat {
    Text,
    Json,
}

impl Log {
    pub(super) fn check(&self, found: &mut Findings<'_>) {
        if let Err(err) = EnvFilter::try_new(&self.level) {
            found.add(
                "log.level",
                err.to_string(),
                "use error, warn, info, debug, trace, or info,otp_stream::kafka=debug",
            );
        }
    }
}
