//! The assignment of a group member, as consumers write it: `ConsumerProtocolAssignment` of Kafka's protocol.
//!
//! ```text
//! version i16, count i32, { length i16, topic, count i32, partition i32 … } …, user data (not read)
//! ```

/// The partitions (topic, number) of a member. A member without partitions may have an empty assignment. `None`: the bytes
/// are no assignment.
pub(super) fn assigned_partitions(bytes: &[u8]) -> Option<Vec<(String, i32)>> {
    if bytes.is_empty() {
        return Some(Vec::new());
    }
    let mut rest = bytes;
    let _version = i16::from_be_bytes(take(&mut rest)?);
    let topics = i32::from_be_bytes(take(&mut rest)?);
    let mut partitions = Vec::new();
    for _ in 0..topics {
        let length = usize::try_from(i16::from_be_bytes(take(&mut rest)?)).ok()?;
        let (name, after) = rest.split_at_checked(length)?;
        let name = std::str::from_utf8(name).ok()?;
        rest = after;
        for _ in 0..i32::from_be_bytes(take(&mut rest)?) {
            partitions.push((name.to_owned(), i32::from_be_bytes(take(&mut rest)?)));
        }
    }
    Some(partitions)
}

fn take<const N: usize>(rest: &mut &[u8]) -> Option<[u8; N]> {
    let (taken, after) = rest.split_first_chunk()?;
    *rest = after;
    Some(*taken)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(bytes: &[u8], expected: Option<&[(&str, i32)]>) {
        let expected = expected.map(|it| it.iter().map(|(topic, it)| ((*topic).to_owned(), *it)).collect());
        assert_eq!(assigned_partitions(bytes), expected, "{bytes:?}");
    }

    #[test]
    fn every_partition_of_every_topic_is_read() {
        let two_topics = b"\0\x01\0\0\0\x02\0\x01a\0\0\0\x02\0\0\0\0\0\0\0\x07\0\x02bc\0\0\0\x01\0\0\x01\0\xff\xff\xff\xff";
        check(two_topics, Some(&[("a", 0), ("a", 7), ("bc", 256)]));
        check(b"", Some(&[]));
        check(b"\0\0\0\0\0\0", Some(&[]));
    }

    #[test]
    fn bytes_that_end_too_early_are_no_assignment() {
        check(b"\0", None);
        check(b"\0\0\0\0\0\x01", None);
        check(b"\0\0\0\0\0\x01\0\x09a", None);
        check(b"\0\0\0\0\0\x01\0\x01a\0\0\0\x02\0\0\0\0", None);
        check(b"\0\0\0\0\0\x01\xff\xffa", None);
        check(b"\0\0\0\0\0\x01\0\x01\xff\0\0\0\0", None);
    }
}
