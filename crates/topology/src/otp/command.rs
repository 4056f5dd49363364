//! What a contract can ask of the rules.

use super::identity::{CanonicalSubject, Purpose};
use super::keys::Keyring;
use super::policy::Policy;
use super::time::LogTime;

/// The record that asked, as the first broker to hold it stamped it. Nothing that a caller writes is part of it.
#[derive(Clone, Copy, Debug)]
pub struct Origin<'a> {
    pub topic: &'a str,
    pub partition: i32,
    pub offset: i64,
    pub time: LogTime,
}

/// What a decision is made under, besides the subject's own state.
#[derive(Clone, Copy)]
pub struct Rules<'a> {
    pub policy: &'a Policy,
    pub keys: &'a Keyring,
    pub who: &'a CanonicalSubject,
    /// The tenant as the request gave it.
    pub tenant: &'a str,
    pub origin: Origin<'a>,
}

#[derive(Clone, Debug)]
pub enum Command<'a> {
    Issue(Issue),
    Verify(Verify<'a>),
    LookUp(LookUp<'a>),
    Unlock,
    Forget,
}

/// How an issued code leaves the service.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exit {
    /// By SMS or e-mail; counts against limits and pause.
    Delivered,
    /// In the reply alone; counts against nothing.
    Revealed,
    /// Not at all, although it must look like a delivery: the recipient is unknown. Counts like one; no code is right.
    Withheld,
}

/// A code is wanted.
#[derive(Clone, Debug)]
pub struct Issue {
    pub purpose: Purpose,
    pub exit: Exit,
}

/// A code was typed.
#[derive(Clone, Debug)]
pub struct Verify<'a> {
    /// `None`: the most recent live challenge.
    pub purpose: Option<Purpose>,
    /// As typed; compared in constant time and never stored.
    pub code: &'a str,
}

/// A challenge is looked up by the text of its id.
#[derive(Clone, Debug)]
pub struct LookUp<'a> {
    pub challenge: &'a str,
}
