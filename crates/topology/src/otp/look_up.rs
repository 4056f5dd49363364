//! Stub.
use super::command::*;
use super::decision::*;
use super::subject::Subject;
use super::time::LogTime;
pub(super) fn decide(_subject: Subject, _it: &LookUp<'_>, _now: LogTime) -> Decision {
    todo!()
}
