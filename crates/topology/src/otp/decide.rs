//! The one way to change a subject: a command, decided under rules, at a time.
//!
//! Each command says by type what it can come to. No command is known here.

use super::identity::CanonicalSubject;
use super::keys::{Keyring, UnknownKey};
use super::notice::Notice;
use super::policy::Policy;
use super::subject::Subject;
use super::time::LogTime;

/// The record that asked, as the first broker that held it stamped it. A caller writes no part of it.
#[derive(Clone, Copy, Debug)]
pub struct Origin<'a> {
    pub topic: &'a str,
    pub partition: i32,
    pub offset: i64,
    pub time: LogTime,
}

/// What a decision depends on besides the subject's own state.
#[derive(Clone, Copy)]
pub struct Rules<'a> {
    pub policy: &'a Policy,
    pub keys: &'a Keyring,
    pub who: &'a CanonicalSubject,
    /// The tenant as the request gave it.
    pub tenant: &'a str,
    pub origin: Origin<'a>,
}

/// The new state, what the command came to, and what to report on the lifecycle stream.
#[derive(Clone, Debug, PartialEq)]
pub struct Decision<Outcome> {
    pub subject: Subject,
    pub outcome: Outcome,
    /// In the order in which they happened.
    pub notices: Vec<Notice>,
}

/// Something that can be asked of a subject.
pub trait OtpCommand {
    /// Everything that this command can come to.
    type Outcome;

    /// Decides at a time that is not before the subject's last. Only [`decide`] calls it.
    ///
    /// # Errors
    /// See [`decide`].
    fn apply(
        &self,
        subject: Subject,
        now: LogTime,
        rules: &Rules<'_>,
    ) -> Result<Decision<Self::Outcome>, UnknownKey>;
}

/// Decides one command against one subject at one time. Time never goes back for a subject.
///
/// # Errors
/// A challenge was derived under a key that is not in the ring: the caller must not reply at all.
pub fn decide<C: OtpCommand>(
    mut subject: Subject,
    command: &C,
    now: LogTime,
    rules: &Rules<'_>,
) -> Result<Decision<C::Outcome>, UnknownKey> {
    let now = subject.judged_at(now);
    subject.last_time = now;
    command.apply(subject, now, rules)
}
