//! The only room that names librdkafka: narrow, blocking building blocks that one thread drives.
//!
//! Decides nothing: who commits, aborts, restores or gives up is the stream thread's business. `unsafe` lives in
//! `ffi` alone.
//!
//! ```text
//! consumer          a member of the group: records, ends of partitions, rebalances
//! group             what a member does besides polling: start, pause, resume, who it is
//! producer          one transactional id: begin, produce, send offsets, commit, abort
//! changelog_reader  one partition from an offset on, as fast as it goes
//! admin             topics, ids, configurations, watermarks; off the polling path
//! offsets           the group's stable offsets; off the polling path
//! sender            records without transactions, as callers send them
//! tail              an onlooker of several topics, in no group
//! errors            who has to act
//! outage            brokers that cannot be reached, said once
//! properties        what the protocol owns, what the operator may set
//! ```

mod admin;
mod changelog_reader;
mod consumer;
mod errors;
mod ffi;
mod group;
mod mock;
mod offsets;
pub mod outage;
mod producer;
mod properties;
mod sender;
mod tail;

pub use admin::{Admin, NewTopic, TopicOutcome, Watermarks};
pub use changelog_reader::{ChangelogReader, Replayed};
pub use consumer::{Consumer, FetchedRecord, Poll, RevokeHook};
pub use errors::{Class, ConsumerClass, ConsumerError, EdgeError, TransactionError};
pub use ffi::{GroupMetadata, TopicFacts};
pub use group::Group;
pub use mock::Mock;
pub use offsets::StableOffsets;
pub use producer::Producer;
pub use properties::{Properties, RefusedProperty, TRANSACTION_TIMEOUT_MS};
pub use sender::{Sender, ToSend};
pub use tail::{Place, Seen, SeenRecord, Tail};
