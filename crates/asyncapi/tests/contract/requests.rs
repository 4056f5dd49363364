//! What the schema of a request refuses, the service refuses.

use std::collections::{BTreeMap, BTreeSet};

use otp_codec::EventSchema;

use super::recorded::{body, header, is_refusal, request_schema, steps};
use super::{faults, validator};

/// Members that are not read where these requests have them: `create` takes no code, and of `RequestInfo` what is neither a
/// text, a number nor a boolean counts as null.
const NOT_READ: [&str; 2] = ["/otp/otp: 123456 is not", "/RequestInfo/msgId: {"];

#[test]
fn a_recorded_request_that_is_not_valid_was_refused() {
    let validators: BTreeMap<_, _> = EventSchema::ALL.iter().map(|it| (*it, validator(*it))).collect();
    let (mut served, mut found) = (BTreeMap::<EventSchema, usize>::new(), Vec::new());
    let mut ids = BTreeSet::new();
    for step in steps().iter().filter(|step| step.topic().contains("request")) {
        // A repeat gets the first reply, whatever its body.
        if header(&step.input, "ce_id").is_some_and(|id| {
            !ids.insert((step.at.rsplit_once(':').map(|it| it.0.to_owned()), id.to_owned()))
        }) {
            continue;
        }
        let Some(request) = body(&step.input) else { continue };
        let replies = step
            .outputs
            .iter()
            .filter(|record| header(record, "ce_type") == Some("org.digit.otp.response.v1"));
        for reply in replies.filter_map(body) {
            let schema = request_schema(&reply);
            if is_refusal(&reply) {
                continue;
            }
            *served.entry(schema).or_default() += 1;
            let mut faults = faults(&validators[&schema], &request);
            faults.retain(|fault| !NOT_READ.iter().any(|it| fault.starts_with(it)));
            if !faults.is_empty() {
                found.push(format!("{}: {faults:?}", step.at));
            }
        }
    }
    assert!(
        found.is_empty(),
        "{} requests were served and are not valid: {:#?}",
        found.len(),
        &found[..found.len().min(10)]
    );
    assert!(served.len() == 3 && served.values().all(|count| *count > 5), "{served:?}");
}
