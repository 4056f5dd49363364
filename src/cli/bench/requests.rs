//! The requests of a run, as the clients of a contract write them, and how to find the request to which an event belongs.
//!
//! A request asks for a code for a new subject, or types the code that a subject got, or a wrong one. Each run has subjects
//! of its own, so that the limits of earlier runs do not apply: in a tenant of its own, or with numbers and keys of its own.
//!
//! | contract | asks | types |
//! |---|---|---|
//! | `egov` | `send`: half register, half login | `validate`, the code of the SMS |
//! | `int` | `GENERATE` | `VALIDATE`, the code of the reply |
//! | `mosip` | `mosip.otp.generate` | `mosip.otp.validate`, the code of the reply |

use super::caller::SMS;
use otp_topology::otp::{ContractName, LogTime};
use otp_topology::wire::headers::{CE_ID, KAFKA_CORRELATION_ID};
use otp_topology::wire::{murmur2, rfc3339};

/// The mobile number of the first subject; the others follow.
const FIRST_NUMBER: u64 = 6_000_000_000;
/// INT has no tenants: the numbers of a run begin so many behind those of the run a millisecond earlier.
const NUMBERS_PER_RUN: u64 = 1_000_000;
/// The numbers with ten digits from [`FIRST_NUMBER`] on.
const NUMBERS: u64 = 4_000_000_000;
/// One of this many validations has a wrong code.
const WRONG_EVERY: u64 = 10;

/// Whose requests a run sends.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum BenchContract {
    Egov,
    Int,
    Mosip,
}

impl BenchContract {
    pub const ALL: [Self; 3] = [Self::Egov, Self::Int, Self::Mosip];

    pub const fn name(self) -> ContractName {
        match self {
            Self::Egov => ContractName::Egov,
            Self::Int => ContractName::Int,
            Self::Mosip => ContractName::Mosip,
        }
    }
}

/// Distinguishes the requests of one run from all others.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RunId(pub u64);

/// The code of an SMS or a reply.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct SeenCode {
    digits: [u8; 10],
    len: u8,
}

#[derive(Clone, Copy)]
pub enum BenchRequest {
    Send { subject: u64 },
    Validate { subject: u64, code: SeenCode },
}

/// Writes requests, one at a time, into the same buffers.
pub struct RequestWriter {
    contract: BenchContract,
    run: RunId,
    /// When the windows of INT's codes begin.
    start_time: String,
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
    pub fn new(contract: BenchContract, run: RunId, partitions: i32) -> Self {
        let mut buffer = [0; rfc3339::LEN];
        let begin = rfc3339::write(LogTime::from_ms(run.0), &mut buffer);
        Self {
            contract,
            run,
            start_time: begin[..19].replace('T', " "),
            partitions,
            key: Vec::new(),
            body: Vec::new(),
            id: Vec::new(),
            correlation: [0; 16],
        }
    }

    /// Writes the request with this number. Its reply carries the number.
    pub fn write(&mut self, number: u64, request: BenchRequest) -> Written<'_> {
        let RunId(run) = self.run;
        let subject = match request {
            BenchRequest::Send { subject } | BenchRequest::Validate { subject, .. } => subject,
        };
        let mut digits = itoa::Buffer::new();
        let nth = match self.contract {
            BenchContract::Egov | BenchContract::Mosip => subject,
            BenchContract::Int => (run % NUMBERS * NUMBERS_PER_RUN + subject) % NUMBERS,
        };
        let mobile = digits.format(FIRST_NUMBER + nth).as_bytes();
        self.key.clear();
        match self.contract {
            BenchContract::Egov => {
                self.key.extend_from_slice(b"egov|b");
                hex(run, &mut self.key);
                self.key.push(b'|');
            }
            BenchContract::Int => self.key.extend_from_slice(b"int|default|"),
            BenchContract::Mosip => {
                self.key.extend_from_slice(b"mosip|default|b");
                hex(run, &mut self.key);
                self.key.push(b'-');
            }
        }
        self.key.extend_from_slice(mobile);
        self.id.clear();
        self.id.extend_from_slice(b"bench-");
        hex(run, &mut self.id);
        self.id.push(b'-');
        hex(number, &mut self.id);
        self.correlation[..8].copy_from_slice(&run.to_be_bytes());
        self.correlation[8..].copy_from_slice(&number.to_be_bytes());
        self.body.clear();
        match self.contract {
            BenchContract::Egov => egov(&mut self.body, run, mobile, request),
            BenchContract::Int => int(&mut self.body, &self.start_time, mobile, request),
            BenchContract::Mosip => mosip(&mut self.body, &self.key[b"mosip|default|".len()..], request),
        }
        Written {
            partition: murmur2::partition(&self.key, self.partitions),
            key: &self.key,
            body: &self.body,
            headers: [(CE_ID, Some(&self.id)), (KAFKA_CORRELATION_ID, Some(&self.correlation))],
        }
    }
}

fn egov(out: &mut Vec<u8>, run: u64, mobile: &[u8], request: BenchRequest) {
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

fn int(out: &mut Vec<u8>, start_time: &str, mobile: &[u8], request: BenchRequest) {
    match request {
        BenchRequest::Send { .. } => out.extend_from_slice(b"{\"operationType\":\"GENERATE\""),
        BenchRequest::Validate { code, .. } => {
            out.extend_from_slice(b"{\"operationType\":\"VALIDATE\",\"generatedOtp\":\"");
            out.extend_from_slice(code.as_bytes());
            out.push(b'"');
        }
    }
    for part in [
        &b",\"channel\":\"Digital\",\"startTime\":\""[..],
        start_time.as_bytes(),
        b"\",\"duration\":600,\"digit\":6,\"mobile\":\"",
        mobile,
        b"\"}",
    ] {
        out.extend_from_slice(part);
    }
}

fn mosip(out: &mut Vec<u8>, key: &[u8], request: BenchRequest) {
    let (operation, code): (&[u8], _) = match request {
        BenchRequest::Send { .. } => (b"generate", None),
        BenchRequest::Validate { code, .. } => (b"validate", Some(code)),
    };
    for part in [
        &b"{\"id\":\"mosip.otp."[..],
        operation,
        b"\",\"version\":\"1.0\",\"requesttime\":\"2007-12-03T10:15:30.000Z\",\"metadata\":null,",
        b"\"request\":{\"key\":\"",
        key,
    ] {
        out.extend_from_slice(part);
    }
    if let Some(code) = code {
        out.extend_from_slice(b"\",\"otp\":\"");
        out.extend_from_slice(code.as_bytes());
    }
    out.extend_from_slice(b"\"}}");
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

impl SeenCode {
    /// The first sequence of at least four digits in the message of an SMS.
    fn in_sms(sms: &[u8]) -> Option<Self> {
        // In Avro the text has no name before it; the built-in ones say this before the code.
        let is_avro = sms.first() == Some(&0);
        Self::behind(if is_avro { b" is " } else { b"\"message\":\"" }, sms)
    }

    /// The code of a record of a watched topic.
    pub fn of(topic: usize, body: &[u8]) -> Option<Self> {
        if topic == SMS { Self::in_sms(body) } else { Self::in_reply(body) }
    }

    /// The code that a reply reveals.
    fn in_reply(reply: &[u8]) -> Option<Self> {
        Self::behind(b"\"otp\":\"", reply)
    }

    fn behind(name: &[u8], body: &[u8]) -> Option<Self> {
        let start = body.windows(name.len()).position(|bytes| bytes == name)? + name.len();
        let mut run = 0..0;
        for (at, byte) in body.iter().enumerate().skip(start) {
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
        code.digits[..run.len()].copy_from_slice(&body[run]);
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
        let mut writer = RequestWriter::new(BenchContract::Egov, run, 6);
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
    fn each_contract_has_its_own_requests() {
        let run = RunId(1_700_000_000_123);
        let code = SeenCode::in_reply(br#"{"status":200,"otp":"012345"}"#).expect("six digits");
        let check = |contract, request, key: &str, pointer: &str, expected: serde_json::Value| {
            let mut writer = RequestWriter::new(contract, run, 6);
            let written = writer.write(5, request);
            assert_eq!(std::str::from_utf8(written.key), Ok(key));
            let body: serde_json::Value = serde_json::from_slice(written.body).expect("JSON");
            assert_eq!(body.pointer(pointer), Some(&expected), "{body}");
        };
        let send = BenchRequest::Send { subject: 3 };
        let validate = BenchRequest::Validate { subject: 3, code };
        let key = "int|default|6123000003";
        check(BenchContract::Int, send, key, "/startTime", "2023-11-14 22:13:20".into());
        check(BenchContract::Int, send, key, "/mobile", "6123000003".into());
        check(BenchContract::Int, validate, key, "/generatedOtp", "012345".into());
        let key = "mosip|default|b0000018bcfe5687b-6000000003";
        check(BenchContract::Mosip, send, key, "/id", "mosip.otp.generate".into());
        check(BenchContract::Mosip, send, key, "/request/key", "b0000018bcfe5687b-6000000003".into());
        check(BenchContract::Mosip, validate, key, "/request/otp", "012345".into());
    }

    #[test]
    fn the_code_is_read_from_the_message_and_one_in_ten_is_made_wrong() {
        let check = |sms: &str, code: Option<&str>| {
            assert_eq!(
                SeenCode::in_sms(sms.as_bytes()).map(|it| it.as_bytes().to_vec()),
                code.map(|it| it.as_bytes().to_vec())
            );
        };
        check(
            r#"{"mobileNumber":"6000000000","message":"Your Login OTP is 012349.","x":"5555"}"#,
            Some("012349"),
        );
        check(r#"{"message":"OTP 12 of 1234","x":"5555"}"#, Some("1234"));
        check(r#"{"message":"none","x":"5555"}"#, None);
        let code = SeenCode::in_sms(br#"{"message":"012349"}"#).expect("six digits");
        assert_eq!((code.to_try(1).as_bytes(), code.to_try(0).as_bytes()), (&b"012349"[..], &b"012340"[..]));
        let mut writer = RequestWriter::new(BenchContract::Egov, RunId(1), 1);
        let written = writer.write(0, BenchRequest::Validate { subject: 0, code });
        let body: serde_json::Value = serde_json::from_slice(written.body).expect("JSON");
        assert_eq!((&body["otp"]["otp"], &body["otp"]["identity"]), (&"012349".into(), &"6000000000".into()));
    }
}
