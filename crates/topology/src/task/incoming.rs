//! What a record of a source topic says, read once: a task asks it for its home, then forwards the record or applies it.
//!
//! Judges no request and reads no state.

use super::admin::{self, AdminCommand};
use crate::contract::{Address, Request};
use crate::deployment::{Broadcast, SourceKind, Topology};
use crate::otp::{CanonicalSubject, LogTime};
use crate::wire::headers::RequestHeaders;
use crate::wire::json::{self, Json, JsonError};
use crate::wire::record::Record;

pub(super) enum Incoming<'a> {
    Request(Request<'a>),
    /// A request whose body is no JSON object: `body` is an empty one.
    UnreadableRequest(Request<'a>, JsonError),
    /// Whose directory entry it is, if the record's key says so.
    Directory(Option<CanonicalSubject>),
    /// Or why it is no command.
    Admin(Result<AdminCommand, String>),
    /// Judged where it is broadcast, and again where it is stored.
    Broadcast(Broadcast),
}

impl<'a> Incoming<'a> {
    /// `record` has the coordinates of the topic in which it was first read: never those of the repartition topic.
    pub(super) fn read(record: &Record<'a>, topology: &'a Topology) -> Self {
        match topology.source(record.source.topic).kind {
            SourceKind::Requests(at) => Self::request(at, record, topology),
            SourceKind::Directory => {
                let key = record.key.and_then(|key| std::str::from_utf8(key).ok());
                Self::Directory(key.and_then(CanonicalSubject::parse))
            }
            SourceKind::Admin => Self::Admin(admin::read(record.value, &topology.contracts)),
            SourceKind::Broadcast(broadcast) => Self::Broadcast(broadcast),
            SourceKind::Repartition => unreachable!("the repartition topic is never an origin"),
        }
    }

    /// A request that waited in a partition that nobody read is asked when it was forwarded from there.
    pub(super) fn asked_at(mut self, forwarded_at: LogTime) -> Self {
        if let Self::Request(request) | Self::UnreadableRequest(request, _) = &mut self {
            request.asked_at = request.asked_at.max(forwarded_at);
        }
        self
    }

    /// The home partition of a record that says whose it is. `None`: it does not, and is applied where it is read.
    pub(super) fn home(&self, topology: &Topology) -> Option<i32> {
        let subject = match self {
            Self::Request(request) => request.address.subject.as_ref(),
            Self::Directory(subject) => subject.as_ref(),
            Self::Admin(command) => command.as_ref().ok().map(|it| &it.subject),
            Self::UnreadableRequest(..) | Self::Broadcast(_) => None,
        };
        subject.map(|it| topology.home_of(it.as_str()))
    }

    fn request(caller: usize, record: &Record<'a>, topology: &'a Topology) -> Self {
        let caller = &topology.callers[caller];
        let request = |address, body| Request {
            caller,
            origin: topology.origin_of(record),
            asked_at: record.timestamp,
            key: record.key,
            headers: record.headers,
            known_headers: RequestHeaders::read(record.headers),
            address,
            body,
        };
        let parsed = match record.undecodable {
            None => json::parse_object(record.value, caller.contract.member_names()),
            Some(error) => Err(error),
        };
        match parsed {
            Ok(body) => Self::Request(request(caller.contract.address(&body, record.headers), body)),
            Err(error) => {
                Self::UnreadableRequest(request(Address::default(), Json::Object(Vec::new())), error)
            }
        }
    }
}
