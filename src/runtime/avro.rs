//! Which topics are in Avro, and the desk that knows their schemas.
//!
//! Shared by all stream threads. Asks the registry through its worker, and never waits for it.

use std::collections::BTreeMap;

use otp_codec::{Encoder, EventSchema, Lookup, SchemaId};
use otp_topology::deployment::Topology;

use crate::kafka::{AvroEncoding, Encodings};
use crate::registry::{Subject, Worker};

/// The topics in Avro, by name.
#[derive(Clone, Debug, Default)]
pub(crate) struct AvroTopics {
    pub requests: BTreeMap<String, EventSchema>,
    pub outputs: BTreeMap<String, EventSchema>,
}

/// The topics in Avro, once each of them has its schema.
pub(crate) struct Avro {
    topics: AvroTopics,
    worker: Worker,
    /// The id of each subject's schema.
    ids: BTreeMap<String, u32>,
    /// Under which the registry shows its schemas.
    url: String,
}

impl Avro {
    /// `ids`: by subject, as the worker has registered them. `url`: the first one of the registry.
    pub(crate) fn new(topics: AvroTopics, worker: Worker, ids: BTreeMap<String, u32>, url: &str) -> Self {
        let url = url.trim_end_matches('/').to_owned();
        Self { topics, worker, ids, url }
    }

    /// How the output topics of a topology are written.
    pub(super) fn encodings(&self, topology: &Topology) -> Encodings {
        let encoding = |name: &String| {
            let schema = *self.topics.outputs.get(name)?;
            let id = self.ids[&Subject::of_topic(name, schema.text()).name];
            let dataschema = format!("{}/schemas/ids/{id}", self.url);
            Some(AvroEncoding::new(Encoder::new(schema, SchemaId(id)), dataschema))
        };
        Encodings::new(topology.outputs.iter().map(|output| encoding(&output.name)).collect())
    }

    /// What the source topics of a topology carry. `None`: JSON.
    pub(super) fn inputs(&self, topology: &Topology) -> Vec<Option<EventSchema>> {
        let schema = |name: &String| self.topics.requests.get(name).copied();
        topology.sources.iter().map(|source| schema(&source.name)).collect()
    }

    pub(super) fn schema_of(&self, id: SchemaId) -> Lookup {
        self.worker.schema_of(id.0)
    }

    /// Why the registry does not answer; `None`: it does.
    pub(super) fn outage(&self) -> Option<String> {
        self.worker.outage()
    }
}
