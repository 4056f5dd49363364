//! A remembered reply as it is stored: sealed, because a body may identify a person; and without its secrets, because no
//! store holds a code.
//!
//! ```text
//! version 1 │ time 8 │ event base 16 │ offset of the code 4 (all ones: no code) │ body
//! version 2 │ time 8 │ event base 16 │ count 1, headers │ count 1, placeholders │ body
//!   header: length 1, name │ length 4, value
//!   placeholder of a code: 0 (body) or 1 (header) │ offset or index 4 │ challenge 16 │ purpose 1 │ key 4 │ digits 1 │
//!                          rotation 1
//!   placeholder of a token: 2 (header) │ index 4 │ key 4; the claims are the header's value
//! ```
//!
//! Version 1 is a reply without headers and with at most one code, in its body. What the code is derived from is stored
//! beside it, in [`Remembered::code`](crate::otp::Remembered::code).

use super::{BadRecord, CannotOpen, open, seal};
use crate::otp::{ChallengeId, CodeRef, Digits, KeyId, Keyring, LogTime, Purpose};
use crate::wire::reply::{Placeholder, REPLY_HEADERS_MAX, REPLY_SECRETS_MAX, Reply, Secret, SecretPlace};

/// What is remembered of a reply.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredReply<R = Reply> {
    /// The reply's `ce_time`.
    pub time: LogTime,
    /// What the reply's event id begins with.
    pub event_base: [u8; 16],
    pub reply: R,
}

const LONE_CODE: u8 = 1;
const GENERAL: u8 = 2;
const NO_CODE: u32 = u32::MAX;
/// What a placeholder is and where it stands; append only.
const CODE_IN_BODY: u8 = 0;
const CODE_IN_HEADER: u8 = 1;
const TOKEN_IN_HEADER: u8 = 2;
const BAD: CannotOpen = CannotOpen::Record(BadRecord::Damaged("reply"));

impl StoredReply<&Reply> {
    /// Bound to the subject's store key. The nonce comes from the event base, so that the same reply always gives the
    /// same bytes. Also returns the code to store beside it.
    pub fn seal(&self, keys: &Keyring, subject_key: &[u8]) -> (Vec<u8>, Option<CodeRef>) {
        let time = self.time.ms().to_be_bytes();
        let nonce = self.event_base[..12].try_into().expect("twelve bytes");
        let seal = |version: u8, more: &[u8]| {
            let parts = [&[version][..], &time, &self.event_base, more, &self.reply.body];
            seal(keys, self.time, subject_key, nonce, &parts)
        };
        match (self.reply.headers.is_empty(), self.reply.placeholders.as_slice()) {
            (true, []) => (seal(LONE_CODE, &NO_CODE.to_be_bytes()), None),
            (true, [Placeholder { place: SecretPlace::Body(at), secret: Secret::Code(code) }]) => {
                (seal(LONE_CODE, &be_u32(*at)), Some(*code))
            }
            (true | false, _) => (seal(GENERAL, &head_of(self.reply)), None),
        }
    }
}

impl StoredReply {
    /// `code`: what was stored beside it.
    ///
    /// # Errors
    /// Sealed under a key that is not in the ring, or damaged.
    pub fn open(
        keys: &Keyring,
        subject_key: &[u8],
        sealed: &[u8],
        code: Option<CodeRef>,
    ) -> Result<Self, CannotOpen> {
        let plain = open(keys, subject_key, sealed)?;
        let mut rest = Unread(&plain);
        let version = rest.byte().ok_or(BAD)?;
        let time = LogTime::from_ms(u64::from_be_bytes(rest.array().ok_or(BAD)?));
        let event_base = rest.array().ok_or(BAD)?;
        let reply = match version {
            LONE_CODE => rest.lone_code(code),
            GENERAL => rest.general(),
            _ => None,
        };
        Ok(Self { time, event_base, reply: reply.ok_or(BAD)? })
    }
}

/// Headers and placeholders.
fn head_of(reply: &Reply) -> Vec<u8> {
    let count = |length: usize| u8::try_from(length).expect("replies have few of them");
    let mut head = vec![count(reply.headers.len())];
    for (name, value) in &reply.headers {
        head.push(count(name.len()));
        head.extend_from_slice(name.as_bytes());
        head.extend_from_slice(&be_u32(value.len()));
        head.extend_from_slice(value);
    }
    head.push(count(reply.placeholders.len()));
    for Placeholder { place, secret } in &reply.placeholders {
        let (kind, at) = match (*place, secret) {
            (SecretPlace::Body(at), Secret::Code(_)) => (CODE_IN_BODY, at),
            (SecretPlace::Header(index), Secret::Code(_)) => (CODE_IN_HEADER, index),
            (SecretPlace::Header(index), Secret::Token(_)) => (TOKEN_IN_HEADER, index),
            (SecretPlace::Body(_), Secret::Token(_)) => unreachable!("a token stands in a header"),
        };
        head.push(kind);
        head.extend_from_slice(&be_u32(at));
        match secret {
            Secret::Code(code) => {
                head.extend_from_slice(&code.challenge.0);
                head.push(code.purpose as u8);
                head.extend_from_slice(&code.key.0.to_be_bytes());
                head.extend_from_slice(&[code.digits.get(), code.rotation]);
            }
            Secret::Token(key) => head.extend_from_slice(&key.0.to_be_bytes()),
        }
    }
    head
}

fn be_u32(length: usize) -> [u8; 4] {
    u32::try_from(length).expect("replies are short").to_be_bytes()
}

struct Unread<'a>(&'a [u8]);

impl<'a> Unread<'a> {
    fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (first, rest) = self.0.split_first_chunk()?;
        self.0 = rest;
        Some(*first)
    }

    fn byte(&mut self) -> Option<u8> {
        self.array().map(|[byte]| byte)
    }

    fn length(&mut self) -> Option<usize> {
        self.array().map(|it| u32::from_be_bytes(it) as usize)
    }

    fn bytes(&mut self, length: usize) -> Option<&'a [u8]> {
        let (first, rest) = self.0.split_at_checked(length)?;
        self.0 = rest;
        Some(first)
    }

    fn lone_code(mut self, code: Option<CodeRef>) -> Option<Reply> {
        let at = u32::from_be_bytes(self.array()?);
        let body = self.0.to_vec();
        match at {
            NO_CODE => Some(Reply::plain(body)),
            at if at as usize > body.len() => None,
            at => Some(match code {
                Some(code) => Reply::with_code(body, at as usize, code),
                None => Reply::plain(body),
            }),
        }
    }

    fn general(mut self) -> Option<Reply> {
        let mut reply = Reply::default();
        for _ in 0..self.byte().filter(|it| usize::from(*it) <= REPLY_HEADERS_MAX)? {
            let length = self.byte()?;
            let name = std::str::from_utf8(self.bytes(length.into())?).ok()?.to_owned();
            let length = self.length()?;
            reply.headers.push((name.into(), self.bytes(length)?.to_vec()));
        }
        for _ in 0..self.byte().filter(|it| usize::from(*it) <= REPLY_SECRETS_MAX)? {
            let (kind, at) = (self.byte()?, self.length()?);
            let place = match kind {
                CODE_IN_BODY => SecretPlace::Body(at),
                CODE_IN_HEADER | TOKEN_IN_HEADER => SecretPlace::Header(at).checked(reply.headers.len())?,
                _ => return None,
            };
            let secret = if kind == TOKEN_IN_HEADER {
                Secret::Token(KeyId(u32::from_be_bytes(self.array()?)))
            } else {
                Secret::Code(CodeRef {
                    challenge: ChallengeId(self.array()?),
                    purpose: Purpose::from_byte(self.byte()?)?,
                    key: KeyId(u32::from_be_bytes(self.array()?)),
                    digits: Digits::new(self.byte()?)?,
                    rotation: self.byte()?,
                })
            };
            reply.placeholders.push(Placeholder { place, secret });
        }
        reply.body = self.0.to_vec();
        let offsets = reply.placeholders.iter().filter_map(|it| match it.place {
            SecretPlace::Body(at) => Some(at),
            SecretPlace::Header(_) => None,
        });
        (offsets.clone().is_sorted() && offsets.clone().all(|at| at <= reply.body.len())).then_some(reply)
    }
}

impl SecretPlace {
    fn checked(self, headers: usize) -> Option<Self> {
        match self {
            Self::Body(_) => Some(self),
            Self::Header(index) => (index < headers).then_some(self),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::keyring;

    fn code(rotation: u8) -> CodeRef {
        CodeRef {
            challenge: ChallengeId([rotation; 16]),
            purpose: Purpose::Login,
            key: KeyId(7),
            digits: Digits::new(6).expect("six"),
            rotation,
        }
    }

    fn with_header(body: &[u8], places: &[SecretPlace]) -> Reply {
        let mut reply = Reply::plain(body.to_vec());
        reply.headers.push(("authorization".into(), Vec::new()));
        reply.placeholders.extend(
            places
                .iter()
                .zip(0..)
                .map(|(place, rotation)| Placeholder { place: *place, secret: Secret::Code(code(rotation)) }),
        );
        reply
    }

    #[test]
    fn a_reply_opens_as_it_was_sealed() {
        let keys = keyring();
        let check = |reply: Reply, beside: Option<CodeRef>| {
            let (time, event_base) = (LogTime::from_ms(7), [9; 16]);
            let (sealed, code) = StoredReply { time, event_base, reply: &reply }.seal(&keys, b"S1");
            assert_eq!(code, beside);
            let opened = StoredReply::open(&keys, b"S1", &sealed, code);
            assert_eq!(opened, Ok(StoredReply { time, event_base, reply }));
            assert!(StoredReply::open(&keys, b"S2", &sealed, code).is_err(), "bound to its subject");
        };
        check(Reply::plain(Vec::new()), None);
        check(Reply::plain(b"{}".to_vec()), None);
        check(Reply::with_code(b"{}".to_vec(), 0, code(1)), Some(code(1)));
        check(Reply::with_code(b"{}".to_vec(), 2, code(1)), Some(code(1)));
        check(with_header(b"{}", &[]), None);
        check(with_header(b"{}", &[SecretPlace::Header(0)]), None);
        check(with_header(b"{}", &[SecretPlace::Body(1), SecretPlace::Header(0)]), None);
        let mut token = with_header(b"{}", &[]);
        token
            .placeholders
            .push(Placeholder { place: SecretPlace::Header(0), secret: Secret::Token(KeyId(3)) });
        check(token, None);
    }

    #[test]
    fn a_place_outside_the_reply_is_damage() {
        let check = |reply: Reply| {
            let stored = StoredReply { time: LogTime::default(), event_base: [0; 16], reply: &reply };
            let (sealed, code) = stored.seal(&keyring(), b"S1");
            let opened = StoredReply::open(&keyring(), b"S1", &sealed, code);
            assert_eq!(opened, Err(CannotOpen::Record(BadRecord::Damaged("reply"))), "{reply:?}");
        };
        check(Reply::with_code(b"{}".to_vec(), 3, code(1)));
        check(with_header(b"{}", &[SecretPlace::Body(3)]));
        check(with_header(b"{}", &[SecretPlace::Header(1)]));
        check(with_header(b"{}", &[SecretPlace::Body(2), SecretPlace::Body(1)]));
    }
}
