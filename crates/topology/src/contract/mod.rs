//! The public contracts: a wire request becomes a command, a decision becomes wire events.
//!
//! Each contract has a folder and a line in `table`. Nothing outside the folder knows its field names. What contracts
//! share stands below them, once: the session, the delivery of a code, the directory, the clients and the analytic
//! streams. They reach the state through [`Reads`] and write through [`Events`] only.
//!
//! ```text
//! table ─▶ egov, int, mosip ─▶ session, delivery, directory, client, analytics ─▶ events, port
//! ```

pub mod analytics;
pub mod client;
pub mod delivery;
pub mod directory;
pub mod egov;
mod events;
mod findings;
pub mod int;
pub mod mosip;
mod port;
mod session;
mod shared;
mod table;
mod utc_offset;

pub use events::{About, Envelope, EventKind, Events, Tallies};
pub use findings::{SettingsFinding, SettingsFindings};
pub use mosip::context_of as mosip_context;
pub use port::{
    Address, Caller, CallerGrant, Contract, EventTopics, KnownSubject, NumberAsk, NumberVerdict,
    PendingRequest, Reads, Request, RequestEnd, ServeError, ServeOutcome, Served,
};
pub use session::Session;
pub use shared::{SharedSettings, TOKENS, TokenSettings};
pub use table::{CONTRACTS, ContractLine, Contracts};
pub use utc_offset::UtcOffset;

pub use crate::wire::reply::{Placeholder, Reply, Secret, SecretPlace};
