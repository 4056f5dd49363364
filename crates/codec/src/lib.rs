//! Avro at the edge: values of Avro topics become JSON before the topology sees them, and its JSON becomes Avro when a
//! record is handed to the producer.
//!
//! Pure: no I/O, no clock. Knows no contract beyond its schemas, and neither Kafka nor the schema registry.
//!
//! ```text
//!                       Inputs                                              Encoder
//! fetched value ─▶ framing ─▶ Gates ─▶ Decoder ─▶ JSON ─▶ topology ─▶ JSON ─▶ body ─▶ value to produce
//!                               │ schema id is not known
//!                               ▼
//!               the partition waits at that offset, the edge asks the registry
//! ```
//!
//! `apache-avro` parses schemas. Values are written and read here, straight from JSON text to bytes and back, for two
//! reasons. Its serializers and its decoder build a tree for each value, which costs more than a request may. And its
//! decoder is not made for hostile bytes: it reads a text that ends too early as null, follows a recursive schema until the
//! stack is full, and makes a list of any length out of items without bytes. The tests hold both against each other.

mod decode;
mod encode;
mod framing;
mod gate;
mod inputs;
mod schemas;
mod varint;

pub use decode::{Decoder, SchemaFault};
pub use encode::{EncodeError, Encoder};
pub use framing::{AVRO_MEDIA_TYPE, SchemaId, framed};
pub use gate::{Admission, Gates, Known, Waiting};
pub use inputs::{Fetched, Inputs, Lookup, Taken};
pub use schemas::EventSchema;
