//! Writes the record of an item.

use otp_topology::wire::murmur2;
use serde_json::json;

use super::configuring::{client, home, policy_record, user};
use super::{
    CLIENT_IDS, CONTRACTS, PEOPLE, RequestKind, TENANTS, Typed, Window, WorkloadItem, mobile, subject_of,
};
use crate::broker::StoredRecord;
use crate::house::{ADMIN, DESK, INT, MOSIP, REQUEST_TOPICS, REQUESTS, Shape, TEMPLATES};

/// A record and the partition to append it to.
#[derive(Clone, Debug)]
pub(crate) struct DraftRecord {
    pub topic: &'static str,
    pub partition: i32,
    pub record: StoredRecord,
}

/// How a code gets to a person.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum CodePath {
    Egov,
    Int,
    /// MOSIP's otpmanager.
    Generate,
    /// MOSIP's authmanager.
    SendOtp,
}

/// Looks up the codes that a person got.
pub(crate) trait Phones {
    fn last_code(&self, path: CodePath, mobile: &str) -> Option<String>;
    fn first_code(&self, path: CodePath, mobile: &str) -> Option<String>;
}

pub(crate) struct Writer<'a> {
    /// Makes the ids of the record unique.
    pub number: usize,
    /// Milliseconds since the Unix epoch.
    pub now: u64,
    pub shape: Shape,
    pub dice: &'a mut fastrand::Rng,
    pub phones: &'a dyn Phones,
    /// The last window that was asked for, by person.
    pub windows: &'a mut [Option<Window>; PEOPLE],
}

impl Writer<'_> {
    pub(crate) fn write(mut self, item: WorkloadItem) -> DraftRecord {
        match item {
            WorkloadItem::Request { who, kind, is_keyed, is_late } => {
                self.request(who, kind, is_keyed, is_late)
            }
            WorkloadItem::Repeat { .. } => {
                unreachable!("the caller appends the record of an earlier item again")
            }
            WorkloadItem::Malformed { topic } => self.malformed(REQUEST_TOPICS[topic]),
            WorkloadItem::User { who, exists } => user(who, exists, self.shape),
            WorkloadItem::Policy { key, rules } => policy_record(key, rules),
            WorkloadItem::Template => {
                let text = json!({"text": format!("number {}: {{otp}}", self.number), "templateId": "t"});
                plain(TEMPLATES, 0, "egov/pb/en_IN/sms.login.otp.msg", Some(text.to_string()))
            }
            WorkloadItem::Client { id, change } => client(CLIENT_IDS[id], self.number, change),
            WorkloadItem::AdminCommand { who, contract, forget } => {
                let operation = if forget { "forget" } else { "unlock" };
                let ((contract, tenant), identity) = (CONTRACTS[contract], mobile(who));
                let command = json!({"operation": operation, "contract": contract, "tenantId": tenant,
                    "identity": identity});
                let subject = format!("{contract}|{tenant}|{identity}");
                plain(ADMIN, home(&subject, self.shape), &subject, Some(command.to_string()))
            }
        }
    }

    /// The code to type. `None`: there is no such code.
    pub(super) fn code(&self, path: CodePath, who: usize, typed: Typed) -> Option<String> {
        let (number, next) = (mobile(who), mobile((who + 1) % PEOPLE));
        match typed {
            Typed::Right => self.phones.last_code(path, &number),
            Typed::Old => self.phones.first_code(path, &number),
            Typed::Foreign => self.phones.last_code(path, &next),
            Typed::Wrong => None,
        }
    }

    fn request(&mut self, who: usize, kind: RequestKind, is_keyed: bool, is_late: bool) -> DraftRecord {
        let (topic, body) = match kind {
            RequestKind::Egov { request, tenant, desk } => {
                (if desk { DESK } else { REQUESTS }, request.body(who, TENANTS[tenant], self))
            }
            RequestKind::Int(request) => (INT, request.body(who, self)),
            RequestKind::Mosip(request) => (MOSIP, request.body(who, self)),
        };
        let key = is_keyed.then(|| subject_of(who, kind).into_bytes());
        let is_loose = topic == DESK && self.shape.is_wide;
        let partition = match &key {
            Some(key) if !is_loose => murmur2::partition(key, self.shape.partitions),
            Some(_) | None => self.anywhere(topic),
        };
        let number = self.number;
        let mut headers = vec![
            ("ce_id".to_owned(), Some(format!("request-{number}").into_bytes())),
            ("ce_correlationid".to_owned(), Some(format!("c{number}").into_bytes())),
        ];
        if is_late {
            let deadline = "2023-11-14T22:13:21.000Z";
            headers.push(("ce_expirytime".to_owned(), Some(deadline.as_bytes().to_vec())));
        }
        let record = StoredRecord { key, value: Some(body.to_string().into_bytes()), headers };
        DraftRecord { topic, partition, record }
    }

    /// What is no JSON object becomes a dead letter, but is answered in the contract `int`. A JSON object is answered where the
    /// case of names counts.
    fn malformed(&mut self, topic: &'static str) -> DraftRecord {
        let value = [&b"nonsense"[..], b"[1]", b"\xff", b"{\"otp\":1,\"OTP\":2}"][self.dice.usize(..4)];
        let correlation = format!("malformed-{}", self.dice.u64(..));
        let headers = if [INT, MOSIP].contains(&topic) {
            vec![("ce_correlationid".to_owned(), Some(correlation.into_bytes()))]
        } else {
            Vec::new()
        };
        let record = StoredRecord { key: None, value: Some(value.to_vec()), headers };
        DraftRecord { topic, partition: self.anywhere(topic), record }
    }

    fn anywhere(&mut self, topic: &str) -> i32 {
        let wide = topic == DESK && self.shape.is_wide;
        self.dice.i32(0..self.shape.partitions + if wide { 2 } else { 0 })
    }
}

pub(super) fn plain(topic: &'static str, partition: i32, key: &str, value: Option<String>) -> DraftRecord {
    let value = value.map(String::into_bytes);
    DraftRecord {
        topic,
        partition,
        record: StoredRecord { key: Some(key.as_bytes().to_vec()), value, headers: Vec::new() },
    }
}
