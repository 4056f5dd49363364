//! The whole document.

use std::fmt;

use otp_topology::contract::delivery::Flavour;
use otp_topology::deployment::{Format, Settings};

use crate::channels::{Channel, channels};
use crate::headers;
use crate::messages::{Content, correlation_ids};
use crate::operations::operations;
use crate::servers::{security_schemes, servers};
use crate::tree::{Tree, map};

/// The version of AsyncAPI.
const ASYNCAPI: &str = "3.0.0";

const DESCRIPTION: &str = "\
One-time passwords as an event-driven service. Callers write requests to their request topic and read replies from their reply \
topic; SMS and e-mails to send, validation results, lifecycle events and signals lie on topics of their own. Each request's \
effects are committed exactly once. Readers set isolation.level=read_committed. Events may gain members; none is renamed.";

/// What an installation decides.
pub struct Deployment<'a> {
    pub settings: &'a Settings,
    /// Of the contract egov: it chooses the schema of e-mails.
    pub flavour: Flavour,
    /// The format of a shared topic, by its key under `[kafka.topics]`.
    pub format_of: &'a dyn Fn(&str) -> Format,
}

impl fmt::Debug for Deployment<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Deployment").field("flavour", &self.flavour).finish_non_exhaustive()
    }
}

/// The AsyncAPI document of an installation.
pub fn document(deployment: &Deployment<'_>) -> Tree {
    let channels = channels(deployment);
    let mut shown: Vec<(String, Tree)> = Vec::new();
    for channel in &channels {
        let name = &channel.topic.name;
        // Several callers may share a reply topic.
        if shown.iter().all(|(it, _)| it != name) {
            shown.push((name.clone(), channel.tree()));
        }
    }
    map! {
        "asyncapi" => ASYNCAPI,
        "info" => info(&deployment.settings.application_id),
        "defaultContentType" => "application/json",
        "servers" => servers(),
        "channels" => Tree::Map(shown),
        "operations" => Tree::Map(operations(deployment, &channels)),
        "components" => components(&channels),
    }
}

fn info(application_id: &str) -> Tree {
    let license = map! { "name" => "Apache-2.0", "url" => "https://www.apache.org/licenses/LICENSE-2.0" };
    map! {
        "title" => application_id,
        "version" => env!("CARGO_PKG_VERSION"),
        "description" => DESCRIPTION,
        "license" => license,
    }
}

fn components(channels: &[Channel]) -> Tree {
    let mut contents: Vec<Content> = Vec::new();
    for content in channels.iter().filter_map(|channel| channel.content) {
        if !contents.contains(&content) {
            contents.push(content);
        }
    }
    let schemas = contents.iter().map(|it| (it.schema_name().to_owned(), it.schema()));
    let messages = contents.iter().flat_map(|content| {
        content.formats().iter().map(|format| (content.name(*format), content.message(*format)))
    });
    map! {
        "messages" => Tree::Map(messages.collect()),
        "schemas" => Tree::Map(headers::components().into_iter().chain(schemas).collect()),
        "correlationIds" => correlation_ids(),
        "securitySchemes" => security_schemes(),
    }
}

/// The document as YAML.
pub fn yaml(document: &Tree) -> String {
    let text =
        serde_saphyr::to_string(document).expect("texts, numbers, lists and objects have a form in YAML");
    format!("# Made by `otp-stream schemas asyncapi`. Do not edit.\n{text}")
}
