//! `otp-stream demo`: the newcomer's first command. The real service in this process, a scripted story, and every event
//! as it flows.
//!
//! ```text
//! story (data) ─▶ Teller: sends a request ─▶ Stage: a cluster and the service ─▶ events ─▶ Paper (printing)
//! ```

mod paper;
mod stage;
mod story;
mod teller;

use clap::Args;

use super::Failure;
use crate::config::Loaded;
use paper::Paper;
use stage::Stage;
use teller::Teller;

/// See it at work: everything in one process, a scripted story with its events shown
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct DemoArgs {
    /// Tell the story on a real cluster instead of the mock one inside the process
    #[arg(long, value_name = "HOST:PORT")]
    pub bootstrap_servers: Option<String>,
}

const EXAMPLES: &str = "\
Examples:
  otp-stream demo                                          needs nothing: no broker, no keys, no files
  otp-stream demo --bootstrap-servers localhost:9092       the same story on a real cluster";

pub(super) fn perform(loaded: &Loaded, args: &DemoArgs) -> Result<(), Failure> {
    let paper = Paper::new();
    paper.opening(args.bootstrap_servers.as_deref());
    let stage = match &args.bootstrap_servers {
        Some(servers) => Stage::on_cluster(loaded, servers)?,
        None => Stage::on_mock(loaded)?,
    };
    let told = Teller::new(&stage, &paper).and_then(|mut teller| teller.tell(story::STEPS));
    let is_mock = args.bootstrap_servers.is_none();
    stage.close().map_err(Failure::Runtime)?;
    told.map_err(Failure::Runtime)?;
    paper.ending(is_mock);
    Ok(())
}
