//! What lies on the wire, for every contract: JSON with limits, headers, records in and out, partitioning.

mod arena;
pub mod headers;
pub mod hop;
pub mod json;
pub mod murmur2;
pub mod outbox;
pub mod record;
pub mod reply;
pub mod rfc3339;
pub mod structured;
pub mod topic_name;
