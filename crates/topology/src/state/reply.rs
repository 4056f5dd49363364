//! A remembered reply as it is stored: sealed, because a body may identify a person; and without the code's digits,
//! because no store holds a code.
//!
//! ```text
//! sealed: version 1 │ time 8 │ event base 16 │ place of the code's digits 4 (all ones: no code) │ body
//! ```

use super::{BadRecord, CannotOpen, open, seal};
use crate::otp::{Keyring, LogTime};

/// What is remembered of a reply. `B` holds the body without the code's digits.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredReply<B> {
    /// The reply's `ce_time`.
    pub time: LogTime,
    /// What the reply's event id begins with.
    pub event_base: [u8; 16],
    /// Where in the body the code's digits go.
    pub code_at: Option<usize>,
    pub body: B,
}

const VERSION: u8 = 1;
const HEAD_LEN: usize = 1 + 8 + 16 + 4;
const NO_CODE: u32 = u32::MAX;

impl StoredReply<&[u8]> {
    /// Bound to the subject's store key. The nonce comes from the event base, so that the same reply always gives the
    /// same bytes.
    pub fn seal(&self, keys: &Keyring, subject_key: &[u8]) -> Vec<u8> {
        let code_at = self.code_at.map_or(NO_CODE, |at| u32::try_from(at).expect("bodies are short"));
        let (time, code_at) = (self.time.ms().to_be_bytes(), code_at.to_be_bytes());
        let nonce = self.event_base[..12].try_into().expect("twelve bytes");
        seal(keys, self.time, subject_key, nonce, &[&[VERSION], &time, &self.event_base, &code_at, self.body])
    }
}

impl StoredReply<Vec<u8>> {
    /// # Errors
    /// CannotOpen under a key that is not in the ring, or damaged.
    pub fn open(keys: &Keyring, subject_key: &[u8], sealed: &[u8]) -> Result<Self, CannotOpen> {
        const BAD: BadRecord = BadRecord::Damaged("reply");
        let plain = open(keys, subject_key, sealed)?;
        let head = plain.split_first_chunk::<HEAD_LEN>().filter(|(head, _)| head[0] == VERSION);
        let (head, body) = head.ok_or(CannotOpen::Record(BAD))?;
        let time = u64::from_be_bytes(head[1..9].try_into().expect("eight bytes"));
        let event_base = head[9..25].try_into().expect("sixteen bytes");
        let code_at = u32::from_be_bytes(head[25..].try_into().expect("four bytes"));
        let code_at = (code_at != NO_CODE).then_some(code_at as usize);
        if code_at.is_some_and(|at| at > body.len()) {
            return Err(CannotOpen::Record(BAD));
        }
        Ok(Self { time: LogTime::from_ms(time), event_base, code_at, body: body.to_vec() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::keyring;

    #[test]
    fn a_reply_opens_as_it_was_sealed() {
        let keys = keyring();
        for (code_at, body) in [(None, &b""[..]), (Some(0), b"{}"), (Some(2), b"{}")] {
            let (time, event_base) = (LogTime::from_ms(7), [9; 16]);
            let sealed = StoredReply { time, event_base, code_at, body }.seal(&keys, b"S1");
            let opened = StoredReply { time, event_base, code_at, body: body.to_vec() };
            assert_eq!(StoredReply::open(&keys, b"S1", &sealed), Ok(opened));
            assert!(StoredReply::open(&keys, b"S2", &sealed).is_err(), "bound to its subject");
        }
    }

    #[test]
    fn a_place_beyond_the_body_is_damage() {
        let sealed =
            StoredReply { time: LogTime::default(), event_base: [0; 16], code_at: Some(3), body: &b"{}"[..] };
        let sealed = sealed.seal(&keyring(), b"S1");
        let opened = StoredReply::open(&keyring(), b"S1", &sealed);
        assert_eq!(opened, Err(CannotOpen::Record(BadRecord::Damaged("reply"))));
    }
}
