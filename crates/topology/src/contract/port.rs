//! The port between contracts and the rest: what a contract is, what it gets, and what it gives back.

use std::fmt::Debug;
use std::sync::Arc;

use serde::de::DeserializeOwned;

use super::client::Client;
use super::events::{Envelope, Events};
use super::findings::SettingsFindings;
use super::shared::SharedSettings;
use super::utc_offset::UtcOffset;
use crate::otp::{
    CanonicalSubject, ContractName, ContractRule, KeyPurpose, Keyring, LogTime, NumberPrefix,
    NumberPseudonym, Origin, Policy, Pseudonym, Purpose, Subject, UnknownKey,
};
use crate::state::StoreError;
use crate::text::{Template, TemplateRules};
use crate::wire::headers::{Deadline, RequestHeaders};
use crate::wire::json::{Json, JsonError, Names};
use crate::wire::outbox::OutputTopic;
use crate::wire::record::Headers;
use crate::wire::reply::Reply;

/// Everything that is said about one contract, and its requests.
pub trait Contract: Debug + Send + Sync {
    /// The section of the configuration that has the contract's name. An absent key has its default.
    type Settings: DeserializeOwned
    where
        Self: Sized;

    /// Objects to settings that cannot work.
    fn check(settings: &Self::Settings, findings: &mut SettingsFindings)
    where
        Self: Sized;

    /// `settings` have no fault.
    fn new(settings: Self::Settings, shared: &SharedSettings) -> Self
    where
        Self: Sized;

    fn name(&self) -> ContractName;

    /// Whether the member names of a request count with their case.
    fn member_names(&self) -> Names;

    /// The operations of a request, by their names in the configuration of a caller. Empty: this build does not serve
    /// the contract.
    fn operations(&self) -> &'static [&'static str];

    /// The keys that an operation needs besides those of every contract. Without one of them nobody may use the operation.
    fn keys_of(&self, operation: &str) -> &'static [KeyPurpose];

    /// Objects to what a caller is granted and cannot work. The names of its operations are good.
    fn check_caller(&self, grant: &CallerGrant<'_>, findings: &mut SettingsFindings);

    /// The members of requests and replies that hold secrets. What is printed of a record hides their values.
    fn secret_members(&self) -> &'static [&'static str];

    /// The roles that a record of the client registry can give.
    fn client_roles(&self) -> &[String] {
        &[]
    }

    /// The rules that its policies have besides those of every contract.
    fn policy_rules(&self) -> &'static [ContractRule];

    /// Its policy before `[policy.<name>]` and before any record on the policy topic.
    fn default_policy(&self) -> Policy;

    /// The part of a tenant that its subjects share.
    fn tenant_root<'a>(&self, tenant: &'a str) -> &'a str;

    /// The topics that the topic `base` (SMS or e-mail) stands for, in the order of [`EventTopics`].
    fn notification_topics(&self, base: &str) -> Vec<String>;

    /// What a template must be whose key ends with this code.
    fn template_rules(&self, code: &str) -> TemplateRules;

    /// Whose request it is and what it asks for, before it is judged.
    fn address(&self, body: &Json<'_>, headers: Headers<'_>) -> Address;

    /// The body's own correlation id, if the contract has such a field.
    fn correlation_id<'a>(&self, body: &'a Json<'a>) -> Option<&'a str>;

    /// What an operator should mend in a directory record that was accepted, in words that repeat nothing of it.
    /// `policy_of`: the effective policy of a tenant, as given.
    ///
    /// # Errors
    /// The store cannot be read.
    fn directory_fault(
        &self,
        _record: &[u8],
        _policy_of: &dyn Fn(&str) -> Result<Arc<Policy>, StoreError>,
    ) -> Result<Option<&'static str>, StoreError> {
        Ok(None)
    }

    /// Replies to a body that is no JSON object. `None`: the record becomes a dead letter.
    fn unreadable(&self, error: JsonError, envelope: &Envelope<'_>) -> Option<ServeOutcome>;

    /// Serves a request: exactly one reply, and for a verification exactly one validation result. Or it asks another home
    /// first, publishes nothing, and is called again with the answer.
    ///
    /// # Errors
    /// See [`ServeError`]. What was written to `events` must be rolled back.
    fn serve(
        &self,
        pending: &PendingRequest<'_>,
        known: Option<KnownSubject<'_>>,
        reads: &dyn Reads,
        events: &mut Events<'_>,
    ) -> Result<Served, ServeError>;
}

/// Who may write to a request topic, and what that grants. The topic is the identity.
#[derive(Clone, Debug)]
pub struct Caller {
    pub name: String,
    pub contract: Arc<dyn Contract>,
    pub topics: Arc<EventTopics>,
    pub reply: OutputTopic,
    /// The operations it may use, by the contract's own names.
    pub operations: Vec<String>,
    pub reveal_code: bool,
    /// Of the times that it writes without a zone. `None`: the contract's.
    pub utc_offset: Option<UtcOffset>,
}

/// What the configuration grants a caller.
#[derive(Clone, Copy, Debug)]
pub struct CallerGrant<'a> {
    /// The operations that it may use.
    pub operations: &'a [String],
    pub reveal_code: bool,
    pub utc_offset: Option<UtcOffset>,
}

impl CallerGrant<'_> {
    /// Objects to a zone, for a contract in which callers write no times.
    pub fn refuse_utc_offset(&self, findings: &mut SettingsFindings) {
        if self.utc_offset.is_some() {
            findings.add("utc_offset", "only callers of the contract int have it", "take it out");
        }
    }
}

/// Where the events of one contract go.
#[derive(Clone, Debug)]
pub struct EventTopics {
    /// In the order of [`Contract::notification_topics`].
    pub sms: Vec<OutputTopic>,
    /// In the order of [`Contract::notification_topics`].
    pub email: Vec<OutputTopic>,
    pub validation_result: OutputTopic,
    pub lifecycle: OutputTopic,
}

/// What a request says about itself, before it is judged.
#[derive(Clone, Debug, Default)]
pub struct Address {
    /// `None`: the request does not say whose it is. It gets its reply without state, and no reply is remembered.
    pub subject: Option<CanonicalSubject>,
    /// The index of its operation in [`Contract::operations`]. `None`: it names none of them.
    pub operation: Option<usize>,
    /// Members that the contract does not have, where it counts them.
    pub unknown_members: usize,
}

/// A request, read once: everything that its record says, whatever its contract. Nothing is judged yet.
pub struct Request<'a> {
    pub caller: &'a Caller,
    /// Where and when its record was first appended.
    pub origin: Origin<'a>,
    /// The log time at which it was asked: its append time. If it waited in a partition that nobody read, the time at which
    /// it was forwarded from there.
    pub asked_at: LogTime,
    pub key: Option<&'a [u8]>,
    /// All headers, for those that only the contract knows.
    pub headers: Headers<'a>,
    pub known_headers: RequestHeaders<'a>,
    /// A JSON object.
    pub body: Json<'a>,
    pub address: Address,
}

/// A request that is being served.
pub struct PendingRequest<'a> {
    pub request: &'a Request<'a>,
    /// The header `ce_id`, otherwise the coordinates of the record.
    pub request_id: &'a str,
    /// The log time at which the request is judged.
    pub now: LogTime,
    /// The wall clock, only for deadlines and age; the append time where no request is stale.
    pub wall: LogTime,
    /// `kafka_replyTopic` or `kafka_replyPartition` cannot be honoured.
    pub reply_fault: bool,
    /// `None`: no home of a number was asked.
    pub verdict: Option<NumberVerdict>,
}

/// What the home of a number said about a delivery of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NumberVerdict {
    pub number: NumberPseudonym,
    pub is_granted: bool,
    /// The subject held the delivery's place meanwhile.
    pub is_reserved: bool,
}

/// The subject of a request as the store has it.
pub struct KnownSubject<'a> {
    pub who: &'a CanonicalSubject,
    pub pseudonym: Pseudonym,
    pub subject: Subject,
}

/// What a call to serve a request came to.
#[derive(Debug)]
#[expect(clippy::large_enum_variant, reason = "it lives on the stack, once for each request")]
pub enum Served {
    Replied(ServeOutcome),
    /// Nothing was published. The subject holds the delivery's place until the home of the number has answered.
    AsksNumber {
        subject: Subject,
        ask: NumberAsk,
    },
}

/// Asks the home of a number for one delivery within the hour.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NumberAsk {
    pub number: NumberPseudonym,
    /// How many deliveries it may have.
    pub max: u16,
    /// Of the code that is to be delivered.
    pub purpose: Purpose,
}

/// What serving a request gave. Notifications, results and lifecycle events were written to [`Events`].
#[derive(Debug)]
pub struct ServeOutcome {
    /// The subject's new state. `None`: the request has no subject, or it did nothing. Its reply is not remembered, and it is
    /// judged anew when it comes again.
    pub subject: Option<Subject>,
    pub reply: Reply,
    pub end: RequestEnd,
}

/// How a request ended, for metrics. A caller can invent none of these names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RequestEnd {
    pub contract: ContractName,
    pub operation: &'static str,
    pub outcome: &'static str,
}

/// Why a request cannot be served at all: the task stops, and nothing of the request is published.
#[derive(Clone, Debug, thiserror::Error, PartialEq, Eq)]
pub enum ServeError {
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    Key(#[from] UnknownKey),
    #[error("this build does not serve the contract {name}: take its callers out of the configuration", name = .0.as_str())]
    NotServed(ContractName),
}

/// What a contract may read besides the subject.
pub trait Reads {
    /// The effective policy of a tenant, as given (`pb.amritsar`).
    ///
    /// # Errors
    /// The store cannot be read.
    fn policy(&self, contract: ContractName, tenant: &str) -> Result<Arc<Policy>, StoreError>;

    /// The directory entry of a canonical subject: the JSON text of its record, decrypted.
    ///
    /// # Errors
    /// The store cannot be read, or the entry is sealed under a key that is not in the ring.
    fn directory(&self, subject: &CanonicalSubject) -> Result<Option<Vec<u8>>, ServeError>;

    /// The template under exactly this key, `<contract>/<tenant or *>/<locale>/<code>`.
    ///
    /// # Errors
    /// The store cannot be read.
    fn template(&self, key: &str) -> Result<Option<Arc<Template>>, StoreError>;

    /// The locales that templates of the contract have, sorted, each once.
    ///
    /// # Errors
    /// The store cannot be read.
    fn template_locales(&self, contract: ContractName) -> Result<Arc<[Box<str>]>, StoreError>;

    /// The client with this id, in canonical form.
    ///
    /// # Errors
    /// The store cannot be read.
    fn client(&self, client_id: &str) -> Result<Option<Arc<Client>>, StoreError>;

    /// Whether a task's share of a budget of deliveries is spent in the clock hour of `now`. `prefix`: of which numbers;
    /// `None`: of all.
    ///
    /// # Errors
    /// The store cannot be read.
    fn is_spent(
        &self,
        who: &CanonicalSubject,
        prefix: Option<NumberPrefix>,
        budget: u32,
        now: LogTime,
    ) -> Result<bool, StoreError>;

    fn keys(&self) -> &Keyring;
}

impl From<ServeOutcome> for Served {
    fn from(outcome: ServeOutcome) -> Self {
        Self::Replied(outcome)
    }
}

impl PendingRequest<'_> {
    /// Whether the request's own deadline (`ce_expirytime`) has passed.
    pub fn is_past_deadline(&self) -> bool {
        match self.request.known_headers.deadline {
            Deadline::At(deadline) => self.wall > deadline,
            Deadline::Absent | Deadline::Unreadable => false,
        }
    }

    /// Milliseconds since it was asked.
    pub fn age_ms(&self) -> u64 {
        self.wall.since(self.request.asked_at)
    }
}
