//! An answer as it is remembered: sealed, because a body may hold what a person can be known by; and with a hole
//! where a code stood, because no store holds one.
//!
//! ```text
//! version 1 │ time 8 │ event base 16 │ hole 4 (all ones: none) │ body
//! ```

use super::TaskError;
use crate::contract::Reply;
use crate::otp::{Keyring, LogTime, Remembered};
use crate::state::{BadRecord, CannotOpen, open, seal};

const FORMAT: u8 = 1;
const HEAD_LEN: usize = 1 + 8 + 16 + 4;

pub(super) struct Answer {
    /// Its `ce_time`.
    pub time: LogTime,
    /// What its event id begins with.
    pub base: [u8; 16],
    pub reply: Reply,
}

impl Answer {
    /// The same answer always gives the same bytes: the nonce comes from the request's coordinates.
    pub fn seal(&self, keys: &Keyring, store_key: &[u8]) -> Vec<u8> {
        let hole = self.reply.code.map_or(u32::MAX, |(at, _)| u32::try_from(at).expect("bodies are short"));
        let (time, hole) = (self.time.ms().to_be_bytes(), hole.to_be_bytes());
        let nonce = self.base[..12].try_into().expect("twelve bytes");
        seal(keys, self.time, store_key, nonce, &[&[FORMAT], &time, &self.base, &hole, &self.reply.body])
    }

    /// # Errors
    /// Sealed under a key that is not in the ring, or damaged.
    pub fn open(keys: &Keyring, store_key: &[u8], remembered: &Remembered) -> Result<Self, TaskError> {
        let damaged = |error| TaskError::Record { what: "remembered answer", error };
        let plain = open(keys, store_key, &remembered.reply).map_err(|error| match error {
            CannotOpen::Key(error) => TaskError::Key(error),
            CannotOpen::Record(error) => damaged(error),
        })?;
        let (head, body) = plain
            .split_first_chunk::<HEAD_LEN>()
            .filter(|(head, _)| head[0] == FORMAT)
            .ok_or_else(|| damaged(BadRecord::Damaged("answer")))?;
        let time = u64::from_be_bytes(head[1..9].try_into().expect("eight bytes"));
        let base = head[9..25].try_into().expect("sixteen bytes");
        let hole = u32::from_be_bytes(head[25..].try_into().expect("four bytes"));
        let hole = (hole != u32::MAX).then_some(hole as usize);
        if hole.is_some_and(|at| at > body.len()) {
            return Err(damaged(BadRecord::Damaged("answer")));
        }
        let code = hole.zip(remembered.code);
        Ok(Self { time: LogTime::from_ms(time), base, reply: Reply { body: body.to_vec(), code } })
    }
}
