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
use crate::config::Loaded;
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

pub(super) fn perform(loaded: &Loaded, args: &DemoArgs) -> Result<(), Failure> {
    let screen = Screen::new(args.events);
    screen.opening(args.bootstrap_servers.as_deref());
    let deployment = match &args.bootstrap_servers {
        Some(servers) => DemoDeployment::on_cluster(loaded, servers)?,
        None => DemoDeployment::on_mock(loaded)?,
    };
    let played = Player::new(&deployment, &screen).and_then(|mut player| player.play(story::STEPS));
    let is_mock = args.bootstrap_servers.is_none();
    deployment.close().map_err(Failure::Runtime)?;
    played.map_err(Failure::Runtime)?;
    screen.ending(is_mock);
    Ok(())
}
