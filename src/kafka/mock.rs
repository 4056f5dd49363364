//! librdkafka's mock cluster inside this process, for the demo.
//!
//! It ignores commits, aborts and the offsets in transactions, so it proves nothing about exactly-once processing.

use rdkafka::mocking::MockCluster;
use rdkafka::producer::DefaultProducerContext;

use super::errors::EdgeError;

/// A running mock cluster. Dropping it stops the cluster.
pub(crate) struct Mock {
    cluster: MockCluster<'static, DefaultProducerContext>,
}

impl Mock {
    /// Starts one broker with these topics (name, partitions).
    ///
    /// # Errors
    /// The cluster does not start, or refuses a topic name.
    pub(crate) fn start(topics: &[(String, i32)]) -> Result<Self, EdgeError> {
        let failed =
            |error: rdkafka::error::KafkaError| EdgeError::plain("start the mock cluster", error.to_string());
        let cluster = MockCluster::new(1).map_err(failed)?;
        for (name, partitions) in topics {
            cluster.create_topic(name, *partitions, 1).map_err(failed)?;
        }
        Ok(Self { cluster })
    }

    pub(crate) fn bootstrap_servers(&self) -> String {
        self.cluster.bootstrap_servers()
    }
}
