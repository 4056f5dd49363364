//! Fault loops, one test for each kind of fault. Each run puts processes on a real broker under load, injects faults, and
//! finally audits all committed events. A run takes some seconds; `./dev torture` makes many.

mod brokers;
mod load;
mod process;
mod run;
mod store;
mod upstream;

use std::time::{Duration, Instant};

/// Runs a kind of fault: once, or as often as fits into `OTP_TORTURE_SECONDS`, each time with the next seed.
fn repeat(kind: &str, run: impl Fn(&str, u64)) {
    let number = |name: &str| {
        let text = std::env::var(name).ok()?;
        Some(text.parse::<u64>().unwrap_or_else(|_| panic!("{name}={text}: not a number")))
    };
    let length = Duration::from_secs(number("OTP_TORTURE_SECONDS").unwrap_or(0));
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
