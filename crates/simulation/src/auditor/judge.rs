//! Judges every answer by the model of the contract, which shares no code with the service.
//!
//! Follows the records to their homes from outside: a record is served where it is read, unless its transaction forwards it.
//! A request that asks for its number leaves its home by a hop, and is served when it is back.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use otp_model::{Caller, Clock, Contract, Home, Numbers, Published, Request, Rules, Stream};
use otp_topology::deployment::Topology;
use otp_topology::otp::LogTime;
use otp_topology::wire::rfc3339;
use serde_json::Value;

use crate::broker::{Broker, DecidedTransaction, StoredRecord, TopicPartition};
use crate::house::{
    ADMIN, CLIENTS, DESK, DIRECTORY, House, INT, MOSIP, POLICIES, REQUEST_TOPICS, REQUESTS, Shape, TEMPLATES,
    house_rules,
};
use crate::oracle::{Oracle, Verdict};
use crate::records::{header, header_bytes, origin_of};
use crate::workload::client_of;

const EGOV: &[&str] = &["send", "create", "validate", "search"];
const INT_OTP: &[&str] = &["GENERATE", "VALIDATE"];
const MOSIP_OTP: &[&str] = &[
    "mosip.otp.generate",
    "mosip.otp.validate",
    "mosip.authentication.sendotp",
    "mosip.authentication.useridOTP",
    "mosip.authentication.clientidsecretkey",
];
/// How far a broker's clock may be ahead of the true time.
const AHEAD_MS: u64 = 10_000;
/// How far the clocks of instances may be ahead in a plan with wrong ones.
const WRONG_MS: u64 = 60 * 60 * 1000;

pub(super) struct Judge {
    /// By partition.
    homes: Vec<Home>,
    numbers: Numbers,
    /// What requests asked for their numbers, by correlation id.
    asked: BTreeMap<String, Asked>,
    /// By request topic.
    callers: BTreeMap<&'static str, Caller>,
    has_wrong_clocks: bool,
    /// The first record of each partition that was not read.
    read: BTreeMap<TopicPartition, i64>,
    /// The first record of each partition and creation that did not arrive at a home.
    arrived: BTreeMap<(i32, Vec<u8>, TopicPartition), i64>,
}

struct Asked {
    number: String,
    max: u64,
    /// The partition of the number's home.
    home: Option<i32>,
    is_granted: Option<bool>,
}

/// The steps of [`Served::came`], as hops say them.
const ASK: u8 = 1;
const GRANTED: u8 = 2;
const REFUSED: u8 = 3;
const FOLLOW: u8 = 4;
const FOLLOWED: u8 = 5;

/// A record at its home, as it was first appended.
struct Served<'a> {
    origin: (TopicPartition, i64),
    home: i32,
    topic: &'a str,
    key: &'a [u8],
    time: u64,
    record: &'a StoredRecord,
    /// The step of the hop by which it came.
    came: Option<u8>,
}

impl Judge {
    pub(super) fn new(shape: Shape, has_wrong_clocks: bool) -> Self {
        let rules = house_rules(shape);
        let rules: Value = serde_json::from_str(&rules).expect("the rules of the house are JSON");
        let rules = Rules::default().with(&rules).expect("the rules of the house are within the bounds");
        let caller = |topic, name: &str, contract, operations: &[&str]| {
            let operations = operations.iter().map(|it| (*it).to_owned()).collect();
            (topic, Caller { name: name.to_owned(), contract, operations, reveal_code: topic != REQUESTS })
        };
        Self {
            homes: (0..shape.partitions).map(|_| Home::new(rules.clone(), shape.user_check)).collect(),
            numbers: Numbers::default(),
            asked: BTreeMap::new(),
            callers: BTreeMap::from([
                caller(REQUESTS, "citizen", Contract::Egov, EGOV),
                caller(DESK, "desk", Contract::Egov, EGOV),
                caller(INT, "int", Contract::Int, INT_OTP),
                caller(MOSIP, "mosip", Contract::Mosip, MOSIP_OTP),
            ]),
            has_wrong_clocks,
            read: BTreeMap::new(),
            arrived: BTreeMap::new(),
        }
    }

    /// A topic was deleted and created again.
    pub(super) fn recreated(&mut self, topic: usize) {
        self.read.retain(|at, _| at.topic != topic);
    }

    /// # Errors
    /// An answer or an event of a committed transaction is not what the contract says.
    pub(super) fn check(
        &mut self,
        decided: &DecidedTransaction,
        broker: &Broker,
        house: &House,
        topology: &Topology,
    ) -> Verdict {
        let repartition = house.topic(&topology.output(topology.repartition).name);
        for (source, offset) in &decided.reads {
            let at = house.source_place(*source);
            if !is_next(&mut self.read, at, *offset) {
                continue;
            }
            let Some((time, record)) = broker.log(at).any(*offset) else { continue };
            if at.topic == repartition && is_hop(record) {
                let hopped = self.hop(at.partition, record, decided, house, repartition);
                hopped.map_err(|what| Oracle::Model.violation(what))?;
                continue;
            }
            let served = if at.topic == repartition {
                self.arrival(at.partition, record, house)
            } else {
                let forwards = |(to, it): &(TopicPartition, std::rc::Rc<StoredRecord>)| {
                    to.topic == repartition && !is_hop(it) && origin_of(it, house) == Some((at, *offset))
                };
                let has_home = topology.task_of(source.topic, source.partition).is_some();
                let is_broadcast = [POLICIES, TEMPLATES, CLIENTS].contains(&house.topics[at.topic].as_str());
                let is_here = has_home && !is_broadcast && !decided.outputs.iter().any(forwards);
                let (topic, key) =
                    (house.topics[at.topic].as_str(), record.key.as_deref().unwrap_or_default());
                is_here.then_some(Served {
                    origin: (at, *offset),
                    home: at.partition,
                    topic,
                    key,
                    time,
                    record,
                    came: None,
                })
            };
            if let Some(served) = served {
                let judged = self.serve(&served, decided, house, repartition);
                judged.map_err(|what| Oracle::Model.violation(what))?;
            }
        }
        self.check_expiries(decided, house)
    }

    /// A record of the repartition topic, as it was first appended. `None`: a barrier, or one that arrived before.
    fn arrival<'a>(&mut self, home: i32, record: &'a StoredRecord, house: &'a House) -> Option<Served<'a>> {
        if header(record, "otp.kind").is_some() {
            return None;
        }
        let (origin, offset) = origin_of(record, house)?;
        let creation = header_bytes(record, "otp.origin.incarnation").unwrap_or_default().to_vec();
        let time = u64::from_be_bytes(header_bytes(record, "otp.origin.time")?.try_into().ok()?);
        let key = header_bytes(record, "otp.origin.key").unwrap_or_default();
        let topic = house.topics[origin.topic].as_str();
        is_next(&mut self.arrived, (home, creation, origin), offset).then_some(Served {
            origin: (origin, offset),
            home,
            topic,
            key,
            time,
            record,
            came: None,
        })
    }

    /// One step of a request that visits several homes.
    fn hop(
        &mut self,
        home: i32,
        record: &StoredRecord,
        decided: &DecidedTransaction,
        house: &House,
        repartition: usize,
    ) -> Result<(), String> {
        let (origin, step) = origin_of(record, house).zip(step_of(record)).ok_or("a hop says nothing")?;
        let time = header_bytes(record, "otp.origin.time").and_then(|it| it.try_into().ok());
        let time = u64::from_be_bytes(time.ok_or("a hop has no time")?);
        let next = next_step(decided, origin, house, repartition);
        let correlation = header(record, "ce_correlationid").unwrap_or_default();
        match step {
            ASK => {
                let asked = self.asked.get_mut(correlation).ok_or("nobody asked for a number")?;
                let is_granted = self.numbers.grant(&asked.number, time, asked.max);
                asked.is_granted = Some(is_granted);
                asked.home = Some(home);
                let homes = self.asked.values().filter(|it| it.number == self.asked[correlation].number);
                if homes.filter_map(|it| it.home).any(|it| it != home) {
                    return Err(format!("the number of {correlation} has two homes"));
                }
                let expected = if is_granted { GRANTED } else { REFUSED };
                (next == Some(expected))
                    .then_some(())
                    .ok_or_else(|| format!("{correlation} goes on with {next:?}, not {expected}"))
            }
            FOLLOW if next == Some(FOLLOWED) => Ok(()),
            GRANTED | REFUSED | FOLLOWED => {
                let key = header_bytes(record, "otp.origin.key").unwrap_or_default();
                let topic = house.topics[origin.0.topic].as_str();
                let served = Served { origin, home, topic, key, time, record, came: Some(step) };
                self.serve(&served, decided, house, repartition)
            }
            step => Err(format!("{correlation} makes step {step}, then {next:?}")),
        }
    }

    fn serve(
        &mut self,
        served: &Served<'_>,
        decided: &DecidedTransaction,
        house: &House,
        repartition: usize,
    ) -> Result<(), String> {
        if !REQUEST_TOPICS.contains(&served.topic) && is_given_up(served.origin, decided, house) {
            return Ok(());
        }
        let home = &mut self.homes[served.home as usize];
        let key = String::from_utf8_lossy(served.key);
        let value =
            served.record.value.as_deref().and_then(|value| serde_json::from_slice::<Value>(value).ok());
        match served.topic {
            POLICIES => home.put_policy(&key, value),
            DIRECTORY => home.put_users(&key, value),
            ADMIN => {
                let value = value.unwrap_or_default();
                let names = ["contract", "tenantId", "identity"];
                let subject = names.map(|name| value[name].as_str().unwrap_or_default()).join("|");
                if value["operation"] == "forget" {
                    home.forget(&subject);
                } else {
                    home.unlock(&subject, served.time);
                }
            }
            CLIENTS => match value.map(|value| client_of(&value)) {
                None => home.put_client(&key, None),
                Some(client @ Some(_)) => home.put_client(&key, client),
                Some(None) => {}
            },
            topic if REQUEST_TOPICS.contains(&topic) => {
                // A body that is no JSON object gets a dead letter and no answer, but in the contract `int`.
                let body = value.filter(Value::is_object).or((topic == INT).then_some(Value::Null));
                if let Some(body) = body {
                    return self.request(served, &body, decided, house, repartition);
                }
            }
            _ => {}
        }
        Ok(())
    }

    fn request(
        &mut self,
        served: &Served<'_>,
        body: &Value,
        decided: &DecidedTransaction,
        house: &House,
        repartition: usize,
    ) -> Result<(), String> {
        let Some(correlation) = header(served.record, "ce_correlationid") else { return Ok(()) };
        let outputs = decided.outputs.iter();
        let mine = outputs.filter(|(_, it)| header(it, "ce_correlationid") == Some(correlation));
        let published: Vec<_> = mine.filter_map(|(at, it)| published(&house.topics[at.topic], it)).collect();
        let left = next_step(decided, served.origin, house, repartition);
        if published.is_empty() && left.is_none() {
            // It was given up; the auditor counts its dead letter.
            return Ok(());
        }
        let deadline = header(served.record, "ce_expirytime").and_then(rfc3339::parse).map(LogTime::ms);
        let (clock, ahead) = if self.has_wrong_clocks {
            (Clock::UNKNOWN, WRONG_MS)
        } else {
            (Clock { earliest: served.time, latest: decided.at }, AHEAD_MS)
        };
        let request = Request {
            caller: &self.callers[served.topic],
            id: header(served.record, "ce_id").unwrap_or_default(),
            appended: served.time,
            clock,
            deadline,
            has_bad_reply_headers: false,
            body,
            is_granted: self.asked.get(correlation).and_then(|it| it.is_granted),
            has_followed: served.came == Some(FOLLOWED),
        };
        let (home, swept) = (&mut self.homes[served.home as usize], decided.at + ahead);
        match left {
            None => home.judge(&request, &published, swept),
            Some(ASK) if published.is_empty() => {
                let (number, max) = home.ask(&request, swept)?;
                let asked = Asked { number, max, home: None, is_granted: None };
                self.asked.insert(correlation.to_owned(), asked);
                Ok(())
            }
            Some(FOLLOW) if published.is_empty() && served.came.is_none() => home.follow(&request),
            Some(step) => Err(format!("{correlation} leaves with step {step}")),
        }
    }

    fn check_expiries(&mut self, decided: &DecidedTransaction, house: &House) -> Verdict {
        for (at, record) in &decided.outputs {
            if header(record, "ce_type") == Some("org.digit.otp.expired.v1") {
                let event = published(&house.topics[at.topic], record).expect("a lifecycle event is JSON");
                // Only the home that knows the subject can object.
                let judged = self.homes.iter_mut().try_for_each(|home| home.expired(&event));
                judged.map_err(|what| Oracle::Model.violation(what))?;
            }
        }
        Ok(())
    }
}

fn is_hop(record: &StoredRecord) -> bool {
    header(record, "otp.kind") == Some("hop")
}

fn step_of(record: &StoredRecord) -> Option<u8> {
    header_bytes(record, "otp.hop")?.get(1).copied()
}

/// The next step of the request with this origin, if the transaction makes one.
fn next_step(
    decided: &DecidedTransaction,
    origin: (TopicPartition, i64),
    house: &House,
    repartition: usize,
) -> Option<u8> {
    let outputs = decided.outputs.iter().filter(|(at, it)| at.topic == repartition && is_hop(it));
    let mut mine = outputs.filter(|(_, it)| origin_of(it, house) == Some(origin));
    mine.next().and_then(|(_, it)| step_of(it))
}

/// Whether this is the first time for this offset. Then all up to it are done.
fn is_next<K: Ord>(done: &mut BTreeMap<K, i64>, at: K, offset: i64) -> bool {
    let next = done.entry(at).or_default();
    let is_new = offset >= *next;
    *next = (*next).max(offset + 1);
    is_new
}

/// Whether a dead letter names the record.
fn is_given_up((at, offset): (TopicPartition, i64), decided: &DecidedTransaction, house: &House) -> bool {
    let names = |record: &StoredRecord| {
        header(record, "__dlq.errors.topic") == Some(&house.topics[at.topic])
            && header(record, "__dlq.errors.partition") == Some(&at.partition.to_string())
            && header(record, "__dlq.errors.offset") == Some(&offset.to_string())
    };
    decided.outputs.iter().any(|(_, record)| names(record))
}

/// `None`: of no stream that requests cause.
fn published(topic: &str, record: &StoredRecord) -> Option<Published> {
    let stream = match topic {
        replies if replies.ends_with("replies") => Stream::Reply,
        "sms" => Stream::Sms,
        "email" => Stream::Email,
        "results" => Stream::Result,
        "lifecycle" => Stream::Lifecycle,
        _ => return None,
    };
    let text = |name| header(record, name).unwrap_or_default().to_owned();
    let body = serde_json::from_slice(record.value.as_deref().unwrap_or_default()).ok()?;
    let token = header(record, "authorization").map(claims_of);
    Some(Published { stream, id: text("ce_id"), time: text("ce_time"), body, token })
}

/// The claims of a token. Null: it is none.
fn claims_of(token: &str) -> Value {
    let claims = token.split('.').nth(1).and_then(|part| BASE64_URL_SAFE_NO_PAD.decode(part).ok());
    claims.and_then(|claims| serde_json::from_slice(&claims).ok()).unwrap_or_default()
}
