//! Logs unreachable brokers: once at the start of an outage, once a minute while it lasts, and once at its end. Without
//! this, every client of the process would log every failed attempt.
//!
//! Decides nothing: librdkafka reconnects automatically.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use rdkafka_sys::rd_kafka_resp_err_t as RawCode;

use super::ffi::{Callbacks, Client, ClientKind};
use super::properties::Properties;

/// Shortest time between two lines about the same error.
const LINE_INTERVAL: Duration = Duration::from_secs(60);
/// An outage is over when a broker answers and no connection has failed for this long.
const QUIET_MIN: Duration = Duration::from_secs(5);

/// How long [`log_connection_errors`] keeps its client connected.
const CONNECTED_FOR: Duration = Duration::from_secs(2);

static ERROR_LOG: Mutex<ErrorLog> = Mutex::new(ErrorLog { outage: None, others: BTreeMap::new() });

/// Which errors were logged, and when.
struct ErrorLog {
    outage: Option<Outage>,
    /// By error code, when an error that is not a lost connection was last logged.
    others: BTreeMap<i32, Instant>,
}

struct Outage {
    since: Instant,
    last_logged: Instant,
    last_failure: Instant,
}

#[derive(Debug, PartialEq, Eq)]
enum Line {
    Lost,
    StillLost { seconds: u64 },
    Other,
}

/// Logs an error that a client reports, unless the same error was logged shortly before.
pub(super) fn client_error(code: i32, reason: &str) {
    const TARGET: &str = "otp_stream::kafka";
    match error_log().error(code, now()) {
        Some(Line::Lost) => tracing::warn!(target: TARGET, code, reason, "the brokers cannot be reached"),
        Some(Line::StillLost { seconds }) => {
            tracing::warn!(target: TARGET, code, reason, seconds, "the brokers still cannot be reached");
        }
        Some(Line::Other) => tracing::warn!(target: TARGET, code, reason, "client error"),
        None => tracing::debug!(target: TARGET, code, reason, "client error"),
    }
}

/// Call this when the cluster has answered a request. Logs the end of an outage.
pub fn cluster_answered() {
    if let Some(seconds) = error_log().answer(now()) {
        tracing::info!(target: "otp_stream::kafka", seconds, "the brokers can be reached again");
    }
}

/// Connects once more so that the reason of a failure (TLS, SASL, a wrong port) reaches the log. A request that timed out
/// does not carry the reason.
pub fn log_connection_errors(properties: &Properties) {
    let client = Client::new(ClientKind::Producer, &properties.sender(), &[], Callbacks::default());
    if let Ok(client) = client {
        let until = now() + CONNECTED_FOR;
        while now() < until {
            client.serve(Duration::from_millis(100));
        }
    }
}

/// Whether an outage was logged. Its consequences need no line of their own.
pub fn is_known() -> bool {
    error_log().outage.is_some()
}

fn error_log() -> MutexGuard<'static, ErrorLog> {
    ERROR_LOG.lock().unwrap_or_else(PoisonError::into_inner)
}

impl ErrorLog {
    /// The line to log for an error; `None`: it was logged less than [`LINE_INTERVAL`] ago.
    fn error(&mut self, code: i32, now: Instant) -> Option<Line> {
        if !is_lost_connection(code) {
            let logged = self.others.get(&code);
            let is_due = logged.is_none_or(|logged| now.duration_since(*logged) >= LINE_INTERVAL);
            return is_due.then(|| {
                self.others.insert(code, now);
                Line::Other
            });
        }
        let Some(outage) = &mut self.outage else {
            self.outage = Some(Outage { since: now, last_logged: now, last_failure: now });
            return Some(Line::Lost);
        };
        outage.last_failure = now;
        if now.duration_since(outage.last_logged) < LINE_INTERVAL {
            return None;
        }
        outage.last_logged = now;
        Some(Line::StillLost { seconds: now.duration_since(outage.since).as_secs() })
    }

    /// Ends the outage if it is over, and returns how many seconds it lasted.
    fn answer(&mut self, now: Instant) -> Option<u64> {
        let over = self.outage.take_if(|outage| now.duration_since(outage.last_failure) >= QUIET_MIN)?;
        Some(over.last_failure.duration_since(over.since).as_secs())
    }
}

fn is_lost_connection(code: i32) -> bool {
    let codes = [
        RawCode::RD_KAFKA_RESP_ERR__TRANSPORT,
        RawCode::RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN,
        RawCode::RD_KAFKA_RESP_ERR__RESOLVE,
    ];
    codes.iter().any(|it| *it as i32 == code)
}

#[expect(clippy::disallowed_methods, reason = "measures an outage for the log; decides nothing")]
fn now() -> Instant {
    Instant::now()
}

#[cfg(test)]
mod tests {
    use super::*;

    const DOWN: i32 = RawCode::RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN as i32;
    const LOST: i32 = RawCode::RD_KAFKA_RESP_ERR__TRANSPORT as i32;
    const DENIED: i32 = RawCode::RD_KAFKA_RESP_ERR__AUTHENTICATION as i32;

    #[test]
    fn an_outage_is_logged_at_its_start_once_a_minute_and_at_its_end() {
        let mut log = ErrorLog { outage: None, others: BTreeMap::new() };
        let start = now();
        let at = |seconds: u64| start + Duration::from_secs(seconds);
        for (seconds, code, expected) in [
            (0, LOST, Some(Line::Lost)),
            (0, DOWN, None),
            (59, LOST, None),
            (60, DOWN, Some(Line::StillLost { seconds: 60 })),
            (61, DENIED, Some(Line::Other)),
            (90, DENIED, None),
            (121, DOWN, Some(Line::StillLost { seconds: 121 })),
            (122, DENIED, Some(Line::Other)),
        ] {
            assert_eq!(log.error(code, at(seconds)), expected, "{seconds}");
        }
        assert_eq!(log.answer(at(125)), None, "another client failed a moment ago");
        assert_eq!(log.answer(at(126)), Some(121));
        assert_eq!(log.answer(at(127)), None, "the end is logged once");
        assert_eq!(log.error(LOST, at(130)), Some(Line::Lost));
    }
}
