//! How the producer of a stream thread is made: it takes over the transactional id, and settles what was left open.

use std::sync::Arc;
use std::time::Duration;

use otp_topology::deployment::Topology;
use otp_topology::thread::NoProducer;

use crate::kafka::{Encodings, Producer, Properties};

/// How long a new producer may take to settle what the old one left open.
const INIT_MAX: Duration = Duration::from_secs(30);

/// A producer to be made.
#[derive(Clone)]
pub(super) struct NewProducer {
    pub topology: Arc<Topology>,
    pub properties: Properties,
    pub transactional_id: String,
    pub encodings: Arc<Encodings>,
}

impl NewProducer {
    /// Waits for the cluster, as long as `is_needed`.
    ///
    /// # Errors
    /// The cluster refuses, or does not answer in time.
    pub(super) fn make(&self, is_needed: impl Fn() -> bool) -> Result<Producer, NoProducer> {
        let topology = &self.topology;
        let outputs: Vec<String> = topology.outputs.iter().map(|output| output.name.clone()).collect();
        let sources: Vec<String> = topology.sources.iter().map(|source| source.name.clone()).collect();
        let changelog = Some(topology.changelog);
        let producer = Producer::new(&self.properties, &self.transactional_id, &outputs, &sources, changelog)
            .map_err(|error| NoProducer::Failed(error.to_string()))?
            .with_encodings(self.encodings.clone());
        let Err(error) = producer.init(INIT_MAX, &is_needed) else {
            return Ok(producer);
        };
        match is_needed().then(|| producer.refusal(&error)).flatten() {
            Some(refusal) => Err(NoProducer::Refused(refusal.reason)),
            None => Err(NoProducer::Failed(error.to_string())),
        }
    }
}
