//! Documents that are made of the schemas and the table of topics. Nothing here connects.

use otp_asyncapi::{DIALECT, Deployment, Tree, feeds, json_schema};
use otp_codec::EventSchema;

use super::super::Failure;
use super::{DocumentFormat, SchemaFormat, name_of};
use crate::config::Config;

/// A schema by its name. `format`: `None` is Avro, or JSON Schema of what is always JSON.
///
/// # Errors
/// There is no such schema, or none in this format.
pub(super) fn show(name: &str, format: Option<SchemaFormat>) -> Result<String, Failure> {
    let name = name.strip_suffix(".avsc").unwrap_or(name);
    let event = EventSchema::ALL.iter().copied().find(|schema| name_of(*schema) == name);
    match (event, feeds::schema(name), format) {
        (Some(event), _, Some(SchemaFormat::JsonSchema)) => Ok(with_dialect(json_schema(event)).to_json()),
        (Some(event), _, Some(SchemaFormat::Avro) | None) => Ok(event.text().to_owned()),
        (None, Some(feed), Some(SchemaFormat::JsonSchema) | None) => Ok(feed.to_json()),
        (None, Some(_), Some(SchemaFormat::Avro)) => Err(Failure::Usage(format!(
            "{name} is always JSON and has no Avro schema; use --format json-schema"
        ))),
        (None, None, _) => {
            let events = EventSchema::ALL.iter().map(|schema| name_of(*schema));
            let names: Vec<_> = events.chain(feeds::names()).collect();
            Err(Failure::Usage(format!("there is no schema {name:?}; the schemas are {}", names.join(", "))))
        }
    }
}

/// The interface of this configuration.
pub(super) fn asyncapi(config: &Config, format: DocumentFormat) -> String {
    let format_of = |key: &str| config.formats.of(key);
    let deployment =
        Deployment { settings: &config.settings(), flavour: config.flavour(), format_of: &format_of };
    let document = otp_asyncapi::document(&deployment);
    match format {
        DocumentFormat::Yaml => otp_asyncapi::yaml(&document),
        DocumentFormat::Json => document.to_json(),
        DocumentFormat::Html => otp_asyncapi::page(&document),
    }
}

/// A schema that stands alone says in which dialect it is.
fn with_dialect(schema: Tree) -> Tree {
    let mut members = vec![("$schema".to_owned(), Tree::from(DIALECT))];
    members.extend(schema.members().iter().cloned());
    Tree::Map(members)
}
