//! How the values of each output topic are written: as they are, or as Avro.
//!
//! The topology writes JSON. What is Avro becomes it here, when a record is handed to librdkafka: nothing that is kept holds
//! the other form.

use otp_codec::{AVRO_MEDIA_TYPE, EncodeError, Encoder};
use otp_topology::wire::headers::{CE_DATASCHEMA, CONTENT_TYPE};
use otp_topology::wire::outbox::{Outgoing, OutputTopic};

/// By output topic. Empty: all are JSON.
#[derive(Clone, Debug, Default)]
pub struct Encodings {
    topics: Vec<Option<AvroEncoding>>,
}

/// One topic in Avro.
#[derive(Clone, Debug)]
pub struct AvroEncoding {
    encoder: Encoder,
    /// The header [`CE_DATASCHEMA`]: where the schema is.
    dataschema: String,
}

impl Encodings {
    /// `topics`: by output topic; `None`: JSON.
    pub fn new(topics: Vec<Option<AvroEncoding>>) -> Self {
        Self { topics }
    }

    pub(super) fn of(&self, topic: OutputTopic) -> Option<&AvroEncoding> {
        self.topics.get(usize::from(topic.0))?.as_ref()
    }
}

impl AvroEncoding {
    pub fn new(encoder: Encoder, dataschema: String) -> Self {
        Self { encoder, dataschema }
    }

    /// Most bytes that a record may have more than as JSON.
    pub(super) fn growth_bytes_max(&self) -> usize {
        const FRAME_BYTES_MAX: usize = 16;
        FRAME_BYTES_MAX + AVRO_MEDIA_TYPE.len() + CE_DATASCHEMA.len() + self.dataschema.len()
    }

    /// Replaces `out` by the value of a record.
    ///
    /// # Errors
    /// The value is not of the topic's schema.
    pub(super) fn encode(&self, record: Outgoing<'_>, out: &mut Vec<u8>) -> Result<(), EncodeError> {
        out.clear();
        record.value().map_or(Ok(()), |json| self.encoder.encode(json, out))
    }

    /// The value of a header of the record.
    pub(super) fn header<'a>(&self, name: &str, value: Option<&'a [u8]>) -> Option<&'a [u8]> {
        if name == CONTENT_TYPE { Some(AVRO_MEDIA_TYPE.as_bytes()) } else { value }
    }

    /// The header that only Avro has.
    pub(super) fn own_header(&self) -> (&[u8], Option<&[u8]>) {
        (CE_DATASCHEMA.as_bytes(), Some(self.dataschema.as_bytes()))
    }
}
