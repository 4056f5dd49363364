//! Sets up the log. It goes to standard error; standard output carries what other programs read. Lines about a fault that
//! lasts are written once a minute: see `repeats`.

use std::io::IsTerminal as _;

use tracing_subscriber::EnvFilter;
use tracing_subscriber::util::TryInitError;

use super::repeats::WithoutRepeats;
use crate::config::{Log, LogFormat};

/// Starts logging for the whole process. `RUST_LOG` overrides the configured level.
///
/// # Errors
/// Logging was started before.
pub(crate) fn init(config: &Log) -> Result<(), TryInitError> {
    use tracing_subscriber::util::SubscriberInitExt as _;

    let filter = match std::env::var(EnvFilter::DEFAULT_ENV) {
        Ok(directives) if !directives.is_empty() => EnvFilter::new(directives),
        Ok(_) | Err(_) => EnvFilter::new(&config.level),
    };
    let lines = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    match config.format {
        LogFormat::Json => {
            let lines = lines.json().flatten_event(true);
            lines.map_event_format(|it| WithoutRepeats::new(it, LogFormat::Json)).finish().try_init()
        }
        LogFormat::Text => {
            let lines = lines.with_ansi(std::io::stderr().is_terminal());
            lines.map_event_format(|it| WithoutRepeats::new(it, LogFormat::Text)).finish().try_init()
        }
    }
}
