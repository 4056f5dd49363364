//! The two analytic streams that all contracts share.

mod lifecycle;
#[cfg(test)]
mod testing;
mod validation_result;

pub use lifecycle::{Channel, DeliveryRoute, Suppression, expired, lifecycle, number_prefix, suppressed};
pub use validation_result::{Judgement, validation_result};
