//! Brokers that cannot be reached: said once, now and then while it lasts, and when it is over. Every client of the
//! process meets the same outage, each with many tries.
//!
//! Decides nothing: librdkafka connects again by itself.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use rdkafka_sys::rd_kafka_resp_err_t as RawCode;

use super::ffi::{Callbacks, Client, Kind};
use super::properties::Properties;

/// Between two lines about the same thing.
const AGAIN: Duration = Duration::from_secs(60);
/// An outage is over when a question was answered and nothing failed for so long.
const CALM: Duration = Duration::from_secs(5);

/// How long brokers are listened to.
const OBJECTIONS: Duration = Duration::from_secs(2);

static TROUBLE: Mutex<Trouble> = Mutex::new(Trouble { outage: None, others: BTreeMap::new() });

/// What was said, and when.
struct Trouble {
    outage: Option<Outage>,
    /// Other errors by code.
    others: BTreeMap<i32, Instant>,
}

struct Outage {
    since: Instant,
    told: Instant,
    last: Instant,
}

#[derive(Debug, PartialEq, Eq)]
enum Line {
    Lost,
    StillLost { seconds: u64 },
    Other,
}

/// A client reports an error.
pub(super) fn client_error(code: i32, reason: &str) {
    const TARGET: &str = "otp_stream::kafka";
    match trouble().error(code, now()) {
        Some(Line::Lost) => tracing::warn!(target: TARGET, code, reason, "the brokers cannot be reached"),
        Some(Line::StillLost { seconds }) => {
            tracing::warn!(target: TARGET, code, reason, seconds, "the brokers still cannot be reached");
        }
        Some(Line::Other) => tracing::warn!(target: TARGET, code, reason, "client error"),
        None => tracing::debug!(target: TARGET, code, reason, "client error"),
    }
}

/// The cluster answered a question.
pub fn cluster_answered() {
    if let Some(seconds) = trouble().answer(now()) {
        tracing::info!(target: "otp_stream::kafka", seconds, "the brokers can be reached again");
    }
}

/// Connects once more, so that what the brokers object to reaches the log: a question that timed out tells nothing.
pub fn let_brokers_say_why(properties: &Properties) {
    let client = Client::new(Kind::Producer, &properties.sender(), &[], Callbacks::default());
    if let Ok(client) = client {
        let until = now() + OBJECTIONS;
        while now() < until {
            client.serve(Duration::from_millis(100));
        }
    }
}

/// Whether an outage is known, so that what comes of it need not be said again.
pub fn is_known() -> bool {
    trouble().outage.is_some()
}

fn trouble() -> MutexGuard<'static, Trouble> {
    TROUBLE.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Trouble {
    fn error(&mut self, code: i32, now: Instant) -> Option<Line> {
        if !is_of_connections(code) {
            let told = self.others.insert(code, now);
            let is_due = told.is_none_or(|told| now.duration_since(told) >= AGAIN);
            if let Some(told) = told.filter(|_| !is_due) {
                self.others.insert(code, told);
            }
            return is_due.then_some(Line::Other);
        }
        let Some(outage) = &mut self.outage else {
            self.outage = Some(Outage { since: now, told: now, last: now });
            return Some(Line::Lost);
        };
        outage.last = now;
        if now.duration_since(outage.told) < AGAIN {
            return None;
        }
        outage.told = now;
        Some(Line::StillLost { seconds: now.duration_since(outage.since).as_secs() })
    }

    /// How many seconds the outage lasted that is over.
    fn answer(&mut self, now: Instant) -> Option<u64> {
        let over = self.outage.take_if(|outage| now.duration_since(outage.last) >= CALM)?;
        Some(over.last.duration_since(over.since).as_secs())
    }
}

fn is_of_connections(code: i32) -> bool {
    let codes = [
        RawCode::RD_KAFKA_RESP_ERR__TRANSPORT,
        RawCode::RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN,
        RawCode::RD_KAFKA_RESP_ERR__RESOLVE,
    ];
    codes.iter().any(|it| *it as i32 == code)
}

#[expect(clippy::disallowed_methods, reason = "how long an outage lasts is told, and decides nothing")]
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
    fn an_outage_is_told_once_a_minute_and_at_its_end() {
        let mut trouble = Trouble { outage: None, others: BTreeMap::new() };
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
            assert_eq!(trouble.error(code, at(seconds)), expected, "{seconds}");
        }
        assert_eq!(trouble.answer(at(125)), None, "another client failed a moment ago");
        assert_eq!(trouble.answer(at(126)), Some(121));
        assert_eq!(trouble.answer(at(127)), None, "it is told once");
        assert_eq!(trouble.error(LOST, at(130)), Some(Line::Lost));
    }
}
