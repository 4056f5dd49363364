//! Signal windows as they are stored: which one is open, and what was counted in each. Pinned bytes.
//!
//! Numbers are big-endian. A subject stands for itself by the first eight bytes of its pseudonym. Every sixteen of them are
//! put aside, so that a row stays small however often it is written.
//!
//! ```text
//! key    W                                             value  version 1 │ 0 told, 1 open │ start u64 │ end u64
//! key    W │ span │ contract/root │ 0 │ prefix u16             version 1 │ 7 × count u32 │ subjects u16 │ n × subject 8
//! key    W │ span │ contract/root │ 0 │ prefix u16 │ part       version 1 │ 16 × subject 8
//! span   start u64 │ length in ms u32
//! ```
//!
//! The prefix 65535 stands for no number.

use super::{BadRecord, Family, StoreKey};
use crate::otp::{LogTime, NumberPrefix, Pseudonym};

/// How many kinds of events a row counts.
pub const SIGNAL_KINDS: usize = 7;
/// Distinct subjects are counted up to this number.
const SUBJECTS_COUNTED_MAX: usize = 256;
const PART_SUBJECTS: usize = 16;
const SUBJECT_BYTES: usize = 8;
/// Stands for a subject that was counted and is not known any more.
const UNKNOWN_SUBJECT: [u8; SUBJECT_BYTES] = [0; SUBJECT_BYTES];
const VERSION: u8 = 1;
const NO_PREFIX: u16 = u16::MAX;
const BAD_KEY: BadRecord = BadRecord::Damaged("signal key");
const BAD: BadRecord = BadRecord::Damaged("signal window");

const _: () = assert!(
    SUBJECTS_COUNTED_MAX.is_multiple_of(PART_SUBJECTS) && SUBJECTS_COUNTED_MAX / PART_SUBJECTS <= 255
);

/// The window of a task in which events are counted. A later one begins where it ends, or afterwards.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SignalWindow {
    /// Whether something was counted in it that is not told.
    pub is_open: bool,
    pub start: LogTime,
    /// The first millisecond after it.
    pub end: LogTime,
}

/// A key of the family.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SignalKey<'a> {
    Window,
    Row(SignalScope<'a>),
    /// Of the subjects of a row.
    Part(SignalScope<'a>, u8),
}

/// What is counted in one row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SignalScope<'a> {
    pub start: LogTime,
    /// The first millisecond after the window.
    pub end: LogTime,
    /// Contract and tenant root, `egov/pb`.
    pub group: &'a str,
    /// `None`: no number.
    pub prefix: Option<NumberPrefix>,
}

/// What was counted of one prefix of a tenant root in a window.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SignalRow {
    /// By kind, in the order of the members of a signal.
    pub counts: [u32; SIGNAL_KINDS],
    /// Distinct, in the order in which they came; at most [`SUBJECTS_COUNTED_MAX`].
    subjects: Vec<[u8; SUBJECT_BYTES]>,
}

impl SignalWindow {
    pub fn key() -> StoreKey {
        StoreKey::new(Family::Signal, &[])
    }

    pub fn encode(self) -> Vec<u8> {
        let mut bytes = vec![VERSION, u8::from(self.is_open)];
        bytes.extend_from_slice(&self.start.ms().to_be_bytes());
        bytes.extend_from_slice(&self.end.ms().to_be_bytes());
        bytes
    }

    /// # Errors
    /// See [`BadRecord`].
    pub fn decode(value: &[u8]) -> Result<Self, BadRecord> {
        let rest = versioned(value)?;
        let (is_open, rest) = rest.split_first().ok_or(BAD)?;
        let rest: &[u8; 16] = rest.try_into().map_err(|_| BAD)?;
        let time = |at: usize| {
            LogTime::from_ms(u64::from_be_bytes(rest[at..at + 8].try_into().expect("eight bytes")))
        };
        let window = Self { is_open: *is_open == 1, start: time(0), end: time(8) };
        if *is_open > 1 || window.start >= window.end { Err(BAD) } else { Ok(window) }
    }
}

impl<'a> SignalKey<'a> {
    /// The first bytes of all keys of windows that start at this time.
    pub fn of_start(start: LogTime) -> Vec<u8> {
        [&[Family::Signal as u8][..], &start.ms().to_be_bytes()].concat()
    }

    /// Writes the key of a row of this window.
    pub fn write_row(
        key: &mut Vec<u8>,
        window: SignalWindow,
        contract: &str,
        root: &str,
        prefix: Option<NumberPrefix>,
    ) {
        key.clear();
        key.push(Family::Signal as u8);
        key.extend_from_slice(&window.start.ms().to_be_bytes());
        let length_ms = u32::try_from(window.end.since(window.start)).expect("a window is at most an hour");
        key.extend_from_slice(&length_ms.to_be_bytes());
        for part in [contract, "/", root, "\0"] {
            key.extend_from_slice(part.as_bytes());
        }
        key.extend_from_slice(&prefix.map_or(NO_PREFIX, NumberPrefix::number).to_be_bytes());
    }

    /// # Errors
    /// It is no key of the family.
    pub fn decode(key: &'a [u8]) -> Result<Self, BadRecord> {
        let Some(rest) = key.strip_prefix(&[Family::Signal as u8]) else { return Err(BAD_KEY) };
        if rest.is_empty() {
            return Ok(Self::Window);
        }
        let (start, rest) = rest.split_first_chunk().ok_or(BAD_KEY)?;
        let start = LogTime::from_ms(u64::from_be_bytes(*start));
        let (length_ms, rest) = rest.split_first_chunk().ok_or(BAD_KEY)?;
        let end = start.plus(u32::from_be_bytes(*length_ms).into());
        let zero = rest.iter().position(|byte| *byte == 0).ok_or(BAD_KEY)?;
        let group = std::str::from_utf8(&rest[..zero]).map_err(|_| BAD_KEY)?;
        let (prefix, part) = rest[zero + 1..].split_first_chunk().ok_or(BAD_KEY)?;
        let prefix = match u16::from_be_bytes(*prefix) {
            NO_PREFIX => None,
            number => Some(NumberPrefix::from_number(number).ok_or(BAD_KEY)?),
        };
        match part {
            [] => Ok(Self::Row(SignalScope { start, end, group, prefix })),
            [part] => Ok(Self::Part(SignalScope { start, end, group, prefix }, *part)),
            _ => Err(BAD_KEY),
        }
    }
}

impl SignalRow {
    /// Counts an event. Returns the part of the subjects that became complete with this one.
    pub fn count(&mut self, kind: usize, subject: Pseudonym) -> Option<(u8, Vec<u8>)> {
        self.counts[kind] = self.counts[kind].saturating_add(1);
        let subject = *subject.0.first_chunk().expect("a pseudonym has sixteen bytes");
        if self.subjects.len() >= SUBJECTS_COUNTED_MAX || self.subjects.contains(&subject) {
            return None;
        }
        self.subjects.push(subject);
        let (parts, rest) = (self.subjects.len() / PART_SUBJECTS, self.subjects.len() % PART_SUBJECTS);
        (rest == 0).then(|| {
            let complete = self.subjects[(parts - 1) * PART_SUBJECTS..].as_flattened();
            (u8::try_from(parts - 1).expect("a few parts"), [&[VERSION], complete].concat())
        })
    }

    pub fn subjects(&self) -> usize {
        self.subjects.len()
    }

    pub fn write(&self, out: &mut Vec<u8>) {
        out.push(VERSION);
        for count in self.counts {
            out.extend_from_slice(&count.to_be_bytes());
        }
        out.extend_from_slice(&u16::try_from(self.subjects.len()).expect("at most 256").to_be_bytes());
        let aside = self.subjects.len() / PART_SUBJECTS * PART_SUBJECTS;
        out.extend_from_slice(self.subjects[aside..].as_flattened());
    }

    /// How many parts of its subjects were put aside.
    ///
    /// # Errors
    /// See [`BadRecord`].
    pub fn parts(value: &[u8]) -> Result<u8, BadRecord> {
        let (_, subjects, _) = Self::decode_counts(value)?;
        Ok(u8::try_from(subjects / PART_SUBJECTS).expect("a few parts"))
    }

    /// `parts`: those that were put aside, in their order. `None`: the changelog has lost it, and its subjects count without
    /// being known.
    ///
    /// # Errors
    /// See [`BadRecord`].
    pub fn decode(value: &[u8], parts: &[Option<Vec<u8>>]) -> Result<Self, BadRecord> {
        let (counts, count, rest) = Self::decode_counts(value)?;
        let mut subjects = Vec::with_capacity(count.next_multiple_of(PART_SUBJECTS));
        for part in parts {
            let known = part.as_deref().map(decode_part).transpose()?;
            subjects.extend_from_slice(known.unwrap_or(&[UNKNOWN_SUBJECT; PART_SUBJECTS]));
        }
        let (own, rest) = rest.as_chunks();
        subjects.extend_from_slice(own);
        if subjects.len() == count && rest.is_empty() { Ok(Self { counts, subjects }) } else { Err(BAD) }
    }

    /// The counts and the number of subjects alone.
    ///
    /// # Errors
    /// See [`BadRecord`].
    pub fn decode_counts(value: &[u8]) -> Result<([u32; SIGNAL_KINDS], usize, &[u8]), BadRecord> {
        let (bytes, rest) = versioned(value)?.split_first_chunk::<{ SIGNAL_KINDS * 4 }>().ok_or(BAD)?;
        let mut counts = [0; SIGNAL_KINDS];
        for (count, bytes) in counts.iter_mut().zip(bytes.as_chunks::<4>().0) {
            *count = u32::from_be_bytes(*bytes);
        }
        let (subjects, rest) = rest.split_first_chunk().ok_or(BAD)?;
        let subjects = usize::from(u16::from_be_bytes(*subjects));
        if subjects > SUBJECTS_COUNTED_MAX { Err(BAD) } else { Ok((counts, subjects, rest)) }
    }
}

/// Refuses an entry that a task could not read later.
///
/// # Errors
/// See [`BadRecord`].
pub fn decode_signal(key: &[u8], value: &[u8]) -> Result<(), BadRecord> {
    match SignalKey::decode(key)? {
        SignalKey::Window => SignalWindow::decode(value).map(drop),
        SignalKey::Row(_) => SignalRow::decode_counts(value).map(drop),
        SignalKey::Part(..) => decode_part(value).map(drop),
    }
}

fn decode_part(value: &[u8]) -> Result<&[[u8; SUBJECT_BYTES]], BadRecord> {
    let (subjects, rest) = versioned(value)?.as_chunks();
    if subjects.len() == PART_SUBJECTS && rest.is_empty() { Ok(subjects) } else { Err(BAD) }
}

fn versioned(value: &[u8]) -> Result<&[u8], BadRecord> {
    BadRecord::behind_version(value, VERSION, BAD)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn subject(number: u16) -> Pseudonym {
        let mut bytes = [7; 16];
        bytes[..2].copy_from_slice(&number.to_be_bytes());
        Pseudonym(bytes)
    }

    /// A row as a store would give it back.
    fn stored(row: &SignalRow, parts: &[Option<Vec<u8>>]) -> Result<SignalRow, BadRecord> {
        let mut value = Vec::new();
        row.write(&mut value);
        assert_eq!(SignalRow::parts(&value).map(usize::from), Ok(row.subjects() / PART_SUBJECTS));
        SignalRow::decode(&value, parts)
    }

    #[test]
    fn keys_and_values_are_pinned() {
        let (start, end) = (LogTime::from_ms(0x0102_0304), LogTime::from_ms(0x0102_0305));
        let window = SignalWindow { is_open: true, start, end };
        let mut key = Vec::new();
        SignalKey::write_row(&mut key, window, "egov", "pb", NumberPrefix::of("9123456789"));
        assert_eq!(key, b"W\0\0\0\0\x01\x02\x03\x04\0\0\0\x01egov/pb\0\x23\xa3");
        assert!(key.starts_with(&SignalKey::of_start(start)));
        let scope = SignalScope { start, end, group: "egov/pb", prefix: NumberPrefix::of("9123") };
        assert_eq!(SignalKey::decode(&key), Ok(SignalKey::Row(scope)));
        assert_eq!(SignalKey::decode(&[&key[..], &[5]].concat()), Ok(SignalKey::Part(scope, 5)));
        SignalKey::write_row(&mut key, window, "egov", "pb", None);
        let scope = SignalScope { prefix: None, ..scope };
        assert_eq!(SignalKey::decode(&key), Ok(SignalKey::Row(scope)));
        assert_eq!(SignalKey::decode(SignalWindow::key().as_bytes()), Ok(SignalKey::Window));
        let span = b"W\0\0\0\0\0\0\0\x01\0\0\0\x01";
        for end in ["egov/pb", "egov/pb\0", "egov/pb\0\x27\x10", "egov/pb\0\x01\x01\x01\x01"] {
            assert_eq!(SignalKey::decode(&[span, end.as_bytes()].concat()), Err(BAD_KEY), "{end:?}");
        }
        assert_eq!(SignalKey::decode(b"X"), Err(BAD_KEY));
        assert_eq!(SignalKey::decode(b"W\0"), Err(BAD_KEY));
        assert_eq!(window.encode(), b"\x01\x01\0\0\0\0\x01\x02\x03\x04\0\0\0\0\x01\x02\x03\x05");
        assert_eq!(SignalWindow::decode(&window.encode()), Ok(window));
        let mut row = SignalRow::default();
        assert_eq!(row.count(1, subject(9)), None);
        let mut value = Vec::new();
        row.write(&mut value);
        let expected = [&[1][..], &[0; 7], &[1], &[0; 20], &[0, 1], &[0, 9, 7, 7, 7, 7, 7, 7]].concat();
        assert_eq!(value, expected);
    }

    #[test]
    fn subjects_are_counted_once_and_up_to_a_limit() {
        let (mut row, mut parts) = (SignalRow::default(), Vec::new());
        for number in 0..300 {
            for _ in 0..2 {
                if let Some((part, subjects)) = row.count(0, subject(number)) {
                    assert_eq!(usize::from(part), parts.len());
                    parts.push(Some(subjects));
                }
                row = stored(&row, &parts).expect("it is read back");
            }
            assert_eq!(row.subjects(), usize::from(number + 1).min(SUBJECTS_COUNTED_MAX));
        }
        assert_eq!((row.counts[0], parts.len()), (600, 16));
        assert_eq!(stored(&row, &parts[1..]), Err(BAD), "too few parts");
    }

    #[test]
    fn subjects_of_a_lost_part_stay_counted() {
        let mut row = SignalRow::default();
        for number in 0..20 {
            row.count(0, subject(number));
        }
        let mut row = stored(&row, &[None]).expect("it is read without its part");
        assert_eq!((row.counts[0], row.subjects()), (20, 20));
        row.count(0, subject(19));
        assert_eq!(row.subjects(), 20, "it stands in the row itself");
        row.count(0, subject(0));
        assert_eq!(row.subjects(), 21, "it stood in the part");
    }

    #[test]
    fn what_is_cut_or_of_another_version_is_refused() {
        let window = SignalWindow { is_open: false, start: LogTime::from_ms(1), end: LogTime::from_ms(2) };
        let (mut row, mut value) = (SignalRow::default(), Vec::new());
        let _ = row.count(0, subject(1));
        row.write(&mut value);
        let key = |prefix| {
            let mut key = Vec::new();
            SignalKey::write_row(&mut key, window, "egov", "pb", prefix);
            key
        };
        for (key, value) in [(SignalWindow::key().into_bytes(), window.encode()), (key(None), value)] {
            assert_eq!(decode_signal(&key, &value), Ok(()));
            assert_eq!(decode_signal(&key, &[&[9], &value[1..]].concat()), Err(BadRecord::UnknownVersion(9)));
            assert_eq!(decode_signal(&key, &value[..10]), Err(BAD));
        }
        let swapped = SignalWindow { start: window.end, end: window.start, ..window };
        assert_eq!(SignalWindow::decode(&swapped.encode()), Err(BAD));
    }
}
