//! The Confluent wire format: a zero byte, the schema's id in four bytes, big-endian, then the body.

/// The value of the header `content-type` for this format.
pub const AVRO_MEDIA_TYPE: &str = "application/vnd.apache.avro+confluent";

/// The id of a schema in the registry.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct SchemaId(pub u32);

const MAGIC: u8 = 0;

impl SchemaId {
    /// What every value begins with that was written under this schema.
    pub(crate) const fn prefix(self) -> [u8; 5] {
        let [a, b, c, d] = self.0.to_be_bytes();
        [MAGIC, a, b, c, d]
    }
}

impl std::fmt::Display for SchemaId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.fmt(f)
    }
}

/// The schema id and the body of a value. `None`: it is not in the wire format.
pub fn framed(value: &[u8]) -> Option<(SchemaId, &[u8])> {
    match value {
        [MAGIC, a, b, c, d, body @ ..] => Some((SchemaId(u32::from_be_bytes([*a, *b, *c, *d])), body)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_begins_with_its_schema_id() {
        assert_eq!(SchemaId(0x0102_0304).prefix(), [0, 1, 2, 3, 4]);
        assert_eq!(framed(&[0, 1, 2, 3, 4, 5]), Some((SchemaId(0x0102_0304), &[5][..])));
        assert_eq!(framed(&[0, 0, 0, 0, 17]), Some((SchemaId(17), &[][..])));
        assert_eq!(framed(&[0, 0, 0, 0]), None);
        assert_eq!(framed(b""), None);
        assert_eq!(framed(br#"{"operation":"send"}"#), None);
    }
}
