//! Positions as they are stored: how far a source partition was applied, by path.
//!
//! ```text
//! key    O │ path │ topic name │ 0 │ partition 4
//! value  version 1 │ first offset that was not applied 8 │ incarnation of the topic 16
//! value  version 2 │ as before                                                         │ leader epoch 4
//! ```
//!
//! Version 1 is written while the log does not say its leader epochs.

use super::{BadRecord, Family, StoreKey};
use crate::wire::record::LeaderEpoch;

/// How records reach a task. Pinned: part of stored keys.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[repr(u8)]
pub enum InputPath {
    /// The task read them from its own source partitions.
    Read = b'R',
    /// They were forwarded to it through the repartition topic.
    Arrived = b'A',
}

/// How far one source partition was applied.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StoredPosition {
    /// The first offset that was not applied.
    pub next: i64,
    /// The incarnation of the topic in which the offset counts.
    pub incarnation: [u8; 16],
    /// Of the last record that was applied.
    pub leader_epoch: Option<LeaderEpoch>,
}

const VERSION: u8 = 1;
const VERSION_WITH_EPOCH: u8 = 2;
const VALUE_LEN: usize = 8 + 16;

pub fn position_key(path: InputPath, topic: &str, partition: i32) -> StoreKey {
    let name = topic.as_bytes();
    let mut rest = Vec::with_capacity(1 + name.len() + 1 + 4);
    rest.push(path as u8);
    rest.extend_from_slice(name);
    rest.push(0);
    rest.extend_from_slice(&partition.to_be_bytes());
    StoreKey::new(Family::Position, &rest)
}

/// Path, topic name and partition.
///
/// # Errors
/// See [`BadRecord`].
pub fn decode_position_key(key: &[u8]) -> Result<(InputPath, &str, i32), BadRecord> {
    const BAD: BadRecord = BadRecord::Damaged("position key");
    let (rest, partition) = key.split_last_chunk::<4>().ok_or(BAD)?;
    let [_, path, name @ .., 0] = rest else {
        return Err(BAD);
    };
    let path = [InputPath::Read, InputPath::Arrived].into_iter().find(|it| *it as u8 == *path).ok_or(BAD)?;
    let name = std::str::from_utf8(name).map_err(|_| BAD)?;
    Ok((path, name, i32::from_be_bytes(*partition)))
}

impl StoredPosition {
    pub fn write(self, out: &mut Vec<u8>) {
        out.push(if self.leader_epoch.is_some() { VERSION_WITH_EPOCH } else { VERSION });
        out.extend_from_slice(&self.next.to_be_bytes());
        out.extend_from_slice(&self.incarnation);
        if let Some(LeaderEpoch(epoch)) = self.leader_epoch {
            out.extend_from_slice(&epoch.to_be_bytes());
        }
    }

    /// # Errors
    /// See [`BadRecord`].
    pub fn decode(value: &[u8]) -> Result<Self, BadRecord> {
        const BAD: BadRecord = BadRecord::Damaged("position");
        let (value, leader_epoch) = match value.split_first().ok_or(BAD)? {
            (&VERSION, value) => (value, None),
            (&VERSION_WITH_EPOCH, value) => {
                let (value, epoch) = value.split_last_chunk::<4>().ok_or(BAD)?;
                (value, Some(LeaderEpoch(i32::from_be_bytes(*epoch))))
            }
            (version, _) => return Err(BadRecord::UnknownVersion(*version)),
        };
        let value: &[u8; VALUE_LEN] = value.try_into().map_err(|_| BAD)?;
        let (next, incarnation) = value.split_at(8);
        let next = i64::from_be_bytes(next.try_into().expect("eight bytes"));
        if next < 0 || leader_epoch.is_some_and(|LeaderEpoch(epoch)| epoch < 0) {
            return Err(BAD);
        }
        Ok(Self { next, incarnation: incarnation.try_into().expect("sixteen bytes"), leader_epoch })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_bytes_of_a_position_are_pinned() {
        let key = position_key(InputPath::Arrived, "requests", 258);
        assert_eq!(key.as_bytes(), b"OArequests\0\0\0\x01\x02");
        assert_eq!(decode_position_key(key.as_bytes()), Ok((InputPath::Arrived, "requests", 258)));
        assert_eq!(position_key(InputPath::Read, "", 0).as_bytes(), b"OR\0\0\0\0\0");
        for (leader_epoch, version, epoch) in
            [(None, 1, &[][..]), (Some(LeaderEpoch(0x0506)), 2, &[0, 0, 5, 6][..])]
        {
            let position = StoredPosition { next: 0x0102_0304, incarnation: [7; 16], leader_epoch };
            let mut value = Vec::new();
            position.write(&mut value);
            assert_eq!(value, [&[version, 0, 0, 0, 0, 1, 2, 3, 4][..], &[7; 16], epoch].concat());
            assert_eq!(StoredPosition::decode(&value), Ok(position));
        }
    }

    #[test]
    fn a_position_of_another_length_or_version_is_refused() {
        let of = |version: u8, len: usize| [&[version][..], &vec![0; len]].concat();
        for (value, is_unknown) in
            [(of(1, 23), false), (of(1, 28), false), (of(2, 24), false), (of(3, 28), true), (vec![], false)]
        {
            let refused = StoredPosition::decode(&value).expect_err("not ours");
            assert_eq!(matches!(refused, BadRecord::UnknownVersion(3)), is_unknown, "{value:?}");
        }
        let negative = [&of(2, 24)[..], &(-1_i32).to_be_bytes()].concat();
        assert!(StoredPosition::decode(&negative).is_err());
    }
}
