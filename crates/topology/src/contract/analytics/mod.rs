//! The analytic streams that all contracts share.

mod lifecycle;
mod signal;
#[cfg(test)]
mod testing;
mod validation_result;

pub use lifecycle::{Channel, DeliveryRoute, Suppression, expired, lifecycle, suppressed};
pub use signal::{NONE, OTHER, Signal, SignalKind, Tally, TallyKind};
pub use validation_result::{Judgement, validation_result};
