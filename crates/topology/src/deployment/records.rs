//! What the records of the topics for policies, templates and clients must be.
//!
//! The tasks judge every record by these rules, and so do the commands that produce them.

use crate::contract::Contracts;
use crate::contract::client::{Client, ClientError, check_client_id};
use crate::otp::{Bounds, PolicyPatch, RuleError};
use crate::text::{Template, TemplateError};
use crate::wire::json::{self, JsonError, Names};

/// Longest key, in bytes.
const KEY_LEN_MAX: usize = 512;

/// Why a record is refused; shown in a dead letter. Contains nothing of its texts.
#[derive(Clone, Debug, thiserror::Error, PartialEq, Eq)]
pub enum RecordFault {
    #[error("it has no key")]
    NoKey,
    #[error("its key is longer than {KEY_LEN_MAX} bytes")]
    KeyTooLong,
    #[error("its key is not UTF-8")]
    KeyNotUtf8,
    #[error("its key is not {0}")]
    BadKey(&'static str),
    /// With the names of all contracts.
    #[error("its key names no contract ({0})")]
    UnknownContract(String),
    #[error("the {0}")]
    Json(JsonError),
    #[error(transparent)]
    Rule(#[from] RuleError),
    #[error(transparent)]
    Template(#[from] TemplateError),
    #[error(transparent)]
    Client(#[from] ClientError),
}

/// The form of a policy's key.
pub const POLICY_KEY: &str = "<contract>/<tenant>";
/// The form of a template's key.
pub const TEMPLATE_KEY: &str = "<contract>/<tenant>/<locale>/<code>";

/// Judges a record of the policy topic. `value`: `None` is a tombstone.
///
/// # Errors
/// See [`RecordFault`]. The whole record is refused.
pub fn check_policy(
    key: Option<&[u8]>,
    value: Option<&[u8]>,
    contracts: &Contracts,
    bounds: &Bounds,
) -> Result<(), RecordFault> {
    let (contract, tenant) = key_text(key)?.split_once('/').ok_or(RecordFault::BadKey(POLICY_KEY))?;
    let contract = contracts.named(contract).ok_or_else(|| RecordFault::UnknownContract(contracts.list()))?;
    if tenant.is_empty() || tenant.contains('/') {
        return Err(RecordFault::BadKey(POLICY_KEY));
    }
    let Some(value) = value else {
        return Ok(());
    };
    // The limits of all JSON that is read: length and depth.
    json::parse_object(Some(value), Names::CaseSensitive).map_err(RecordFault::Json)?;
    PolicyPatch::from_json(contract.policy_rules(), value, bounds)?;
    Ok(())
}

/// Judges a record of the template topic. `value`: `None` is a tombstone.
///
/// # Errors
/// See [`RecordFault`].
pub fn check_template(
    key: Option<&[u8]>,
    value: Option<&[u8]>,
    contracts: &Contracts,
) -> Result<(), RecordFault> {
    let key = key_text(key)?;
    let mut parts = key.split('/');
    let contract = parts.next().and_then(|name| contracts.named(name));
    let is_complete = parts.clone().count() == 3 && parts.clone().all(|part| !part.is_empty());
    let (Some(contract), Some(code), true) = (contract, parts.next_back(), is_complete) else {
        return Err(RecordFault::BadKey(TEMPLATE_KEY));
    };
    if let Some(value) = value {
        Template::from_json(key, value, &contract.template_rules(code))?;
    }
    Ok(())
}

/// Judges a record of the client registry. `value`: `None` is a tombstone.
///
/// # Errors
/// See [`RecordFault`].
pub fn check_client(key: Option<&[u8]>, value: Option<&[u8]>) -> Result<(), RecordFault> {
    let key = key_text(key)?;
    match value {
        Some(value) => drop(Client::from_json(key, value)?),
        None => check_client_id(key)?,
    }
    Ok(())
}

fn key_text(key: Option<&[u8]>) -> Result<&str, RecordFault> {
    let key = key.ok_or(RecordFault::NoKey)?;
    if key.len() > KEY_LEN_MAX {
        return Err(RecordFault::KeyTooLong);
    }
    std::str::from_utf8(key).map_err(|_| RecordFault::KeyNotUtf8)
}
