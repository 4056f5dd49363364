//! Stub.
use super::decision::*;
use super::subject::Subject;
use super::time::LogTime;
pub(super) fn unlock(_subject: Subject) -> Decision {
    todo!()
}
pub(super) fn forget(_now: LogTime) -> Decision {
    todo!()
}
