//! Kafka's partitioner: murmur2 as the Java client computes it.

/// The Java client's `Utils.murmur2`.
pub fn murmur2(_key: &[u8]) -> u32 {
    todo!()
}

/// The partition that the Java client's default partitioner gives this key.
pub fn partition(key: &[u8], count: i32) -> i32 {
    (murmur2(key) & 0x7fff_ffff) as i32 % count
}
