//! The requests of a run, as DIGIT's clients write them, and how to find the request to which an event belongs.
//!
//! A request is a `send` (half register, half login) for a new subject, or a `validate` with the code of a subject's SMS
//! or with a wrong code. Each run has a tenant of its own, so that the limits of earlier runs do not apply.

use otp_topology::wire::headers::{CE_ID, KAFKA_CORRELATION_ID};
use otp_topology::wire::murmur2;

/// The mobile number of the first subject; the others follow.
const FIRST_NUMBER: u64 = 6_000_000_000;
/// One of this many validations has a wrong code.
const WRONG_EVERY: u64 = 10;

/// Distinguishes the requests of one run from all others.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RunId(pub u64);

/// The code of an SMS.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct SmsCode {
    digits: [u8; 10],
    len: u8,
}

#[derive(Clone, Copy)]
pub enum BenchRequest {
    Send { subject: u64 },
    Validate { subject: u64, code: SmsCode },
}

/// Writes requests, one at a time, into the same buffers.
pub struct RequestWriter {
    run: RunId,
    partitions: i32,
    key: Vec<u8>,
    body: Vec<u8>,
    id: Vec<u8>,
    correlation: [u8; 16],
}

/// The request that was written last.
pub struct Written<'a> {
    pub partition: i32,
    pub key: &'a [u8],
    pub body: &'a [u8],
    pub headers: [(&'static str, Option<&'a [u8]>); 2],
}

impl RequestWriter {
    pub fn new(run: RunId, partitions: i32) -> Self {
        Self { run, partitions, key: Vec::new(), body: Vec::new(), id: Vec::new(), correlation: [0; 16] }
    }

    /// Writes the request with this number. Its reply carries the number.
    pub fn write(&mut self, number: u64, request: BenchRequest) -> Written<'_> {
        let RunId(run) = self.run;
        let subject = match request {
            BenchRequest::Send { subject } | BenchRequest::Validate { subject, .. } => subject,
        };
        let mut digits = itoa::Buffer::new();
        let mobile = digits.format(FIRST_NUMBER + subject).as_bytes();
        self.key.clear();
        self.key.extend_from_slice(b"egov|b");
        hex(run, &mut self.key);
        self.key.push(b'|');
        self.key.extend_from_slice(mobile);
        self.id.clear();
        self.id.extend_from_slice(b"bench-");
        hex(run, &mut self.id);
        self.id.push(b'-');
        hex(number, &mut self.id);
        self.correlation[..8].copy_from_slice(&run.to_be_bytes());
        self.correlation[8..].copy_from_slice(&number.to_be_bytes());
        self.body.clear();
        body(&mut self.body, run, mobile, request);
        Written {
            partition: murmur2::partition(&self.key, self.partitions),
            key: &self.key,
            body: &self.body,
            headers: [(CE_ID, Some(&self.id)), (KAFKA_CORRELATION_ID, Some(&self.correlation))],
        }
    }
}

fn body(out: &mut Vec<u8>, run: u64, mobile: &[u8], request: BenchRequest) {
    let (operation, kind): (&[u8], &[u8]) = match request {
        BenchRequest::Send { subject } if subject % 2 == 0 => (b"send", b"login"),
        BenchRequest::Send { .. } => (b"send", b"register"),
        BenchRequest::Validate { .. } => (b"validate", b""),
    };
    for part in [
        &b"{\"operation\":\""[..],
        operation,
        b"\",\"RequestInfo\":{\"apiId\":\"Rainmaker\",\"ver\":\".01\",",
    ] {
        out.extend_from_slice(part);
    }
    out.extend_from_slice(b"\"ts\":\"\",\"action\":\"_send\",\"did\":\"1\",\"key\":\"\",");
    out.extend_from_slice(b"\"msgId\":\"20170310130900|en_IN\",\"authToken\":null},\"otp\":{");
    match request {
        BenchRequest::Send { .. } => {
            for part in
                [&b"\"mobileNumber\":\""[..], mobile, b"\",\"type\":\"", kind, b"\",\"userType\":\"CITIZEN\""]
            {
                out.extend_from_slice(part);
            }
        }
        BenchRequest::Validate { code, .. } => {
            for part in [&b"\"otp\":\""[..], code.as_bytes(), b"\",\"identity\":\"", mobile, b"\""] {
                out.extend_from_slice(part);
            }
        }
    }
    out.extend_from_slice(b",\"tenantId\":\"b");
    hex(run, out);
    out.extend_from_slice(b".amritsar\"}}");
}

impl RunId {
    /// The number of the request to which a reply with this `kafka_correlationId` belongs.
    pub fn number_of_reply(self, correlation: &[u8]) -> Option<u64> {
        let bytes: [u8; 16] = correlation.try_into().ok()?;
        let (run, number) = bytes.split_at(8);
        let part = |bytes: &[u8]| u64::from_be_bytes(bytes.try_into().expect("eight bytes"));
        (part(run) == self.0).then(|| part(number))
    }

    /// The number of the request that caused an event with this `ce_causationid`.
    pub fn number_of_cause(self, causation: &[u8]) -> Option<u64> {
        let rest = causation.strip_prefix(b"bench-")?;
        let (run, number) = (rest.get(..16)?, rest.get(17..)?);
        (unhex(run)? == self.0).then(|| unhex(number)).flatten()
    }
}

impl SmsCode {
    /// The first sequence of at least four digits in the message of an SMS.
    pub fn in_sms(sms: &[u8]) -> Option<Self> {
        const MESSAGE: &[u8] = b"\"message\":\"";
        let start = sms.windows(MESSAGE.len()).position(|bytes| bytes == MESSAGE)? + MESSAGE.len();
        let mut run = 0..0;
        for (at, byte) in sms.iter().enumerate().skip(start) {
            if byte.is_ascii_digit() {
                run = if run.is_empty() { at..at + 1 } else { run.start..at + 1 };
            } else if run.len() >= 4 || *byte == b'"' {
                break;
            } else {
                run = 0..0;
            }
        }
        let mut code =
            Self { digits: [0; 10], len: u8::try_from(run.len()).ok().filter(|len| (4..=10).contains(len))? };
        code.digits[..run.len()].copy_from_slice(&sms[run]);
        Some(code)
    }

    fn as_bytes(&self) -> &[u8] {
        &self.digits[..usize::from(self.len)]
    }

    /// The code of the `nth` validation: this one, or a wrong one in one of [`WRONG_EVERY`] validations.
    pub fn to_try(mut self, nth: u64) -> Self {
        if nth.is_multiple_of(WRONG_EVERY) {
            let last = &mut self.digits[usize::from(self.len) - 1];
            *last = b'0' + (*last - b'0' + 1) % 10;
        }
        self
    }
}

fn hex(number: u64, out: &mut Vec<u8>) {
    for shift in (0..16).rev() {
        out.push(b"0123456789abcdef"[(number >> (4 * shift)) as usize & 15]);
    }
}

fn unhex(text: &[u8]) -> Option<u64> {
    u64::from_str_radix(std::str::from_utf8(text).ok()?, 16).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reply_has_the_request_number_in_its_correlation_and_an_sms_in_its_cause() {
        let run = RunId(0xab_1234_5678);
        let mut writer = RequestWriter::new(run, 6);
        let written = writer.write(77, BenchRequest::Send { subject: 3 });
        assert_eq!(written.partition, murmur2::partition(b"egov|b000000ab12345678|6000000003", 6));
        let [(_, id), (_, correlation)] = written.headers;
        let (id, correlation) = (id.expect("an id"), correlation.expect("a correlation"));
        assert_eq!((run.number_of_reply(correlation), run.number_of_cause(id)), (Some(77), Some(77)));
        let other = RunId(1);
        assert_eq!((other.number_of_reply(correlation), other.number_of_cause(id)), (None, None));
        let body: serde_json::Value = serde_json::from_slice(written.body).expect("JSON");
        assert_eq!(body["otp"]["mobileNumber"], "6000000003");
    }

    #[test]
    fn the_code_is_read_from_the_message_and_one_in_ten_is_made_wrong() {
        let check = |sms: &str, code: Option<&str>| {
            assert_eq!(
                SmsCode::in_sms(sms.as_bytes()).map(|it| it.as_bytes().to_vec()),
                code.map(|it| it.as_bytes().to_vec())
            );
        };
        check(
            r#"{"mobileNumber":"6000000000","message":"Your Login OTP is 012349.","x":"5555"}"#,
            Some("012349"),
        );
        check(r#"{"message":"OTP 12 of 1234","x":"5555"}"#, Some("1234"));
        check(r#"{"message":"none","x":"5555"}"#, None);
        let code = SmsCode::in_sms(br#"{"message":"012349"}"#).expect("six digits");
        assert_eq!((code.to_try(1).as_bytes(), code.to_try(0).as_bytes()), (&b"012349"[..], &b"012340"[..]));
        let mut writer = RequestWriter::new(RunId(1), 1);
        let written = writer.write(0, BenchRequest::Validate { subject: 0, code });
        let body: serde_json::Value = serde_json::from_slice(written.body).expect("JSON");
        assert_eq!((&body["otp"]["otp"], &body["otp"]["identity"]), (&"012349".into(), &"6000000000".into()));
    }
}
