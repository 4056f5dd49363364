//! Kafka's partitioner: murmur2 as the Java client computes it. librdkafka's default (CRC32) is not used.

const SEED: u32 = 0x9747_b28c;
const MULTIPLIER: u32 = 0x5bd1_e995;
const SHIFT: u32 = 24;

/// The partition that the Java client's default partitioner chooses for a key, of `count` partitions (at least 1).
pub fn partition(key: &[u8], count: i32) -> i32 {
    (murmur2(key) & 0x7fff_ffff) as i32 % count
}

/// The Java client's `Utils.murmur2`.
fn murmur2(key: &[u8]) -> u32 {
    let mut hash = SEED ^ key.len() as u32;
    let mut words = key.chunks_exact(4);
    for word in words.by_ref() {
        let word = u32::from_le_bytes(word.try_into().expect("chunks of four"));
        let word = word.wrapping_mul(MULTIPLIER);
        let word = (word ^ (word >> SHIFT)).wrapping_mul(MULTIPLIER);
        hash = hash.wrapping_mul(MULTIPLIER) ^ word;
    }
    let rest = words.remainder();
    if !rest.is_empty() {
        let mut word = [0; 4];
        word[..rest.len()].copy_from_slice(rest);
        hash = (hash ^ u32::from_le_bytes(word)).wrapping_mul(MULTIPLIER);
    }
    hash = (hash ^ (hash >> 13)).wrapping_mul(MULTIPLIER);
    hash ^ (hash >> 15)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The vectors of the Java client's `UtilsTest.testMurmur2`.
    #[test]
    fn hashes_as_the_java_client_does() {
        let check = |key: &str, hash: i32| assert_eq!(murmur2(key.as_bytes()) as i32, hash, "{key}");
        check("21", -973_932_308);
        check("foobar", -790_332_482);
        check("a-little-bit-long-string", -985_981_536);
        check("a-little-bit-longer-string", -1_486_304_829);
        check("lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8", -58_897_971);
        check("abc", 479_470_107);
    }

    #[test]
    fn partitions_are_in_range_whatever_the_sign_of_the_hash() {
        let check = |key: &str, count: i32, expected: i32| {
            assert_eq!(partition(key.as_bytes(), count), expected, "{key} of {count}");
        };
        check("abc", 1, 0);
        check("abc", 12, 479_470_107 % 12);
        check("21", 12, (-973_932_308 & 0x7fff_ffff) % 12);
        check("foobar", i32::MAX, -790_332_482 & 0x7fff_ffff);
    }
}
