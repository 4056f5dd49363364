//! Topics in Avro: `run` serves as soon as the schema registry has their schemas.

use std::sync::Arc;

use otp_topology::deployment::Format;

use super::super::signals::Stop;
use super::super::{Failure, schemas};
use super::POLL_INTERVAL;
use crate::config::Loaded;
use crate::registry::{Registration, Trouble, Worker};
use crate::runtime::{Avro, AvroTopics};
use crate::telemetry::{Health, ThreadState};

/// What `run` starts with.
pub(super) enum Start {
    /// Every topic is JSON.
    Json,
    Avro(Arc<Avro>),
    /// A signal asked to stop.
    Stopped,
}

/// Registers the schemas, or looks them up. Waits for a registry that does not answer: the process is not ready meanwhile.
///
/// # Errors
/// A schema is missing and may not be registered, or is not compatible with the one that is registered.
pub(super) fn start(loaded: &Loaded, health: &Health, stop: &Stop) -> Result<Start, Failure> {
    let config = &loaded.config;
    let subjects = schemas::subjects(config);
    let Some(url) = config.schema_registry.urls.first().filter(|_| !subjects.is_empty()) else {
        return Ok(Start::Json);
    };
    let worker = Worker::start(&config.schema_registry, subjects)
        .map_err(|error| Failure::Usage(error.to_string()))?;
    loop {
        let reason = match worker.registration() {
            Registration::Done(ids) => {
                let avro = Avro::new(topics(loaded), worker, ids, url);
                return Ok(Start::Avro(Arc::new(avro)));
            }
            Registration::Refused(troubles) => return Err(refused(&troubles)),
            Registration::Waiting(reason) => reason,
        };
        if stop.is_asked() {
            return Ok(Start::Stopped);
        }
        let reason = reason.unwrap_or_else(|| "the schema registry has not answered yet".to_owned());
        let reason = format!("the schemas of topics in Avro are not registered: {reason}");
        for thread in 0..config.processing.threads {
            health.set_thread(thread, ThreadState::Recovering { reason: reason.clone() });
        }
        std::thread::sleep(POLL_INTERVAL);
    }
}

fn topics(loaded: &Loaded) -> AvroTopics {
    let mut topics = AvroTopics::default();
    for it in schemas::uses(&loaded.config).into_iter().filter(|it| it.format == Format::Avro) {
        let list = if it.is_request { &mut topics.requests } else { &mut topics.outputs };
        list.insert(it.topic, it.schema);
    }
    topics
}

fn refused(troubles: &[Trouble]) -> Failure {
    let lines: Vec<String> = troubles.iter().map(|trouble| format!("\n  {trouble}")).collect();
    Failure::Runtime(anyhow::anyhow!("the schemas of topics in Avro cannot be used:{}", lines.concat()))
}
