//! The clocks. The wall clock is used for deadlines, idle inputs and latency, and never decides what a code or a lock is
//! worth.

use std::time::Instant;

use otp_topology::otp::LogTime;

use crate::kafka::{broker_clock, outage};

/// Milliseconds since the Unix epoch. It is compared with append times, so it is the brokers' clock and not this host's.
pub(crate) fn wall() -> LogTime {
    LogTime::from_ms(broker_clock::now_ms())
}

/// For intervals: how long a commit takes, how long records wait, how fast a restore is.
pub(super) fn now() -> Instant {
    #[expect(
        clippy::disallowed_methods,
        reason = "measures and waits; no outcome of a request depends on it"
    )]
    Instant::now()
}

/// The causes of faults that last: of the cluster and the way to it, the first one first, and of this host's clock.
pub(crate) fn causes() -> Vec<String> {
    outage::current_causes().into_iter().chain(broker_clock::fault()).collect()
}
