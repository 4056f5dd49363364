//! What an administrator asks of a cluster and rdkafka's admin client cannot: access rules, one setting of a topic, a quota,
//! a password.
//!
//! Speaks Kafka's protocol itself. A request changes one thing, and has a connection of its own.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

const ANSWER_MAX: Duration = Duration::from_secs(30);

/// The smallest number that brokers accept.
const SCRAM_ROUNDS: u32 = 4096;
const SCRAM_SALT: [u8; 16] = *b"salt of the test";
const SCRAM_SHA_256: u8 = 1;

/// Sends requests to a listener whose clients may do everything.
#[derive(Clone, Debug)]
pub(crate) struct Administrator {
    address: String,
}

/// What an access rule is about.
#[derive(Clone, Debug)]
pub(crate) struct Access {
    /// `topic`, `group` or `transactionalId`.
    pub resource: String,
    /// `literal` or `prefixed`.
    pub pattern: String,
    pub name: String,
    /// `Read`, `Write`, `Delete`, `Describe`, `DescribeConfigs`; in a filter also `Any`.
    pub operation: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Permission {
    Deny,
    Allow,
}

impl Administrator {
    pub(crate) fn of(bootstrap: &str) -> Self {
        Self { address: bootstrap.split(',').next().expect("an address").to_owned() }
    }

    pub(crate) fn add_access(&self, user: &str, access: &Access, permission: Permission) {
        let body = Bytes::default().int32(1).access(user, access, permission);
        self.change("CreateAcls", (30, 1), body);
    }

    pub(crate) fn remove_access(&self, user: &str, access: &Access, permission: Permission) {
        let body = Bytes::default().int32(1).access(user, access, permission);
        self.change("DeleteAcls", (31, 1), body);
    }

    /// Sets a setting of a topic; `None`: the cluster's default.
    pub(crate) fn set_topic(&self, topic: &str, setting: &str, value: Option<&str>) {
        const TOPIC: u8 = 2;
        let operation = u8::from(value.is_none());
        let body = Bytes::default().int32(1).int8(TOPIC).text(topic).int32(1).text(setting).int8(operation);
        let body = match value {
            Some(value) => body.text(value),
            None => body.int16(-1),
        };
        self.change("IncrementalAlterConfigs", (44, 0), body.int8(0));
    }

    /// Limits what a user may write, in bytes a second; `None`: no limit.
    pub(crate) fn set_produce_quota(&self, user: &str, rate: Option<f64>) {
        let body =
            Bytes::default().int32(1).int32(1).text("user").text(user).int32(1).text("producer_byte_rate");
        let body = body.int64(rate.unwrap_or(0.0).to_bits().cast_signed()).int8(u8::from(rate.is_none()));
        self.change("AlterClientQuotas", (49, 0), body.int8(0));
    }

    /// Creates a user of SASL/SCRAM-SHA-256, or changes its password.
    pub(crate) fn set_password(&self, user: &str, password: &str) {
        let rounds = i32::try_from(SCRAM_ROUNDS).expect("small");
        // Compact arrays and texts begin with their length and one; a field 0 ends each object.
        let body =
            Bytes::default().int8(1).int8(2).compact(user.as_bytes()).int8(SCRAM_SHA_256).int32(rounds);
        let body = body.compact(&SCRAM_SALT).compact(&salted(password)).int8(0).int8(0);
        let answer = self.call((51, 0), true, body);
        // Correlation id, end of the header, throttle time, length of the list, the user.
        let at = 4 + 1 + 4 + 1 + 1 + user.len();
        assert_eq!(answer.get(at..at + 2), Some(&[0, 0][..]), "AlterUserScramCredentials: {answer:?}");
    }

    /// Makes a call whose answer is a throttle time and a list of results.
    fn change(&self, what: &str, api: (i16, i16), body: Bytes) {
        let answer = self.call(api, false, body);
        // Correlation id, throttle time, length of the list.
        let at = 4 + 4 + 4;
        let text = String::from_utf8_lossy(&answer);
        assert_eq!(answer.get(at..at + 2), Some(&[0, 0][..]), "{what}: {answer:?}: {text}");
    }

    fn call(&self, (key, version): (i16, i16), is_flexible: bool, body: Bytes) -> Vec<u8> {
        let mut request = Bytes::default().int16(key).int16(version).int32(1).text("administrator");
        if is_flexible {
            request = request.int8(0);
        }
        request.0.extend(body.0);
        let length = i32::try_from(request.0.len()).expect("small");
        let mut stream = TcpStream::connect(&self.address).expect("the broker accepts connections");
        stream.set_read_timeout(Some(ANSWER_MAX)).expect("a time-out");
        stream.write_all(&Bytes::default().int32(length).0).expect("written");
        stream.write_all(&request.0).expect("written");
        let mut length = [0; 4];
        stream.read_exact(&mut length).expect("an answer");
        let mut answer = vec![0; u32::from_be_bytes(length) as usize];
        stream.read_exact(&mut answer).expect("a whole answer");
        answer
    }
}

/// A request in Kafka's protocol.
#[derive(Default)]
struct Bytes(Vec<u8>);

impl Bytes {
    fn int8(mut self, value: u8) -> Self {
        self.0.push(value);
        self
    }

    fn int16(mut self, value: i16) -> Self {
        self.0.extend(value.to_be_bytes());
        self
    }

    fn int32(mut self, value: i32) -> Self {
        self.0.extend(value.to_be_bytes());
        self
    }

    fn int64(mut self, value: i64) -> Self {
        self.0.extend(value.to_be_bytes());
        self
    }

    fn text(mut self, value: &str) -> Self {
        self = self.int16(i16::try_from(value.len()).expect("short"));
        self.0.extend(value.as_bytes());
        self
    }

    fn compact(mut self, value: &[u8]) -> Self {
        let length = u8::try_from(value.len() + 1).ok().filter(|it| *it < 0x80).expect("short");
        self = self.int8(length);
        self.0.extend(value);
        self
    }

    /// The codes are those of Kafka's `ResourceType`, `PatternType`, `AclOperation` and `AclPermissionType`.
    fn access(self, user: &str, access: &Access, permission: Permission) -> Self {
        let code = |codes: &[(&str, u8)], name: &str| {
            let found = codes.iter().find(|(known, _)| *known == name);
            found.unwrap_or_else(|| panic!("{name}: not one of {codes:?}")).1
        };
        let resource = code(&[("topic", 2), ("group", 3), ("transactionalId", 5)], &access.resource);
        let pattern = code(&[("literal", 3), ("prefixed", 4)], &access.pattern);
        let operations =
            [("Any", 1), ("Read", 3), ("Write", 4), ("Delete", 6), ("Describe", 8), ("DescribeConfigs", 10)];
        let operation = code(&operations, &access.operation);
        let permission = match permission {
            Permission::Deny => 2,
            Permission::Allow => 3,
        };
        let named = self.int8(resource).text(&access.name).int8(pattern);
        named.text(&format!("User:{user}")).text("*").int8(operation).int8(permission)
    }
}

/// The password as the broker stores it (RFC 5802, `Hi`).
fn salted(password: &str) -> Vec<u8> {
    let mac = |text: &[u8]| {
        let keyed = Hmac::<Sha256>::new_from_slice(password.as_bytes()).expect("any length");
        keyed.chain_update(text).finalize().into_bytes().to_vec()
    };
    let mut round = mac(&[&SCRAM_SALT[..], &1_u32.to_be_bytes()].concat());
    let mut sum = round.clone();
    for _ in 1..SCRAM_ROUNDS {
        round = mac(&round);
        for (sum, byte) in sum.iter_mut().zip(&round) {
            *sum ^= byte;
        }
    }
    sum
}
