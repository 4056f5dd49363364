//! `otp-stream demo`: the real service in this process, and a scripted story of requests to it.
//!
//! ```text
//! story (data) ─▶ Player: sends a request ─▶ DemoDeployment: a cluster and the service ─▶ events ─▶ Screen (printing)
//! ```

mod deployment;
mod player;
mod screen;
mod story;

use clap::Args;

use super::Failure;
use super::signals::{Signals, Status};
use crate::config::Loaded;
use crate::runtime::OpenTransactions;
use deployment::DemoDeployment;
use player::Player;
use screen::Screen;

/// Show a login with one-time passwords, step by step, in one process and without any set-up
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct DemoArgs {
    /// Use a real cluster instead of the mock one inside the process
    #[arg(long, value_name = "HOST:PORT")]
    pub bootstrap_servers: Option<String>,

    /// Print each event in full, with its topic, key and id
    #[arg(long)]
    pub events: bool,
}

const EXAMPLES: &str = "\
Examples:
  otp-stream demo                                          no broker, no keys, no files
  otp-stream demo --events                                 with every event in full
  otp-stream demo --bootstrap-servers localhost:9092       the same on a real cluster";

/// After a signal it still removes what it made on this machine.
pub(super) fn perform(loaded: &Loaded, args: &DemoArgs, signals: &Signals) -> Result<(), Failure> {
    let screen = Screen::new(args.events);
    screen.opening(args.bootstrap_servers.as_deref());
    let open = OpenTransactions::new(1);
    let is_open = open.clone();
    let stop = signals
        .take_over(Status::Signalled, move || is_open.is_any())
        .map_err(|error| Failure::Runtime(error.into()))?;
    let deployment = match &args.bootstrap_servers {
        Some(servers) => DemoDeployment::on_cluster(loaded, servers, open)?,
        None => DemoDeployment::on_mock(loaded, open)?,
    };
    let played = deployment
        .await_running(&stop)
        .and_then(|()| Player::new(&deployment, &screen, &stop))
        .and_then(|mut player| player.play(story::STEPS));
    let is_mock = args.bootstrap_servers.is_none();
    deployment.close().map_err(Failure::Runtime)?;
    if let Some(signal) = stop.signal() {
        return Err(Failure::Signalled(signal));
    }
    played.map_err(Failure::Runtime)?;
    screen.ending(is_mock);
    Ok(())
}
