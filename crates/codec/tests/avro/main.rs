//! The schemas and the codec, held against the recorded lines, against `apache-avro`, and against hostile bytes.

#![expect(clippy::wildcard_enum_match_arm, reason = "types of Avro and JSON that the schemas do not use")]

mod evolution;
mod hostile;
mod recorded;
mod round_trip;
mod schemas;
