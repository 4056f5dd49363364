//! The bytes of a subject: a version byte, then the fields.
//!
//! Numbers are big-endian and have a fixed size. A field that is optional, or has several forms, starts with a byte that
//! tells its form.
//!
//! ```text
//! subject     version 3 │ last time u64 │ wrong tries u32 │ lock │ n × challenge │ n × send u64 │ n × remembered
//! subject     version 4 │ as before                                                                             │ n × reserved
//! lock        0 │ 1 end u64 │ 2
//! challenge   code │ issued u64 │ expires u64 │ tries max │ tries │ resend │ sends │ flags │ state │ version 8 │
//!             length u16, tenant │ 0, or 1 holder 16 │ prefix u16, 65535 for none
//! state       0 │ 1 used at u64 │ 2 ended at u64
//! code        id 16 │ purpose │ key u32 │ digits │ rotation
//! remembered  request 16 │ at u64 │ 0, or 1 code │ length u32, reply
//! reserved    request 16 │ at u64 │ purpose │ partition u32
//! ```
//!
//! Every count is one byte. Version 3 is written while nothing is reserved. Versions 1 and 2 are read too: version 2 has no
//! prefixes, version 1 no holders either.

use super::error::BadRecord;
use crate::otp::{
    Challenge, ChallengeId, ChallengeState, CodeRef, Digits, DueTime, Holder, KeyId, Lock, LogTime,
    NumberPrefix, PolicyVersion, Purpose, REMEMBERED_MAX, RESERVED_MAX, Remembered, RequestDigest, Resend,
    Reservation, Subject,
};

const VERSION: u8 = 3;
const VERSION_WITH_RESERVED: u8 = 4;
/// The version whose challenges have no prefix.
const VERSION_WITHOUT_PREFIX: u8 = 2;
/// The version whose challenges have neither holder nor prefix.
const VERSION_WITHOUT_HOLDER: u8 = 1;
const NO_PREFIX: u16 = u16::MAX;
const FLAG_DECOY: u8 = 1;
const FLAG_EXPIRY_REPORTED: u8 = 2;

pub fn encode_subject(subject: &Subject) -> Vec<u8> {
    let mut bytes = Vec::new();
    write_subject(subject, &mut bytes);
    bytes
}

/// As [`encode_subject`], appended to `bytes`.
pub fn write_subject(subject: &Subject, bytes: &mut Vec<u8>) {
    let mut writer = Writer(bytes);
    writer.byte(if subject.reserved.is_empty() { VERSION } else { VERSION_WITH_RESERVED });
    writer.time(subject.last_time);
    writer.u32(subject.consecutive_wrong);
    match subject.lock {
        Lock::None => writer.byte(0),
        Lock::Until(end) => {
            writer.byte(1);
            writer.time(end);
        }
        Lock::UntilReleased => writer.byte(2),
    }
    writer.count(subject.challenges.len());
    for challenge in &subject.challenges {
        writer.challenge(challenge);
    }
    writer.count(subject.sends.len());
    for sent in &subject.sends {
        writer.time(*sent);
    }
    writer.count(subject.remembered.len());
    for it in &subject.remembered {
        writer.remembered(it);
    }
    if !subject.reserved.is_empty() {
        writer.count(subject.reserved.len());
        for it in &subject.reserved {
            writer.reserved(it);
        }
    }
}

/// # Errors
/// See [`BadRecord`].
pub fn decode_subject(bytes: &[u8]) -> Result<Subject, BadRecord> {
    let mut subject = Subject::default();
    let (last_time, consecutive_wrong, lock) = read_subject(bytes, |part| match part {
        Part::Challenge(challenge, tenant) => {
            subject.challenges.push(Challenge { tenant: tenant.into(), ..challenge });
        }
        Part::Send(at) => subject.sends.push(at),
        Part::Remembered(remembered, reply) => {
            subject.remembered.push(Remembered { reply: reply.into(), ..remembered });
        }
        Part::Reserved(reserved) => subject.reserved.push(reserved),
    })?;
    Ok(Subject { last_time, consecutive_wrong, lock, ..subject })
}

/// `due_at` of the subject, without keeping its parts in memory.
///
/// # Errors
/// As [`decode_subject`].
pub fn subject_due_at(bytes: &[u8]) -> Result<Option<LogTime>, BadRecord> {
    let mut due = DueTime::default();
    let (last_time, consecutive_wrong, lock) = read_subject(bytes, |part| match part {
        Part::Challenge(challenge, _) => due.challenge(&challenge),
        Part::Send(at) => due.send(at),
        Part::Remembered(remembered, _) => due.remembered(remembered.at),
        Part::Reserved(reserved) => due.reserved(reserved.at),
    })?;
    Ok(due.of(last_time, consecutive_wrong, lock))
}

/// A part of a stored subject. Its text or bytes stand beside it, borrowed.
enum Part<'a> {
    Challenge(Challenge, &'a str),
    Send(LogTime),
    Remembered(Remembered, &'a [u8]),
    Reserved(Reservation),
}

/// Reads a subject to its end and passes each part to `on_part`.
fn read_subject<'a>(
    bytes: &'a [u8],
    mut on_part: impl FnMut(Part<'a>),
) -> Result<(LogTime, u32, Lock), BadRecord> {
    let mut reader = Reader(bytes);
    let version = reader.byte()?;
    if !matches!(version, VERSION_WITHOUT_HOLDER..=VERSION_WITH_RESERVED) {
        return Err(BadRecord::UnknownVersion(version));
    }
    let (last_time, consecutive_wrong) = (reader.time()?, reader.u32()?);
    let lock = match reader.byte()? {
        0 => Lock::None,
        1 => Lock::Until(reader.time()?),
        2 => Lock::UntilReleased,
        _ => return Err(BadRecord::Damaged("lock")),
    };
    for _ in 0..reader.count(Purpose::ALL.len())? {
        on_part(reader.challenge(version)?);
    }
    for _ in 0..reader.count(usize::from(u8::MAX))? {
        on_part(Part::Send(reader.time()?));
    }
    for _ in 0..reader.count(REMEMBERED_MAX)? {
        on_part(reader.remembered()?);
    }
    if version == VERSION_WITH_RESERVED {
        let count = reader.count(RESERVED_MAX)?;
        if count == 0 {
            return Err(BadRecord::Damaged("nothing is reserved"));
        }
        for _ in 0..count {
            on_part(Part::Reserved(reader.reserved()?));
        }
    }
    if !reader.0.is_empty() {
        return Err(BadRecord::Damaged("more bytes than fields"));
    }
    Ok((last_time, consecutive_wrong, lock))
}

struct Writer<'a>(&'a mut Vec<u8>);

impl Writer<'_> {
    fn byte(&mut self, byte: u8) {
        self.0.push(byte);
    }

    fn u32(&mut self, number: u32) {
        self.0.extend_from_slice(&number.to_be_bytes());
    }

    fn time(&mut self, time: LogTime) {
        self.0.extend_from_slice(&time.ms().to_be_bytes());
    }

    fn count(&mut self, count: usize) {
        self.byte(u8::try_from(count).expect("the rules keep every list of a subject below 256"));
    }

    fn code(&mut self, code: CodeRef) {
        self.0.extend_from_slice(&code.challenge.0);
        self.byte(code.purpose as u8);
        self.u32(code.key.0);
        self.byte(code.digits.get());
        self.byte(code.rotation);
    }

    fn challenge(&mut self, it: &Challenge) {
        self.code(it.code);
        self.time(it.issued_at);
        self.time(it.expires_at);
        let flags = u8::from(it.decoy) * FLAG_DECOY + u8::from(it.expiry_reported) * FLAG_EXPIRY_REPORTED;
        self.0.extend_from_slice(&[it.tries_max, it.tries, it.resend as u8, it.sends, flags]);
        match it.state {
            ChallengeState::Live => self.byte(0),
            ChallengeState::Used { at } => {
                self.byte(1);
                self.time(at);
            }
            ChallengeState::Ended { at } => {
                self.byte(2);
                self.time(at);
            }
        }
        self.0.extend_from_slice(&it.policy_version.0);
        let length = u16::try_from(it.tenant.len()).expect("the contracts bound a tenant's length");
        self.0.extend_from_slice(&length.to_be_bytes());
        self.0.extend_from_slice(it.tenant.as_bytes());
        match it.holder {
            None => self.byte(0),
            Some(Holder(holder)) => {
                self.byte(1);
                self.0.extend_from_slice(&holder);
            }
        }
        let prefix = it.prefix.map_or(NO_PREFIX, NumberPrefix::number);
        self.0.extend_from_slice(&prefix.to_be_bytes());
    }

    fn remembered(&mut self, it: &Remembered) {
        self.0.extend_from_slice(&it.request.0);
        self.time(it.at);
        match it.code {
            None => self.byte(0),
            Some(code) => {
                self.byte(1);
                self.code(code);
            }
        }
        self.u32(u32::try_from(it.reply.len()).expect("a reply is a few kilobytes"));
        self.0.extend_from_slice(&it.reply);
    }

    fn reserved(&mut self, it: &Reservation) {
        self.0.extend_from_slice(&it.request.0);
        self.time(it.at);
        self.byte(it.purpose as u8);
        self.0.extend_from_slice(&it.partition.to_be_bytes());
    }
}

struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    fn bytes(&mut self, count: usize) -> Result<&'a [u8], BadRecord> {
        let (bytes, rest) = self.0.split_at_checked(count).ok_or(BadRecord::Damaged("too short"))?;
        self.0 = rest;
        Ok(bytes)
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], BadRecord> {
        let (array, rest) = self.0.split_first_chunk().ok_or(BadRecord::Damaged("too short"))?;
        self.0 = rest;
        Ok(*array)
    }

    fn byte(&mut self) -> Result<u8, BadRecord> {
        self.array().map(|[byte]| byte)
    }

    fn u32(&mut self) -> Result<u32, BadRecord> {
        self.array().map(u32::from_be_bytes)
    }

    fn time(&mut self) -> Result<LogTime, BadRecord> {
        self.array().map(|bytes| LogTime::from_ms(u64::from_be_bytes(bytes)))
    }

    fn count(&mut self, max: usize) -> Result<usize, BadRecord> {
        let count = usize::from(self.byte()?);
        if count > max { Err(BadRecord::Damaged("list is too long")) } else { Ok(count) }
    }

    fn code(&mut self) -> Result<CodeRef, BadRecord> {
        Ok(CodeRef {
            challenge: ChallengeId(self.array()?),
            purpose: Purpose::from_byte(self.byte()?).ok_or(BadRecord::Damaged("purpose"))?,
            key: KeyId(self.u32()?),
            digits: Digits::new(self.byte()?).ok_or(BadRecord::Damaged("digits"))?,
            rotation: self.byte()?,
        })
    }

    fn challenge(&mut self, version: u8) -> Result<Part<'a>, BadRecord> {
        let code = self.code()?;
        let (issued_at, expires_at) = (self.time()?, self.time()?);
        let [tries_max, tries, resend, sends, flags] = self.array()?;
        if flags & !(FLAG_DECOY | FLAG_EXPIRY_REPORTED) != 0 {
            return Err(BadRecord::Damaged("flags"));
        }
        let state = match self.byte()? {
            0 => ChallengeState::Live,
            1 => ChallengeState::Used { at: self.time()? },
            2 => ChallengeState::Ended { at: self.time()? },
            _ => return Err(BadRecord::Damaged("state")),
        };
        let policy_version = PolicyVersion(self.array()?);
        let length = u16::from_be_bytes(self.array()?);
        let tenant = std::str::from_utf8(self.bytes(usize::from(length))?);
        let tenant = tenant.map_err(|_| BadRecord::Damaged("tenant"))?;
        let holder = match if version == VERSION_WITHOUT_HOLDER { 0 } else { self.byte()? } {
            0 => None,
            1 => Some(Holder(self.array()?)),
            _ => return Err(BadRecord::Damaged("holder")),
        };
        let prefix = match if version > VERSION_WITHOUT_PREFIX {
            u16::from_be_bytes(self.array()?)
        } else {
            NO_PREFIX
        } {
            NO_PREFIX => None,
            number => Some(NumberPrefix::from_number(number).ok_or(BadRecord::Damaged("prefix"))?),
        };
        let challenge = Challenge {
            code,
            issued_at,
            expires_at,
            tries_max,
            tries,
            resend: resend_of(resend)?,
            sends,
            state,
            decoy: flags & FLAG_DECOY != 0,
            expiry_reported: flags & FLAG_EXPIRY_REPORTED != 0,
            tenant: Box::default(),
            policy_version,
            holder,
            prefix,
        };
        Ok(Part::Challenge(challenge, tenant))
    }

    fn remembered(&mut self) -> Result<Part<'a>, BadRecord> {
        let request = RequestDigest(self.array()?);
        let at = self.time()?;
        let code = match self.byte()? {
            0 => None,
            1 => Some(self.code()?),
            _ => return Err(BadRecord::Damaged("remembered code")),
        };
        let length = usize::try_from(self.u32()?).map_err(|_| BadRecord::Damaged("reply"))?;
        let reply = self.bytes(length)?;
        Ok(Part::Remembered(Remembered { request, at, reply: Box::default(), code }, reply))
    }

    fn reserved(&mut self) -> Result<Reservation, BadRecord> {
        Ok(Reservation {
            request: RequestDigest(self.array()?),
            at: self.time()?,
            purpose: Purpose::from_byte(self.byte()?).ok_or(BadRecord::Damaged("purpose"))?,
            partition: self.array().map(i32::from_be_bytes)?,
        })
    }
}

fn resend_of(byte: u8) -> Result<Resend, BadRecord> {
    [Resend::Same, Resend::Rotate]
        .into_iter()
        .find(|resend| *resend as u8 == byte)
        .ok_or(BadRecord::Damaged("resend"))
}

#[cfg(test)]
mod tests;
