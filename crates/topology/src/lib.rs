//! The pure topology: it computes values from values.
//!
//! Nothing here reads a clock, draws a random number, opens a socket or touches a disk; neither librdkafka nor
//! RocksDB is in this package's tree. The rooms and who may name whom:
//!
//! ```text
//! thread → task → deployment → contract → { otp, text, wire, state }        state → { otp, wire }
//! ```

pub mod contract;
pub mod deployment;
pub mod otp;
pub mod state;
pub mod task;
#[cfg(any(test, feature = "testing"))]
pub mod testing;
pub mod text;
pub mod thread;
pub mod wire;
