//! librdkafka's mock cluster, inside the process: for the demo. It ignores the ends of transactions and the offsets
//! in them, so it proves nothing about exactly-once.

use rdkafka::mocking::MockCluster;
use rdkafka::producer::DefaultProducerContext;

use super::errors::EdgeError;

/// Ends with this value.
pub struct Mock {
    cluster: MockCluster<'static, DefaultProducerContext>,
}

impl Mock {
    /// One broker with these topics.
    ///
    /// # Errors
    /// No cluster, or a topic's name is refused.
    pub fn start(topics: &[(String, i32)]) -> Result<Self, EdgeError> {
        let failed =
            |error: rdkafka::error::KafkaError| EdgeError::plain("start the mock cluster", error.to_string());
        let cluster = MockCluster::new(1).map_err(failed)?;
        for (name, partitions) in topics {
            cluster.create_topic(name, *partitions, 1).map_err(failed)?;
        }
        Ok(Self { cluster })
    }

    pub fn bootstrap_servers(&self) -> String {
        self.cluster.bootstrap_servers()
    }
}
