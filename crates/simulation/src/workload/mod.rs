//! The records that are appended to the source topics: requests of each contract, repeats, malformed records, directory
//! entries, policies, templates, clients and admin commands. An item is drawn with the plan, and written when its step has
//! come, since it may name a code.

mod configuring;
mod egov;
mod int;
mod mosip;
mod writer;

pub(crate) use configuring::{BAD_POLICY, client_of, first_policies, user};
pub(crate) use egov::EgovRequest;
pub(crate) use int::{IntRequest, Window, begin_of};
pub(crate) use mosip::MosipRequest;
pub(crate) use writer::{CodePath, DraftRecord, Phones, Writer};

use crate::house::Shape;

/// The number of people. The first half of them are in the directory from the start.
pub(crate) const PEOPLE: usize = 5;

/// So many of them ask in other contracts than `egov`.
const FEW_PEOPLE: usize = 2;

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

/// A request, in its contract.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RequestKind {
    /// `tenant`: the index of its tenant. `desk`: at the desk's topic.
    Egov {
        request: EgovRequest,
        tenant: usize,
        desk: bool,
    },
    Int(IntRequest),
    Mosip(MosipRequest),
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
        is_keyed: bool,
        is_late: bool,
    },
    /// Repeats the request this many requests ago.
    Repeat {
        back: usize,
    },
    Malformed {
        /// The index of its request topic.
        topic: usize,
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
        /// The index of its contract.
        contract: usize,
        forget: bool,
    },
}

/// Most requests are of the first. Where numbers are limited, many are of other roots.
const TENANTS: [&str; 5] = ["pb.amritsar", "pb", "pb.amritsar.ward1", "ka.mysuru", "mh"];
/// The clients of the registry.
const CLIENT_IDS: [&str; 2] = ["desk-1", "desk-2"];
const MOSTLY_ONE_ROOT: [usize; 6] = [0, 0, 0, 0, 1, 2];
const SEVERAL_ROOTS: [usize; 6] = [0, 0, 1, 3, 3, 4];
/// The first segments of all tenants.
pub(crate) const ROOTS: [&str; 3] = ["pb", "ka", "mh"];
/// The contract and the tenant of the first record of each person, for admin commands.
const CONTRACTS: [(&str, &str); 3] = [("egov", "pb"), ("int", "default"), ("mosip", "default")];

/// Whose requests a plan has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mix {
    /// Those of the contract `egov`.
    Egov,
    /// Those of all contracts, side by side.
    All,
}

pub(crate) fn mobile(who: usize) -> String {
    format!("9123456{:03}", who * 37 + 5)
}

pub(crate) fn canonical_in(root: &str, who: usize) -> String {
    format!("egov|{root}|{}", mobile(who))
}

/// Every subject that has a challenge.
pub(crate) fn subjects() -> Vec<String> {
    let of = |who: usize| {
        let others = CONTRACTS[1..]
            .iter()
            .map(move |(contract, tenant)| format!("{contract}|{tenant}|{}", mobile(who)));
        ROOTS.into_iter().map(move |root| canonical_in(root, who)).chain(others)
    };
    (0..PEOPLE).flat_map(of).collect()
}

/// The subject of a request.
pub(crate) fn subject_of(who: usize, kind: RequestKind) -> String {
    match kind {
        RequestKind::Egov { tenant, .. } => {
            canonical_in(TENANTS[tenant].split('.').next().unwrap_or_default(), who)
        }
        RequestKind::Int(_) => format!("int|default|{}", mobile(who)),
        RequestKind::Mosip(request) => format!("mosip|default|{}", request.identity(who)),
    }
}

/// A login of each person who is in the directory from the start.
pub(crate) fn early_requests() -> impl Iterator<Item = WorkloadItem> {
    let request = EgovRequest::Send { purpose: "login" };
    let kind = RequestKind::Egov { request, tenant: 0, desk: false };
    (0..PEOPLE / 2).map(move |who| WorkloadItem::Request { who, kind, is_keyed: true, is_late: false })
}

/// Draws a random item.
pub(crate) fn draw_item(dice: &mut fastrand::Rng, shape: Shape, mix: Mix) -> WorkloadItem {
    let who = dice.usize(..PEOPLE);
    let is_all = mix == Mix::All;
    match dice.u8(..100) {
        drawn @ 0..73 => {
            // Few people ask in the other contracts, so that a code meets its request.
            let mut who = who;
            let kind = match if is_all { dice.u8(..4) } else { 0 } {
                0 => RequestKind::Egov {
                    desk: dice.u8(..4) == 0,
                    request: EgovRequest::draw(dice, drawn),
                    tenant: if shape.is_limited { SEVERAL_ROOTS } else { MOSTLY_ONE_ROOT }[dice.usize(..6)],
                },
                1 => {
                    who %= FEW_PEOPLE;
                    RequestKind::Int(IntRequest::draw(dice))
                }
                _ => {
                    who %= FEW_PEOPLE;
                    RequestKind::Mosip(MosipRequest::draw(dice))
                }
            };
            WorkloadItem::Request { who, kind, is_keyed: dice.u8(..4) > 0, is_late: dice.u8(..40) == 0 }
        }
        73..85 => WorkloadItem::Repeat { back: dice.usize(1..6) },
        85..88 => WorkloadItem::Malformed { topic: dice.usize(..if is_all { 4 } else { 2 }) },
        88..91 if shape.user_check => WorkloadItem::User { who, exists: who < PEOPLE / 2 || dice.bool() },
        88..96 => WorkloadItem::Policy {
            key: configuring::draw_policy_key(dice, mix),
            rules: (dice.u8(..6) > 0).then(|| dice.u64(..)),
        },
        96 => WorkloadItem::Template,
        97 => WorkloadItem::Client {
            id: dice.usize(..CLIENT_IDS.len()),
            change: [ClientChange::Put, ClientChange::Put, ClientChange::Delete, ClientChange::Bad]
                [dice.usize(..4)],
        },
        _ => WorkloadItem::AdminCommand {
            who,
            contract: if is_all { dice.usize(..CONTRACTS.len()) } else { 0 },
            forget: dice.u8(..4) == 0,
        },
    }
}

/// Draws a code to type.
fn draw_typed(dice: &mut fastrand::Rng) -> Typed {
    [Typed::Right, Typed::Right, Typed::Right, Typed::Wrong, Typed::Old, Typed::Foreign][dice.usize(..6)]
}
