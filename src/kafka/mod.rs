//! The only folder that names librdkafka: narrow, blocking clients, each driven by one thread.
//!
//! Decides nothing: the stream thread decides what is committed, aborted or restored, and when to give up.
//!
//! ```text
//! consumer          a member of the group: records, ends of partitions, rebalances
//! group             what a member does besides polling: start, pause, resume, its metadata
//! producer          one transactional id: begin, produce, send offsets, commit, abort
//! changelog_reader  reads one partition from an offset as fast as possible
//! admin             topics, topic ids, topic settings, watermarks; never called on a polling thread
//! assignment        which partitions the members of a group have
//! contact           whether the cluster accepts this client; asked once, at the start
//! offsets           the group's stable offsets; never called on a polling thread
//! sender            a producer without transactions, as callers of the service use one
//! tail              reads several topics without joining a group
//! errors            error classes, by who has to act
//! causes            what an error of librdkafka means, and the remedy
//! certificate       when a certificate expires
//! broker_clock      how far this host's clock differs from the brokers'
//! outage            the causes that last; each is logged once a minute instead of once per client and attempt
//! refusal           which topics the cluster refuses, and why
//! properties        librdkafka properties: which the protocol sets, which the operator may set
//! ffi               calls into librdkafka; the only files of this folder with `unsafe`
//! ```
//!
//! Why `ffi` exists beside the `rdkafka` crate. The crate's configuration, error codes, admin client and mock cluster
//! serve here too. Its clients do not:
//!
//! - Its `commit_transaction` flushes in polls of 100 ms each, where librdkafka needs about 2 ms.
//! - Its consumer does not let a rebalance callback pause partitions before they are assigned, and handles the callback's
//!   errors itself.
//! - It has no call for topic ids, and finds the topic of each record by name.

mod admin;
mod assignment;
pub(crate) mod broker_clock;
mod causes;
mod certificate;
mod changelog_reader;
mod consumer;
mod contact;
mod encodings;
mod errors;
mod ffi;
mod group;
mod mock;
mod offsets;
pub(crate) mod outage;
mod producer;
mod properties;
mod refusal;
mod sender;
mod tail;

pub(crate) use admin::Admin;
pub use admin::{NewTopic, TopicOutcome};
pub(crate) use changelog_reader::{ChangelogReader, Replayed};
pub(crate) use consumer::FetchedRecord;
pub use consumer::{Consumer, Poll, RevokeHook};
pub(crate) use contact::{Contact, Gate, first_contact};
pub(crate) use encodings::{AvroEncoding, Encodings};
pub(crate) use errors::{Class, ConsumerClass, ConsumerError, EdgeError, TransactionError};
pub(crate) use ffi::GroupMetadata;
pub use group::Group;
pub(crate) use mock::Mock;
pub(crate) use offsets::{StableOffsets, topics_read_by};
pub use producer::Producer;
pub(crate) use producer::{QUEUE_WAIT_MAX, ROUNDS_WAIT_MAX};
pub use properties::Properties;
pub(crate) use properties::{FETCH_BACKOFF_MS, POLL_INTERVAL_MS_MIN, TRANSACTION_TIMEOUT_MS};
pub(crate) use refusal::ASK_MAX as REFUSAL_ASK_MAX;
pub use sender::{Sender, ToSend};
pub use tail::{Seen, Tail};
pub(crate) use tail::{SeenRecord, TailPartition};
