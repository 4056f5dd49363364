//! The records that are appended to the source topics: requests, repeats, malformed records, directory entries,
//! policies, templates, clients and admin commands.

use otp_topology::otp::ContractName;
use otp_topology::wire::murmur2;
use serde_json::{Value, json};

use crate::broker::StoredRecord;
use crate::house::{ADMIN, CLIENTS, DESK, DIRECTORY, POLICIES, REQUESTS, Shape, TEMPLATES};

/// The number of people. The first half of them are in the directory from the start.
pub(crate) const PEOPLE: usize = 5;

/// The code in a request to validate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Typed {
    /// The last one sent to this person.
    Right,
    /// The first one that was ever sent to this person.
    Old,
    /// The last one sent to the next person.
    Foreign,
    Wrong,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RequestKind {
    Send { purpose: &'static str },
    Create,
    Validate { typed: Typed, purpose: Option<&'static str> },
    Search,
}

/// What a record of the client registry does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ClientChange {
    Put,
    Delete,
    /// It is refused.
    Bad,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WorkloadItem {
    Request {
        who: usize,
        kind: RequestKind,
        /// The index of its tenant.
        tenant: usize,
        desk: bool,
        is_keyed: bool,
        is_late: bool,
    },
    /// Repeats the request this many requests ago.
    Repeat {
        back: usize,
    },
    Malformed {
        desk: bool,
    },
    User {
        who: usize,
        exists: bool,
    },
    Policy {
        /// The index of its key.
        key: usize,
        /// What its rules are drawn from. `None`: it deletes the record of its key.
        rules: Option<u64>,
    },
    Template,
    Client {
        /// The index of its id.
        id: usize,
        change: ClientChange,
    },
    AdminCommand {
        who: usize,
        forget: bool,
    },
}

/// A record and the partition to append it to.
#[derive(Clone, Debug)]
pub(crate) struct DraftRecord {
    pub topic: &'static str,
    pub partition: i32,
    pub record: StoredRecord,
}

/// Most requests are of the first. Where numbers are limited, many are of other roots.
const TENANTS: [&str; 5] = ["pb.amritsar", "pb", "pb.amritsar.ward1", "ka.mysuru", "mh"];
const MOSTLY_ONE_ROOT: [usize; 6] = [0, 0, 0, 0, 1, 2];
const SEVERAL_ROOTS: [usize; 6] = [0, 0, 1, 3, 3, 4];
/// The first segments of all tenants.
pub(crate) const ROOTS: [&str; 3] = ["pb", "ka", "mh"];
const POLICY_KEYS: [&str; 5] = ["egov/pb", "egov/*", "egov/pb.amritsar", "egov/pb.amritsar.ward1", "egov/ka"];
const CLIENT_IDS: [&str; 2] = ["desk-1", "desk-2"];
/// A policy record that is out of bounds.
pub(crate) const BAD_POLICY: &str = r#"{"digits":99}"#;

pub(crate) fn mobile(who: usize) -> String {
    format!("9123456{:03}", who * 37 + 5)
}

pub(crate) fn canonical(who: usize) -> String {
    canonical_in("pb", who)
}

pub(crate) fn canonical_in(root: &str, who: usize) -> String {
    format!("egov|{root}|{}", mobile(who))
}

/// The subject of a request. `tenant`: the index of its tenant.
pub(crate) fn subject_of(who: usize, tenant: usize) -> String {
    canonical_in(TENANTS[tenant].split('.').next().unwrap_or_default(), who)
}

/// Draws a random item.
pub(crate) fn draw_item(dice: &mut fastrand::Rng, shape: Shape) -> WorkloadItem {
    let who = dice.usize(..PEOPLE);
    let desk = dice.u8(..4) == 0;
    let request = |dice: &mut fastrand::Rng, kind: RequestKind, desk: bool| WorkloadItem::Request {
        who,
        kind,
        tenant: if shape.is_limited { SEVERAL_ROOTS } else { MOSTLY_ONE_ROOT }[dice.usize(..6)],
        desk,
        is_keyed: dice.u8(..4) > 0,
        is_late: dice.u8(..40) == 0,
    };
    let purpose = |dice: &mut fastrand::Rng| ["login", "login", "register", "passwordreset"][dice.usize(..4)];
    match dice.u8(..100) {
        0..30 => {
            let purpose = purpose(dice);
            request(dice, RequestKind::Send { purpose }, desk)
        }
        30..36 => request(dice, RequestKind::Create, desk),
        36..70 => {
            let typed = [Typed::Right, Typed::Right, Typed::Right, Typed::Wrong, Typed::Old, Typed::Foreign]
                [dice.usize(..6)];
            let purpose = (dice.u8(..4) == 0).then(|| purpose(dice));
            request(dice, RequestKind::Validate { typed, purpose }, desk)
        }
        70..73 => request(dice, RequestKind::Search, desk),
        73..85 => WorkloadItem::Repeat { back: dice.usize(1..6) },
        85..88 => WorkloadItem::Malformed { desk },
        88..91 if shape.user_check => WorkloadItem::User { who, exists: who < PEOPLE / 2 || dice.bool() },
        88..96 => WorkloadItem::Policy {
            key: dice.usize(..POLICY_KEYS.len()),
            rules: (dice.u8(..6) > 0).then(|| dice.u64(..)),
        },
        96 => WorkloadItem::Template,
        97 => WorkloadItem::Client {
            id: dice.usize(..CLIENT_IDS.len()),
            change: [ClientChange::Put, ClientChange::Put, ClientChange::Delete, ClientChange::Bad]
                [dice.usize(..4)],
        },
        _ => WorkloadItem::AdminCommand { who, forget: dice.u8(..4) == 0 },
    }
}

/// Looks up codes in the messages that a phone number got.
pub(crate) trait Phones {
    fn last_code(&self, mobile: &str) -> Option<String>;
    fn first_code(&self, mobile: &str) -> Option<String>;
}

/// Makes the record of an item. `number` makes its ids unique.
pub(crate) fn draft_record(
    item: WorkloadItem,
    number: usize,
    dice: &mut fastrand::Rng,
    shape: Shape,
    phones: &dyn Phones,
) -> DraftRecord {
    let anywhere = |dice: &mut fastrand::Rng, topic: &str| {
        let wide = topic == DESK && shape.is_wide;
        dice.i32(0..shape.partitions + if wide { 2 } else { 0 })
    };
    match item {
        WorkloadItem::Request { who, kind, tenant, desk, is_keyed, is_late } => {
            let topic = if desk { DESK } else { REQUESTS };
            let body = body_of(who, kind, TENANTS[tenant], phones);
            let key = is_keyed.then(|| subject_of(who, tenant).into_bytes());
            let is_loose = desk && shape.is_wide;
            let partition = match &key {
                Some(key) if !is_loose => murmur2::partition(key, shape.partitions),
                Some(_) | None => anywhere(dice, topic),
            };
            let mut headers = vec![
                ("ce_id".to_owned(), Some(format!("request-{number}").into_bytes())),
                ("ce_correlationid".to_owned(), Some(format!("c{number}").into_bytes())),
            ];
            if is_late {
                let deadline = "2023-11-14T22:13:21.000Z";
                headers.push(("ce_expirytime".to_owned(), Some(deadline.as_bytes().to_vec())));
            }
            DraftRecord {
                topic,
                partition,
                record: StoredRecord { key, value: Some(body.into_bytes()), headers },
            }
        }
        WorkloadItem::Repeat { .. } => unreachable!("the caller appends the record of an earlier item again"),
        WorkloadItem::Malformed { desk } => {
            let topic = if desk { DESK } else { REQUESTS };
            let value = [&b"nonsense"[..], b"[1]", b"\xff", b"{\"otp\":1,\"OTP\":2}"][dice.usize(..4)];
            let record = StoredRecord { key: None, value: Some(value.to_vec()), headers: Vec::new() };
            DraftRecord { topic, partition: anywhere(dice, topic), record }
        }
        WorkloadItem::User { who, exists } => user(who, exists, shape),
        WorkloadItem::Policy { key, rules } => plain(POLICIES, 0, POLICY_KEYS[key], rules.map(policy)),
        WorkloadItem::Template => {
            let text = json!({"text": format!("number {number}: {{otp}}"), "templateId": "t"});
            plain(TEMPLATES, 0, "egov/pb/en_IN/sms.login.otp.msg", Some(text.to_string()))
        }
        WorkloadItem::Client { id, change } => client(CLIENT_IDS[id], number, change),
        WorkloadItem::AdminCommand { who, forget } => {
            let operation = if forget { "forget" } else { "unlock" };
            let (contract, identity) = (ContractName::Egov.as_str(), mobile(who));
            let command =
                json!({"operation": operation, "contract": contract, "tenantId": "pb", "identity": identity});
            plain(ADMIN, home(who, shape), &canonical(who), Some(command.to_string()))
        }
    }
}

/// One to three rules within the bounds. One record in twelve is out of them.
fn policy(drawn: u64) -> String {
    let mut dice = fastrand::Rng::with_seed(drawn);
    if dice.u8(..12) == 0 {
        return BAD_POLICY.to_owned();
    }
    let mut rules = serde_json::Map::new();
    for _ in 0..dice.usize(1..4) {
        let (name, value) = rule(&mut dice);
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

fn client(id: &str, number: usize, change: ClientChange) -> DraftRecord {
    let secret_hash = format!("{number:064x}");
    let record = match change {
        ClientChange::Put => Some(
            json!({"clientId": id, "appId": "ida", "secretHash": secret_hash, "roles": [], "active": true}),
        ),
        ClientChange::Bad => Some(json!({"clientId": id, "appId": "ida", "secretHash": []})),
        ClientChange::Delete => None,
    };
    plain(CLIENTS, 0, id, record.map(|it| it.to_string()))
}

pub(crate) fn user(who: usize, exists: bool, shape: Shape) -> DraftRecord {
    let users = json!({"users": [{"tenantId": "pb", "userType": "CITIZEN", "userName": mobile(who),
        "mobileNumber": mobile(who), "countryCode": "+91", "emailId": "a@b.in", "locale": "en_IN", "active": true,
        "uuid": "u"}]});
    plain(DIRECTORY, home(who, shape), &canonical(who), exists.then(|| users.to_string()))
}

/// The record in the policy topic before the first start.
pub(crate) fn first_policy(conceals: bool) -> DraftRecord {
    let rules = json!({"digits": 7, "concealExistence": conceals});
    plain(POLICIES, 0, "egov/pb", Some(rules.to_string()))
}

pub(crate) fn home(who: usize, shape: Shape) -> i32 {
    murmur2::partition(canonical(who).as_bytes(), shape.partitions)
}

fn plain(topic: &'static str, partition: i32, key: &str, value: Option<String>) -> DraftRecord {
    let value = value.map(String::into_bytes);
    DraftRecord {
        topic,
        partition,
        record: StoredRecord { key: Some(key.as_bytes().to_vec()), value, headers: Vec::new() },
    }
}

fn body_of(who: usize, kind: RequestKind, tenant: &str, phones: &dyn Phones) -> String {
    let number = mobile(who);
    let next = mobile((who + 1) % PEOPLE);
    let unknown = || "000000".to_owned();
    let body: Value = match kind {
        RequestKind::Send { purpose } => json!({"operation": "send",
            "otp": {"tenantId": tenant, "mobileNumber": number, "type": purpose}}),
        RequestKind::Create => {
            json!({"operation": "create", "otp": {"tenantId": tenant, "identity": number}})
        }
        RequestKind::Validate { typed, purpose } => {
            let code = match typed {
                Typed::Right => phones.last_code(&number),
                Typed::Old => phones.first_code(&number),
                Typed::Foreign => phones.last_code(&next),
                Typed::Wrong => None,
            };
            let code = code.unwrap_or_else(unknown);
            json!({"operation": "validate",
                "otp": {"tenantId": tenant, "identity": number, "otp": code, "type": purpose}})
        }
        RequestKind::Search => json!({"operation": "search",
            "otp": {"tenantId": tenant, "identity": number, "UUID": "4759e8a5-5da7-8b55-b34e-20fa3eda312f"}}),
    };
    body.to_string()
}
