//! The causes of faults, as the clients report them: logs them in an operator's words, and says which causes last.
//!
//! Decides nothing: librdkafka reconnects automatically. `causes` says what an error means. Every client reports every failed
//! attempt; the log writes the same line once a minute.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use otp_topology::otp::LogTime;
use otp_topology::wire::rfc3339;

use super::causes::{Cause, CauseKind, Property, cause_of};
use super::errors::ConsumerError;
use super::ffi::{Callbacks, Client, ClientKind};
use super::properties::Properties;

const TARGET: &str = "otp_stream::kafka";
/// An outage is over when a broker answers and no connection has failed for this long.
const QUIET_MIN: Duration = Duration::from_secs(5);
/// Clients try to connect every few seconds, but librdkafka reports the same error once in half a minute or a minute. A
/// cause that no client has reported for this long has ended.
const CONNECTION_AGE_MAX: Duration = Duration::from_secs(120);
/// A cause that is no lost connection is reported at each refresh of the metadata, every five minutes. After this time
/// without a report it has ended.
const OTHER_AGE_MAX: Duration = Duration::from_secs(330);
/// A refused transaction is tried again at least every half minute.
const REFUSAL_AGE_MAX: Duration = Duration::from_secs(50);
/// Causes that are remembered. There are about twenty.
const FAULTS_MAX: usize = 64;

/// How long [`log_connection_errors`] keeps its client connected.
const CONNECTED_FOR: Duration = Duration::from_secs(2);

static FAULT_LOG: Mutex<FaultLog> = Mutex::new(FaultLog { faults: Vec::new() });

/// Which causes last.
struct FaultLog {
    /// The first cause comes first.
    faults: Vec<Fault>,
}

struct Fault {
    cause: Cause,
    /// By the wall clock.
    since: LogTime,
    begun: Instant,
    last_seen: Instant,
}

/// Takes an error that a client reports. `property` reads that client's properties.
pub(super) fn client_error(code: i32, reason: &str, property: Property<'_>) {
    log(cause_of(code, reason, property), reason);
}

/// Takes a cause for which the cluster refused a transaction. Returns it with its remedy.
pub(super) fn refused(cause: Cause) -> String {
    let told = cause.describe("");
    log(cause, "");
    told
}

fn log(cause: Cause, detail: &str) {
    let known = fault_log().seen(cause, now(), wall());
    if let Some((Cause { text, remedy, .. }, seconds)) = known {
        tracing::warn!(target: TARGET, remedy, detail, seconds, "{text}");
    }
}

/// Takes an error that a consumer's poll reports and recovers from.
pub(crate) fn consumer_error(error: &ConsumerError) {
    client_error(error.code as i32, &error.text, &|_| None);
}

/// Call this when the cluster has answered a request. Logs the end of an outage.
pub(crate) fn cluster_answered() {
    if let Some(seconds) = fault_log().answer(now()) {
        tracing::info!(target: TARGET, seconds, "the brokers can be reached again");
    }
}

/// Connects once more so that the reason of a failure (TLS, SASL, a wrong port) is known. A request that timed out does not
/// carry the reason.
pub(crate) fn log_connection_errors(properties: &Properties) {
    let client = Client::new(ClientKind::Producer, &properties.sender(), &[], Callbacks::default());
    if let Ok(client) = client {
        let until = now() + CONNECTED_FOR;
        while now() < until {
            client.serve(Duration::from_millis(100));
        }
    }
}

/// Whether the brokers cannot be reached, and that was logged. The consequences need no line of their own.
pub(crate) fn is_known() -> bool {
    fault_log().faults.iter().any(|fault| fault.cause.kind.is_of_connection())
}

/// The causes that last, each with the time of its begin and its remedy. The first cause comes first.
pub(crate) fn current_causes() -> Vec<String> {
    fault_log().current(now())
}

/// A failure with the first cause, if one is known.
pub(crate) fn with_first_cause(failure: String) -> String {
    match current_causes().into_iter().next() {
        Some(cause) => format!("{failure}; first cause: {cause}"),
        None => failure,
    }
}

fn fault_log() -> MutexGuard<'static, FaultLog> {
    FAULT_LOG.lock().unwrap_or_else(PoisonError::into_inner)
}

impl FaultLog {
    /// The cause that lasts, and for how many seconds it has lasted. `None`: too many causes are known.
    fn seen(&mut self, cause: Cause, now: Instant, wall: LogTime) -> Option<(Cause, u64)> {
        // Lost connections stay until the cluster answers, unless the same cause comes again after a long time.
        self.faults.retain(|fault| {
            fault.lasts(now) || (fault.cause.kind.is_of_connection() && fault.cause.text != cause.text)
        });
        // librdkafka reports that all brokers are down together with the cause.
        let known = match cause.kind {
            CauseKind::AllDown => {
                let connections = self.faults.iter_mut().filter(|fault| fault.cause.kind.is_of_connection());
                connections.max_by_key(|fault| fault.last_seen)
            }
            CauseKind::Connection | CauseKind::Other | CauseKind::Refusal => {
                self.faults.iter_mut().find(|fault| fault.cause.text == cause.text)
            }
        };
        let Some(fault) = known else {
            if self.faults.len() >= FAULTS_MAX {
                return None;
            }
            self.faults.push(Fault { cause: cause.clone(), since: wall, begun: now, last_seen: now });
            return Some((cause, 0));
        };
        fault.last_seen = now;
        Some((fault.cause.clone(), now.duration_since(fault.begun).as_secs()))
    }

    /// Ends the outage if it is over, and returns how many seconds it lasted.
    fn answer(&mut self, now: Instant) -> Option<u64> {
        let is_connection = |fault: &&Fault| fault.cause.kind.is_of_connection();
        let begun = self.faults.iter().filter(is_connection).map(|fault| fault.begun).min()?;
        let ended = self.faults.iter().filter(is_connection).map(|fault| fault.last_seen).max()?;
        if now.duration_since(ended) < QUIET_MIN {
            return None;
        }
        self.faults.retain(|fault| !fault.cause.kind.is_of_connection());
        Some(ended.duration_since(begun).as_secs())
    }

    fn current(&self, now: Instant) -> Vec<String> {
        let lasting = self.faults.iter().filter(|fault| fault.lasts(now));
        lasting.map(Fault::describe).collect()
    }
}

impl Fault {
    fn lasts(&self, now: Instant) -> bool {
        let age_max = match self.cause.kind {
            CauseKind::Connection | CauseKind::AllDown => CONNECTION_AGE_MAX,
            CauseKind::Other => OTHER_AGE_MAX,
            CauseKind::Refusal => REFUSAL_AGE_MAX,
        };
        now.duration_since(self.last_seen) < age_max
    }

    fn describe(&self) -> String {
        let mut buffer = [0; rfc3339::LEN];
        let since = rfc3339::write(self.since, &mut buffer);
        self.cause.describe(&format!(" (since {since})"))
    }
}

impl Cause {
    fn describe(&self, since: &str) -> String {
        let Self { text, remedy, .. } = self;
        if remedy.is_empty() { format!("{text}{since}") } else { format!("{text}{since}; remedy: {remedy}") }
    }
}

#[expect(clippy::disallowed_methods, reason = "measures an outage for the log; decides nothing")]
fn now() -> Instant {
    Instant::now()
}

#[expect(clippy::disallowed_methods, reason = "when a cause began, for the operator; decides nothing")]
fn wall() -> LogTime {
    let elapsed = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    LogTime::from_ms(u64::try_from(elapsed.as_millis()).unwrap_or(u64::MAX))
}

#[cfg(test)]
mod tests {
    use rdkafka_sys::rd_kafka_resp_err_t as RawCode;

    use super::*;

    const DOWN: RawCode = RawCode::RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN;
    const LOST: RawCode = RawCode::RD_KAFKA_RESP_ERR__TRANSPORT;
    const DENIED: RawCode = RawCode::RD_KAFKA_RESP_ERR_GROUP_AUTHORIZATION_FAILED;
    const PASSWORD: RawCode = RawCode::RD_KAFKA_RESP_ERR__AUTHENTICATION;

    struct Clock(Instant, FaultLog);

    impl Clock {
        fn new() -> Self {
            Self(now(), FaultLog { faults: Vec::new() })
        }

        fn at(&self, seconds: u64) -> Instant {
            self.0 + Duration::from_secs(seconds)
        }

        /// The first words of the cause, and for how long it has lasted.
        fn seen(&mut self, seconds: u64, code: RawCode) -> (String, u64) {
            let cause = cause_of(code as i32, "x", &|_| None);
            let at = self.at(seconds);
            let (cause, lasted) =
                self.1.seen(cause, at, LogTime::from_ms(1_000 * seconds)).expect("few causes");
            (cause.text.split(' ').take(3).collect::<Vec<_>>().join(" "), lasted)
        }
    }

    #[test]
    fn a_cause_is_told_with_how_long_it_has_lasted_and_at_its_end() {
        let mut log = Clock::new();
        for (seconds, code, text, lasted) in [
            (0, LOST, "the brokers cannot", 0),
            (30, LOST, "the brokers cannot", 30),
            (60, DOWN, "the brokers cannot", 60),
            (61, DENIED, "the right READ", 0),
            (100, LOST, "the brokers cannot", 100),
            (121, DOWN, "the brokers cannot", 121),
            (122, DENIED, "the right READ", 61),
        ] {
            assert_eq!(log.seen(seconds, code), (text.to_owned(), lasted), "{seconds}");
        }
        for (seconds, expected) in [(125, None), (126, Some(121)), (127, None)] {
            let at = log.at(seconds);
            assert_eq!(log.1.answer(at), expected, "{seconds}");
        }
        assert_eq!(log.seen(130, LOST).1, 0, "another outage");
    }

    #[test]
    fn brokers_that_are_down_are_told_as_the_cause_that_librdkafka_has_reported() {
        let mut log = Clock::new();
        log.seen(0, PASSWORD);
        assert_eq!(log.seen(1, DOWN), ("authentication failed".to_owned(), 1));
    }

    #[test]
    fn the_first_cause_comes_first_and_brokers_that_are_down_add_none() {
        let mut log = Clock::new();
        for (seconds, code) in [(1, PASSWORD), (1, DOWN), (2, DENIED), (3, DOWN)] {
            log.seen(seconds, code);
        }
        let causes = log.1.current(log.at(4));
        assert_eq!(causes.len(), 2, "{causes:?}");
        assert!(causes[0].starts_with("authentication failed (since 1970-01-01T00:00:01.000Z); remedy: "));
        assert_eq!(log.1.current(log.at(122)).len(), 2);
        assert_eq!(log.1.current(log.at(123)).len(), 1, "no client has reported it for two minutes");
        assert_eq!(log.1.current(log.at(400)), Vec::<String>::new(), "no client reports them any more");
    }

    #[test]
    fn brokers_that_are_down_prolong_the_latest_cause_only() {
        let mut log = Clock::new();
        for (seconds, code) in [(0, LOST), (40, PASSWORD), (41, DOWN), (119, DOWN)] {
            log.seen(seconds, code);
        }
        let causes = log.1.current(log.at(121));
        assert_eq!(causes.len(), 1, "{causes:?}");
        assert!(causes[0].starts_with("authentication failed"), "{causes:?}");
    }
}
