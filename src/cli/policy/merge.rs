//! Rules of the present record that a new one does not have stay.

use otp_topology::deployment::PolicyRecords;
use serde_json::{Map, Value};

use crate::cli::records::{Accepted, Batch, Draft};

/// Each record over the present one of its key.
pub(super) fn merged(accepted: Accepted, present: &PolicyRecords) -> Batch {
    let over = |draft: Draft| {
        let merged = match (draft.value.as_deref(), present.get(&draft.key)) {
            (Some(new), Some(old)) => rules(old).zip(rules(new)),
            (Some(_) | None, _) => None,
        };
        match merged {
            Some((mut rules, new)) => {
                rules.extend(new);
                let value = serde_json::to_vec(&rules).expect("rules are plain values");
                Draft { value: Some(value), ..draft }
            }
            None => draft,
        }
    };
    let drafts = accepted.drafts.into_iter().map(over).collect();
    Batch { drafts, problems: accepted.skipped, left_out: accepted.left_out }
}

/// `None`: not an object, which no accepted record is.
fn rules(value: &[u8]) -> Option<Map<String, Value>> {
    serde_json::from_slice(value).ok()
}
