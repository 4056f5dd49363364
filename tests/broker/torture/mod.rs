//! Loops of faults, one test for each kind: processes on a real broker, under load, and at the end the whole committed
//! history against every promise. A pass takes some seconds; `./dev torture` makes many.

mod brokers;
mod load;
mod process;
mod store;
mod trial;
mod upstream;

use std::time::{Duration, Instant};

/// Passes of one kind: one, or as many as fit into the time that the environment gives each kind.
fn passes(kind: &str, pass: impl Fn(&str, u64)) {
    let number = |name: &str| {
        let text = std::env::var(name).ok()?;
        Some(text.parse::<u64>().unwrap_or_else(|_| panic!("{name}={text}: not a number")))
    };
    let length = Duration::from_secs(number("OTP_TORTURE_SECONDS").unwrap_or(0));
    let first = number("OTP_TORTURE_SEED").unwrap_or(1);
    let begun = Instant::now();
    for seed in first.. {
        println!("{kind}: seed {seed}, after {} of {} s", begun.elapsed().as_secs(), length.as_secs());
        pass(kind, seed);
        if begun.elapsed() >= length {
            return;
        }
    }
}
