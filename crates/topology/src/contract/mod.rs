//! The public contracts: a wire request becomes a command, a decision becomes wire events.
//!
//! Each contract has a folder; nothing outside of it knows its field names. The contracts share the port below and
//! the two analytic streams. They reach the state through [`Reads`] and write through [`Events`] only.

pub mod analytics;
pub mod egov;
pub mod events;

use crate::otp::{
    CanonicalSubject, CodeRef, ContractName, Keyring, LogTime, Origin, Policy, Pseudonym, Subject, UnknownKey,
};
use crate::state::StoreError;
use crate::text::Template;
use crate::wire::headers::RequestHeaders;
use crate::wire::json::{Json, Names};
use crate::wire::outbox::OutputTopic;
use crate::wire::record::Headers;
pub use events::{Envelope, EventKind, Events};
use std::sync::Arc;

/// Who may write to a request topic, and what that grants. The topic is the identity.
#[derive(Clone, Debug)]
pub struct Caller {
    pub name: String,
    pub contract: ContractName,
    pub reply: OutputTopic,
    /// The operations it may use, by the contract's own names.
    pub operations: Vec<String>,
    pub reveal_code: bool,
}

/// A request, read once: everything that its record says, whatever its contract. Nothing is judged yet.
pub struct Request<'a> {
    pub caller: &'a Caller,
    /// Where and when its record was first appended.
    pub origin: Origin<'a>,
    pub key: Option<&'a [u8]>,
    /// All headers, for those that only the contract knows.
    pub headers: Headers<'a>,
    pub known_headers: RequestHeaders<'a>,
    /// A JSON object.
    pub body: Json<'a>,
    /// `None`: the request does not say whose it is. It gets its reply without state, and no reply is remembered.
    pub subject: Option<CanonicalSubject>,
}

/// A request that is being served.
pub struct Inbound<'a> {
    pub request: &'a Request<'a>,
    /// The header `ce_id`, otherwise the coordinates of the record.
    pub request_id: &'a str,
    /// The log time at which the request is judged.
    pub now: LogTime,
    /// The wall clock, only for deadlines and age; the append time where no request is stale.
    pub wall: LogTime,
    /// `kafka_replyTopic` or `kafka_replyPartition` cannot be honoured.
    pub reply_fault: bool,
}

impl Inbound<'_> {
    /// Whether the request's own deadline (`ce_expirytime`) has passed.
    pub fn is_past_deadline(&self) -> bool {
        self.request.known_headers.expires_at.is_some_and(|deadline| self.wall > deadline)
    }

    /// Milliseconds since the record was appended.
    pub fn age_ms(&self) -> u64 {
        self.wall.since(self.request.origin.time)
    }
}

/// The subject of a request as the store has it.
pub struct Known<'a> {
    pub who: &'a CanonicalSubject,
    pub pseudonym: Pseudonym,
    pub subject: Subject,
}

/// What serving a request came to. Notifications, results and lifecycle events were written to [`Events`].
pub struct Served {
    /// The subject's new state; `None` for a request without a subject.
    pub subject: Option<Subject>,
    pub reply: Reply,
    pub tally: Tally,
}

/// How a request ended, for metrics: no names that a caller can invent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tally {
    pub contract: ContractName,
    pub operation: &'static str,
    pub outcome: &'static str,
}

/// A reply's body, with a hole where a code stands: bodies are remembered, codes are not.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reply {
    /// The body without the code's digits.
    pub body: Vec<u8>,
    /// Where in the body the digits go, and what they are derived from.
    pub code: Option<(usize, CodeRef)>,
}

/// Why a request cannot be served at all: the task stops, and nothing of it is published.
#[derive(Clone, Debug, thiserror::Error, PartialEq, Eq)]
pub enum Trouble {
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    Key(#[from] UnknownKey),
}

/// What a contract may read besides the subject.
pub trait Reads {
    /// The effective policy of a tenant, as given (`pb.amritsar`).
    ///
    /// # Errors
    /// The store cannot be read.
    fn policy(&self, contract: ContractName, tenant: &str) -> Result<Arc<Policy>, StoreError>;

    /// The directory entry under a canonical subject: the JSON text of its record, opened.
    ///
    /// # Errors
    /// The store cannot be read, or the entry is sealed under a key that is not in the ring.
    fn directory(&self, subject: &CanonicalSubject) -> Result<Option<Vec<u8>>, Trouble>;

    /// The template under exactly this key, `<contract>/<tenant or *>/<locale>/<code>`.
    ///
    /// # Errors
    /// The store cannot be read.
    fn template(&self, key: &str) -> Result<Option<Arc<Template>>, StoreError>;

    fn keys(&self) -> &Keyring;
}

/// A whole number among a contract's settings, and its inclusive bounds. The key is relative to the contract's section.
#[derive(Clone, Copy, Debug)]
pub struct SettingRange {
    pub key: &'static str,
    pub min: i64,
    pub max: i64,
}

/// What is wrong with a contract's settings. The key is relative to the contract's section.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SettingFault {
    pub key: String,
    pub what: String,
    pub remedy: String,
}

/// The operations of a contract. `None`: this build does not serve it.
pub fn operations_of(contract: ContractName) -> Option<Vec<String>> {
    match contract {
        ContractName::Egov => Some(egov::EgovSettings::operations()),
        ContractName::Int | ContractName::Mosip => None,
    }
}

/// The part of a tenant that a canonical subject begins with.
pub fn tenant_root(contract: ContractName, tenant: &str) -> &str {
    match contract {
        ContractName::Egov => egov::root_of(tenant),
        ContractName::Int | ContractName::Mosip => tenant,
    }
}

/// The contracts of one deployment.
#[derive(Clone, Debug)]
pub struct Contracts {
    pub egov: egov::Egov,
}

impl Contracts {
    /// Whether a contract's field names are told apart by case.
    pub const fn names_of(contract: ContractName) -> Names {
        match contract {
            ContractName::Egov => Names::IgnoreCase,
            ContractName::Int | ContractName::Mosip => Names::CaseSensitive,
        }
    }

    /// Whose request it is, before it is judged. `None`: it does not say.
    pub fn subject(
        &self,
        caller: &Caller,
        body: &Json<'_>,
        headers: Headers<'_>,
    ) -> Option<CanonicalSubject> {
        match caller.contract {
            ContractName::Egov => self.egov.subject(body, headers),
            ContractName::Int | ContractName::Mosip => None,
        }
    }

    /// The body's own correlation id, if the contract has such a field.
    pub fn correlation_id<'a>(&self, caller: &Caller, body: &'a Json<'a>) -> Option<&'a str> {
        match caller.contract {
            ContractName::Egov => self.egov.correlation_id(body),
            ContractName::Int | ContractName::Mosip => None,
        }
    }

    /// Serves a request: exactly one reply, and for a verification exactly one validation result.
    ///
    /// # Errors
    /// See [`Trouble`]; what was written to `events` must be taken back.
    pub fn serve(
        &self,
        inbound: &Inbound<'_>,
        known: Option<Known<'_>>,
        reads: &dyn Reads,
        events: &mut Events<'_>,
    ) -> Result<Served, Trouble> {
        match inbound.request.caller.contract {
            ContractName::Egov => self.egov.serve(inbound, known, reads, events),
            ContractName::Int | ContractName::Mosip => {
                unreachable!("the configuration refuses callers of contracts that are not built in")
            }
        }
    }
}
