//! `otp-stream subject show`: what is stored for a subject, read from its home partition of the changelog.
//!
//! The store itself belongs to the instance that owns the partition. The changelog has the same values, committed.
//!
//! ```text
//! contract, tenant, identity ─ pseudonym key ─▶ store key, home partition ─ changelog ─▶ SubjectReport ─▶ screen
//! ```

use clap::Args;
use otp_topology::task::SubjectSearch;
use otp_topology::wire::murmur2;

use super::{SubjectArgs, screen};
use crate::cli::records::topic_reader::Reading;
use crate::cli::{Failure, cluster, print};
use crate::config::{Loaded, keys};
use crate::runtime::wall;

#[derive(Debug, Args)]
pub(in crate::cli) struct ShowArgs {
    #[command(flatten)]
    pub subject: SubjectArgs,

    /// Print JSON for programs
    #[arg(long)]
    pub json: bool,

    /// How long the reading of the changelog may take, in seconds
    #[arg(long, value_name = "S", default_value_t = 120, value_parser = clap::value_parser!(u64).range(1..=86_400))]
    pub timeout_s: u64,
}

pub(super) fn perform(loaded: &Loaded, args: &ShowArgs) -> Result<(), Failure> {
    let settings = loaded.config.settings();
    let (contract, who) = args.subject.subject(&settings.contracts).map_err(Failure::Usage)?;
    let keyring = keys::read(loaded)?;
    let topic = settings.changelog();
    let admin = cluster::connect(loaded)?;
    let facts = admin.describe(std::slice::from_ref(&topic), cluster::TIMEOUT);
    let facts = facts.map_err(|err| cluster::unreachable_cluster(loaded, &err))?;
    let Some(Some(facts)) = facts.first() else {
        return Err(cluster::missing_topic(&topic));
    };
    let partition = murmur2::partition(who.as_str().as_bytes(), facts.partitions);
    let mut search = SubjectSearch::new(&settings, &keyring, &**contract, &who, args.subject.tenant.as_str());
    let reading = Reading { topic: &topic, partition, timeout_s: args.timeout_s };
    let records = reading.run(loaded, &admin, |key, value| search.record(key, value))?;
    let report = search.report(wall()).map_err(|error| {
        let remedy = "run the version of otp-stream that the service runs";
        Failure::Runtime(anyhow::anyhow!("{topic} [{partition}]: {error}; {remedy}"))
    })?;
    let source = screen::Source { topic: &topic, partition, records };
    print(&match (&report, args.json) {
        (Some(report), true) => screen::json(report, &source),
        (Some(report), false) => screen::text(report, &source),
        (None, true) => screen::absent_json(&source),
        (None, false) => screen::absent_text(&source),
    })
}
