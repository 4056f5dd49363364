//! Stub.
use super::command::*;
use super::decision::*;
use super::keys::UnknownKey;
use super::subject::Subject;
use super::time::LogTime;
pub(super) fn decide(
    _subject: Subject,
    _it: &Issue,
    _now: LogTime,
    _rules: &Rules<'_>,
) -> Result<Decision, UnknownKey> {
    todo!()
}
