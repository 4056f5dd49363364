//! Brings this service's schemas under their subjects, and says how a registry differs from that.
//!
//! The subject of a topic is `<topic>-value`. A subject without a level of its own gets BACKWARD: a new schema must be able to
//! read what the one before has written. Then the registry itself refuses an incompatible schema, whoever brings it.

use super::client::Client;
use super::difference::{compact, differences};
use super::fault::Fault;

/// The level that a subject without one gets.
const LEVEL: &str = "BACKWARD";
/// No level. Some registries report it for a subject that never had one, so it counts as unset.
const LEVEL_NONE: &str = "NONE";
/// The code of a schema that the subject's level does not allow.
const INCOMPATIBLE: u32 = 409;

/// A schema and the subject under which it belongs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Subject {
    pub name: String,
    /// Without white space between its parts.
    pub schema: String,
}

/// Why a subject does not have our schema.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Trouble {
    /// The registry says nothing definite. Try again.
    #[error("subject {subject}: {reason}")]
    Unavailable { subject: String, reason: String },
    #[error(
        "subject {subject}: the schema is not registered, and schema_registry.auto_register is false; register it with \
         `otp-stream schemas register`"
    )]
    Missing { subject: String },
    #[error(
        "subject {subject}: the schema is not compatible with the registered one under the level {level}: {}; whoever reads \
         or writes the topic by the other schema would fail. Give the topic a name of its own (kafka.topics or callers), or \
         delete the subject once nobody needs it. The registry says: {message}",
        if fields.is_empty() { "see the registry's reason".to_owned() } else { fields.join(", ") }
    )]
    Incompatible { subject: String, level: String, fields: Vec<String>, message: String },
    #[error("subject {subject}: the registry refuses the schema: {reason}")]
    Refused { subject: String, reason: String },
}

/// What a registry has of a subject.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Standing {
    /// The id of exactly our schema. `None`: it is not registered.
    pub id: Option<u32>,
    /// `None`: the subject has none of its own.
    pub level: Option<String>,
    /// Why our schema may not be registered; empty if it may, or is.
    pub objections: Vec<String>,
}

impl Subject {
    pub fn of_topic(topic: &str, schema: &str) -> Self {
        Self { name: format!("{topic}-value"), schema: compact(schema) }
    }

    /// What the fault of a request for this subject means.
    fn trouble(&self, fault: Fault) -> Trouble {
        let subject = self.name.clone();
        match fault {
            Fault::Unavailable(reason) => Trouble::Unavailable { subject, reason },
            Fault::Refused { .. } => Trouble::Refused { subject, reason: fault.to_string() },
        }
    }
}

/// The id of our schema under its subject. `may_write`: gives the subject a level if it has none, and registers the schema if
/// it is missing.
///
/// # Errors
/// See [`Trouble`].
pub(crate) async fn register(client: &Client, subject: &Subject, may_write: bool) -> Result<u32, Trouble> {
    let failed = |fault| subject.trouble(fault);
    let found = client.id_of(&subject.name, &subject.schema).await.map_err(failed)?;
    if !may_write {
        return found.ok_or_else(|| Trouble::Missing { subject: subject.name.clone() });
    }
    let level = protect(client, subject).await?;
    if let Some(id) = found {
        return Ok(id);
    }
    match client.register(&subject.name, &subject.schema).await {
        Err(Fault::Refused { code: INCOMPATIBLE, message }) => {
            let fields = differing_fields(client, subject).await.map_err(failed)?;
            Err(Trouble::Incompatible { subject: subject.name.clone(), level, fields, message })
        }
        registered => registered.map_err(failed),
    }
}

/// How the registry differs from what [`register`] makes of it. Writes nothing.
///
/// # Errors
/// See [`Trouble`].
pub(crate) async fn compare(client: &Client, subject: &Subject) -> Result<Standing, Trouble> {
    let failed = |fault| subject.trouble(fault);
    let id = client.id_of(&subject.name, &subject.schema).await.map_err(failed)?;
    let level = client.level(&subject.name).await.map_err(failed)?.filter(|level| level != LEVEL_NONE);
    let mut objections = Vec::new();
    if id.is_none() {
        let verdict = client.check(&subject.name, &subject.schema).await.map_err(failed)?;
        if !verdict.is_compatible {
            objections = differing_fields(client, subject).await.map_err(failed)?;
            objections.extend(verdict.messages.iter().map(|message| super::fault::shown(message)));
            if objections.is_empty() {
                objections.push("the registry gives no reason".to_owned());
            }
        }
    }
    Ok(Standing { id, level, objections })
}

/// Returns the subject's level, after giving it one if it has none.
async fn protect(client: &Client, subject: &Subject) -> Result<String, Trouble> {
    let failed = |fault| subject.trouble(fault);
    match client.level(&subject.name).await.map_err(failed)? {
        Some(level) if level != LEVEL_NONE => Ok(level),
        Some(_) | None => {
            client.set_level(&subject.name, LEVEL).await.map_err(failed)?;
            tracing::info!(
                subject = subject.name,
                level = LEVEL,
                "the subject had no compatibility level and got one"
            );
            Ok(LEVEL.to_owned())
        }
    }
}

async fn differing_fields(client: &Client, subject: &Subject) -> Result<Vec<String>, Fault> {
    let latest = client.latest(&subject.name).await?;
    Ok(latest.map_or_else(Vec::new, |latest| differences(&subject.schema, &latest)))
}
