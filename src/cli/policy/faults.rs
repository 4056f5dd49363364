//! What an operator does about a policy that the service would refuse.

use otp_topology::deployment::RecordFault;
use otp_topology::otp::RuleError;

use crate::cli::records::{Draft, Problem};

const RULES: &str = "the rules are in docs/interface.md, \"Policy\"";

/// The problem of a record, at the line of the rule if the rule stands in the file.
pub(super) fn problem(draft: &Draft, fault: &RecordFault) -> Problem {
    let mut place = draft.place.clone();
    if let RecordFault::Rule(error) = fault
        && let (Some(line), Some(rule)) = (&mut place.line, error.rule())
    {
        *line += lines_before(draft.value.as_deref().unwrap_or_default(), rule);
    }
    Problem::new(place, fault.to_string(), remedy(fault))
}

/// Lines of a record's text before the member of this name.
fn lines_before(text: &[u8], member: &str) -> u64 {
    let name = format!("\"{member}\"");
    let at = text.windows(name.len()).position(|it| it == name.as_bytes()).unwrap_or(0);
    text[..at].iter().filter(|byte| **byte == b'\n').count() as u64
}

fn remedy(fault: &RecordFault) -> String {
    let fixed = match fault {
        RecordFault::NoKey
        | RecordFault::KeyTooLong
        | RecordFault::KeyNotUtf8
        | RecordFault::BadKey(_)
        | RecordFault::UnknownContract(_) => {
            "write a key like egov/pb, egov/pb.amritsar, or egov/* for the whole contract"
        }
        RecordFault::Json(_) => "write an object of rules, or null to delete the record",
        RecordFault::Rule(RuleError::OutOfBounds { min, max, .. }) => {
            return format!(
                "use {min} to {max}; only [policy.bounds] of the service's configuration moves bounds"
            );
        }
        RecordFault::Rule(RuleError::Duplicate(_)) => "keep one of them",
        RecordFault::Rule(RuleError::TooManyRows { .. }) => "take rows out",
        RecordFault::Rule(RuleError::Row { .. }) => {
            "write rows as {\"countryCode\": \"+91\", \"mobileNumberRegex\": \"^[6-9][0-9]{9}$\", \"default\": true}"
        }
        RecordFault::Rule(
            RuleError::NotAnObject
            | RuleError::Unknown(_)
            | RuleError::WrongType { .. }
            | RuleError::NotOfContract(_)
            | RuleError::EmptyBounds(_)
            | RuleError::Limit { .. },
        )
        | RecordFault::Template(_)
        | RecordFault::Client(_) => RULES,
    };
    fixed.to_owned()
}
