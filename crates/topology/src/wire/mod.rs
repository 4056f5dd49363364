//! What lies on the wire, whatever the contract: JSON with limits, headers, records in and out, partitioning.

pub mod headers;
pub mod json;
mod json_reader;
pub mod json_text;
pub mod kcat;
pub mod murmur2;
pub mod outbox;
pub mod record;
pub mod rfc3339;
