//! The plain form of records: one value under a given key, or an object of values by key.

use super::input::Input;
use super::json::{self, Members, line_of};
use super::{Batch, Draft, Place, Problem};

/// What an input without a key must be.
const RECORDS: &str = "an object of records by key";

/// Reads records of any topic whose keys have parts. With a `key` the whole input is the value of that record.
///
/// # Errors
/// The input is no JSON, or no object of records.
pub(crate) fn records(input: &Input, key: Option<&str>) -> Result<Batch, Problem> {
    if let Some(key) = key {
        let value: &serde_json::value::RawValue = json::read(input, &input.text, "a value")?;
        return Ok(Batch { drafts: vec![draft(input, key, value.get())], ..Batch::default() });
    }
    let Members(members) = json::read(input, &input.text, RECORDS)?;
    if !members.is_empty() && members.iter().all(|(key, _)| !key.contains('/')) {
        let what = "not an object of records by key";
        let remedy = "give the key of this value with --key, or write {\"<key>\": <value>}";
        return Err(Problem::new(Place::new(1, ""), what, remedy));
    }
    let drafts = members.into_iter().map(|(key, value)| draft(input, &key, value.get()));
    Ok(Batch { drafts: drafts.collect(), ..Batch::default() })
}

fn draft(input: &Input, key: &str, value: &str) -> Draft {
    Draft {
        place: Place::new(line_of(&input.text, value), key),
        key: key.to_owned(),
        value: (value != "null").then(|| value.as_bytes().to_vec()),
    }
}
