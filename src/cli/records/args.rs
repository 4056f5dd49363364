//! Arguments that the commands share.

use clap::Args;

use super::input::InputArgs;

/// What to read, and what to say about it.
#[derive(Debug, Args)]
pub(crate) struct FileArgs {
    #[command(flatten)]
    pub input: InputArgs,

    /// Skip what is wrong in the file and take the rest. Without it nothing is taken
    #[arg(long)]
    pub skip_bad: bool,

    /// Print JSON for programs
    #[arg(long)]
    pub json: bool,
}

/// Whether to produce.
#[derive(Debug, Args)]
pub(crate) struct ProduceArgs {
    /// Judge everything and produce nothing
    #[arg(long)]
    pub dry_run: bool,
}
