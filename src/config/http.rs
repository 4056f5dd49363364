//! `[http]`: the address of the metrics and health pages.

use serde::Deserialize;

use super::findings::Findings;

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Http {
    /// `host:port`.
    pub listen: String,
}

impl Http {
    pub(super) fn check(&self, found: &mut Findings<'_>) {
        let good = self
            .listen
            .rsplit_once(':')
            .is_some_and(|(host, port)| !host.is_empty() && port.parse::<u16>().is_ok());
        if !good {
            found.add(
                "http.listen",
                "not a listening address",
                "write host:port, as in 127.0.0.1:9464 or 0.0.0.0:9464",
            );
        }
    }
}
