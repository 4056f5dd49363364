//! The schemas and the codec, held against the recorded lines, against `apache-avro`, and against hostile bytes.

mod evolution;
mod hostile;
mod recorded;
mod round_trip;
mod schemas;
