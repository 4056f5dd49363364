//! Records that configure a running service: policies, templates, clients, users.

use otp_topology::otp::LogTime;
use otp_topology::testing;
use otp_topology::wire::murmur2;
use serde_json::{Value, json};

use super::writer::{DraftRecord, plain};
use super::{ClientChange, Mix, canonical_in, mobile};
use crate::house::{CLIENTS, DIRECTORY, POLICIES, START_MS, Shape};

const POLICY_KEYS: [&str; 8] = [
    "egov/pb",
    "egov/*",
    "egov/pb.amritsar",
    "egov/pb.amritsar.ward1",
    "egov/ka",
    "int/*",
    "mosip/*",
    "mosip/default",
];
/// So many of them are of the contract `egov`.
const EGOV_KEYS: usize = 5;
/// A policy record that is out of bounds.
pub(crate) const BAD_POLICY: &str = r#"{"digits":99}"#;

/// The secrets of clients.
pub(super) const SECRETS: [&str; 2] = ["a-secret-of-one-client", "a-secret-of-another-client"];
pub(super) const WRONG_SECRET: &str = "a-secret-that-no-client-has";

pub(super) fn draw_policy_key(dice: &mut fastrand::Rng, mix: Mix) -> usize {
    dice.usize(
        ..match mix {
            Mix::Egov => EGOV_KEYS,
            Mix::All => POLICY_KEYS.len(),
        },
    )
}

/// `rules`: what they are drawn from. `None`: the record is deleted.
pub(super) fn policy_record(key: usize, rules: Option<u64>) -> DraftRecord {
    let key = POLICY_KEYS[key];
    plain(POLICIES, 0, key, rules.map(|drawn| policy(key, drawn)))
}

/// One to three rules within the bounds. One record in twelve is out of them.
fn policy(key: &str, drawn: u64) -> String {
    let mut dice = fastrand::Rng::with_seed(drawn);
    if dice.u8(..12) == 0 {
        return BAD_POLICY.to_owned();
    }
    let mut rules = serde_json::Map::new();
    for _ in 0..dice.usize(1..4) {
        let is_delivery = key.starts_with("int/") && dice.u8(..3) == 0;
        let (name, value) = if is_delivery { ("deliver", dice.bool().into()) } else { rule(&mut dice) };
        rules.insert(name.to_owned(), value);
    }
    Value::Object(rules).to_string()
}

/// Any rule, often with a value that a run of few seconds reaches.
fn rule(dice: &mut fastrand::Rng) -> (&'static str, Value) {
    match dice.u8(..14) {
        0 => ("digits", dice.u64(6..=10).into()),
        1 => ("lifetimeMs", [10_000, 20_000, 600_000][dice.usize(..3)].into()),
        2 => ("wrongTriesMax", dice.u64(1..=4).into()),
        3 => ("lockAfter", dice.u64(1..=6).into()),
        4 => ("lockMs", [1_000, 45_000, 7_200_000][dice.usize(..3)].into()),
        5 | 6 => ("hardLockAfter", dice.u64(1..=8).into()),
        7 => ("sendsPerChallengeMax", dice.u64(1..=4).into()),
        8 => ("sendsPer10MinMax", dice.u64(1..=12).into()),
        9 => ("sendsPerDayMax", dice.u64(2..=20).into()),
        10 => ("sendPauseMs", [0, 200, 30_000][dice.usize(..3)].into()),
        11 | 12 => ("resend", ["same", "rotate", "rotate"][dice.usize(..3)].into()),
        _ => ("concealExistence", (dice.u8(..4) > 0).into()),
    }
}

/// The record of a client. `number`: what its secret is drawn from.
pub(super) fn client(id: &str, number: usize, change: ClientChange) -> DraftRecord {
    let secret = SECRETS[number % SECRETS.len()];
    let record = match change {
        ClientChange::Put => {
            let is_active = !number.is_multiple_of(5);
            Some(json!({"clientId": id, "appId": "ida", "secretHash": hash_of(secret), "roles": ["R"],
                "active": is_active}))
        }
        ClientChange::Bad => Some(json!({"clientId": id, "appId": "ida", "secretHash": []})),
        ClientChange::Delete => None,
    };
    plain(CLIENTS, 0, id, record.map(|it| it.to_string()))
}

/// The client that a record of this module describes. `None`: the record is bad.
pub(crate) fn client_of(record: &Value) -> Option<otp_model::Client> {
    let hash = record["secretHash"].as_str()?;
    let secrets = SECRETS.iter().filter(|secret| hash_of(secret) == hash).map(|it| (*it).to_owned());
    Some(otp_model::Client {
        app_id: record["appId"].as_str()?.to_owned(),
        secrets: secrets.collect(),
        is_active: record["active"] != false,
    })
}

fn hash_of(secret: &str) -> String {
    let hash = testing::keyring().client_hash(LogTime::from_ms(START_MS), secret);
    hash.expect("the keyring has a client key").to_hex()
}

pub(crate) fn user(who: usize, exists: bool, shape: Shape) -> DraftRecord {
    let users = json!({"users": [{"tenantId": "pb", "userType": "CITIZEN", "userName": mobile(who),
        "mobileNumber": mobile(who), "countryCode": "+91", "emailId": "a@b.in", "locale": "en_IN", "active": true,
        "uuid": "u"}]});
    plain(
        DIRECTORY,
        home(&canonical_in("pb", who), shape),
        &canonical_in("pb", who),
        exists.then(|| users.to_string()),
    )
}

/// The records that are there before the first start, besides the directory.
pub(crate) fn first_policies(conceals: bool, delivers: bool) -> [DraftRecord; 2] {
    let rules = json!({"digits": 7, "concealExistence": conceals});
    let of_int = json!({"deliver": delivers});
    [("egov/pb", rules), ("int/*", of_int)]
        .map(|(key, rules)| plain(POLICIES, 0, key, Some(rules.to_string())))
}

/// The partition of a subject.
pub(super) fn home(subject: &str, shape: Shape) -> i32 {
    murmur2::partition(subject.as_bytes(), shape.partitions)
}
