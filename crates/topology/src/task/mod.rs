//! One partition's work: route, deduplicate, decide over the overlay, expire, plan the commit.
pub mod settings;
