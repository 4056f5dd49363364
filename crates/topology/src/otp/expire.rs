//! What the sweep does to a subject: tells what expired, forgets what is over.

use super::decision::Notice;
use super::subject::Subject;
use super::time::LogTime;

/// The next log time at which the sweep has something to do; `None`: nothing ever by itself (a hard lock, a count).
pub fn due_at(_subject: &Subject) -> Option<LogTime> {
    todo!()
}

/// Removes what is over at the sweep watermark and says what expired. `None`: nothing is left, delete the record.
pub fn expire(_subject: Subject, _watermark: LogTime) -> (Option<Subject>, Vec<Notice>) {
    todo!()
}
