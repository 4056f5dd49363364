//! Fault loops, one test for each kind of fault. Each run puts processes on a real broker under load, injects faults, and
//! finally audits all committed events. A run takes some seconds; `./dev torture` makes many.

mod brokers;
mod load;
mod machine;
mod others;
mod partitions;
mod process;
mod refusals;
mod run;
mod store;
mod upstream;

use std::time::{Duration, Instant};

/// The length of a session in seconds.
const SESSION: &str = "OTP_TORTURE_SECONDS";

/// Runs a kind of fault: once, or as often as fits into `OTP_TORTURE_SECONDS`, each time with the next seed.
fn repeat(kind: &str, run: impl Fn(&str, u64)) {
    let length = Duration::from_secs(number(SESSION).unwrap_or(0));
    let first = number("OTP_TORTURE_SEED").unwrap_or(1);
    let started = Instant::now();
    for seed in first.. {
        println!("{kind}: seed {seed}, after {} of {} s", started.elapsed().as_secs(), length.as_secs());
        run(kind, seed);
        if started.elapsed() >= length {
            return;
        }
    }
}

/// Whether this is a session of `./dev torture`.
fn is_session() -> bool {
    number(SESSION).is_some()
}

fn number(name: &str) -> Option<u64> {
    let text = std::env::var(name).ok()?;
    Some(text.parse().unwrap_or_else(|_| panic!("{name}={text}: not a number")))
}
