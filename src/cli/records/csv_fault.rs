//! What is wrong with a row of a CSV file, without what stands in it.

/// The row's line, and the reason.
#[expect(clippy::wildcard_enum_match_arm, reason = "the kinds of errors of the crate grow")]
pub(crate) fn csv_fault(error: &csv::Error) -> (Option<u64>, String) {
    let line = error.position().map(csv::Position::line);
    let reason = match error.kind() {
        csv::ErrorKind::UnequalLengths { expected_len, len, .. } => {
            format!("the row has {len} columns, and the header {expected_len}")
        }
        csv::ErrorKind::Utf8 { .. } => "the row is not UTF-8".to_owned(),
        csv::ErrorKind::Io(error) => format!("the row cannot be read ({error})"),
        _ => "the row is no CSV".to_owned(),
    };
    (line, reason)
}
