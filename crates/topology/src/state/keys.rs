//! The keys of a store: one family byte, then the family's own bytes. Append only: stored keys are never changed.
//!
//! ```text
//! changelogged   S pseudonym           subject
//!                D pseudonym           directory entry (sealed)
//!                P contract/tenant     policy record
//!                T template key        message template
//!                C client id           client record
//!                O path topic 0 part   input position
//!                M topic               broadcast barrier: the topic's records from before the first start are here
//!                H pseudonym           deliveries to a number in its last hour
//!                W …                   signal windows and what they counted (`signal`)
//!                B …                   the deliveries of an hour, for budgets (`budget`)
//! local          X due pseudonym       expiry index of subjects
//!                X due pseudonym H     expiry index of numbers
//!                L name                position of the changelog, format, partition count, …
//! ```

/// The first byte of a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum Family {
    Subject = b'S',
    Directory = b'D',
    Policy = b'P',
    Template = b'T',
    Client = b'C',
    Position = b'O',
    Barrier = b'M',
    Number = b'H',
    Signal = b'W',
    Budget = b'B',
    Expiry = b'X',
    Local = b'L',
}

impl Family {
    pub const ALL: [Self; 12] = [
        Self::Subject,
        Self::Directory,
        Self::Policy,
        Self::Template,
        Self::Client,
        Self::Position,
        Self::Barrier,
        Self::Number,
        Self::Signal,
        Self::Budget,
        Self::Expiry,
        Self::Local,
    ];

    pub fn of(key: &[u8]) -> Option<Self> {
        let first = *key.first()?;
        Self::ALL.into_iter().find(|family| *family as u8 == first)
    }

    /// The name of an entry in messages.
    pub const fn what(self) -> &'static str {
        match self {
            Self::Subject => "subject",
            Self::Directory => "directory entry",
            Self::Policy => "policy",
            Self::Template => "template",
            Self::Client => "client",
            Self::Position => "position",
            Self::Barrier => "broadcast barrier",
            Self::Number => "number's hour",
            Self::Signal => "signal window",
            Self::Budget => "budget",
            Self::Expiry => "due time",
            Self::Local => "local entry",
        }
    }

    /// Whether its writes go through the changelog. The other families are derived from it, or describe this store.
    pub const fn is_changelogged(self) -> bool {
        !matches!(self, Self::Expiry | Self::Local)
    }
}

/// The bytes of a key.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct StoreKey(Vec<u8>);

impl StoreKey {
    pub fn new(family: Family, rest: &[u8]) -> Self {
        let mut bytes = Vec::with_capacity(1 + rest.len());
        bytes.push(family as u8);
        bytes.extend_from_slice(rest);
        Self(bytes)
    }

    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    pub fn into_bytes(self) -> Vec<u8> {
        self.0
    }
}
