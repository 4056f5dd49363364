//! `otp-stream replay`: runs records through the real topology, in memory, in the records' own time.
//!
//! Reads lines and writes lines. Connects to no broker and stores nothing.
//!
//! ```text
//! line ─ kcat ─▶ Player ─▶ InMemory (the real stream thread) ─▶ committed records ─▶ Mask ─ kcat ─▶ lines, flushed
//! ```

mod kcat;
mod lines;
mod mask;
mod player;
mod sorted;

#[cfg(test)]
mod tests;

use std::fs::File;
use std::io::{self, BufReader, IsTerminal as _, Read, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use clap::Args;
use indicatif::{ProgressBar, ProgressStyle};
use otp_topology::deployment::{Incarnation, Topology, fitting_cluster};
use otp_topology::otp::Keyring;

use self::lines::Lines;
use self::mask::Mask;
use self::player::{Player, Stop};
use self::sorted::{Numbered, Unsorted, sorted};
use super::Failure;
use crate::config::{Loaded, keys};
use crate::runtime::wall;

/// Run records from standard input through the real topology, in memory, in the records' own time
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct ReplayArgs {
    /// Read from a file instead of standard input
    #[arg(long, value_name = "FILE")]
    pub input: Option<PathBuf>,

    /// Number of home partitions
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(i32).range(1..=10_000))]
    pub partitions: i32,

    /// Read all lines first, and play them in the order in which their records were appended
    #[arg(long)]
    pub sort: bool,

    /// Print {"ack":N} after the output of line N
    #[arg(long)]
    pub ack: bool,

    /// Also print records of the changelog and the repartition topic
    #[arg(long)]
    pub internal: bool,

    /// Do not mask codes, even if a key file is configured
    #[arg(long)]
    pub reveal: bool,
}

const EXAMPLES: &str = r#"Examples:
  echo '{"topic":"otp-request-egov","payload":"{\"operation\":\"send\",\"otp\":{\"tenantId\":\"pb.amritsar\",\"mobileNumber\":\"9123456789\",\"type\":\"login\"}}"}' | otp-stream replay
  kcat -C -J -e -b localhost:9092 -t otp-request-egov | otp-stream replay --sort --partitions 6

Each line is one JSON object, as kcat -J prints it: topic, partition, offset, ts, key, payload, headers. Only topic and
payload are required. A line with only ts lets time pass: the events of everything that expires until then are printed."#;

pub(super) fn perform(loaded: &Loaded, args: &ReplayArgs) -> Result<(), Failure> {
    let settings = loaded.config.settings();
    let fresh = keys::are_absent(loaded);
    let keyring = keyring(loaded, fresh)?;
    let cluster = fitting_cluster(&settings, args.partitions, Incarnation::default());
    let topology =
        Topology::build(&settings, keyring, &cluster).map_err(|error| Failure::Runtime(error.into()))?;
    let player = Player::new(
        Arc::new(topology),
        player::Options {
            ack: args.ack,
            internal: args.internal,
            mask: (!fresh && !args.reveal).then(|| Mask::new(&settings)),
        },
    );
    let bar = args.input.as_deref().map_or_else(ProgressBar::hidden, bar);
    match &args.input {
        Some(path) => {
            let file = File::open(path).map_err(|error| {
                Failure::Usage(format!(
                    "{}: cannot be read ({error}); name a file of lines as --input",
                    path.display()
                ))
            })?;
            play(player, args.sort, bar.wrap_read(file))
        }
        None => play(player, args.sort, io::stdin().lock()),
    }
}

/// Plays all lines, and says how many were skipped.
fn play(mut player: Player, sort: bool, input: impl Read) -> Result<(), Failure> {
    let mut lines = Lines::new(BufReader::with_capacity(1 << 16, input));
    let played = if sort {
        let mut sorted = match sorted(&mut lines) {
            Ok(sorted) => sorted.into_iter(),
            Err(Unsorted::Read(error)) => return Err(unreadable(error)),
            Err(Unsorted::Line(number, bad)) => return Err(bad_line(number, &bad.to_string())),
        };
        play_lines(&mut player, || Ok(sorted.next()))
    } else {
        play_lines(&mut player, || Ok(lines.next()?.map(|(number, line)| (number, line.to_vec()))))
    };
    if let Some(note) = player.skipped() {
        eprintln!("{note}");
    }
    played
}

/// Plays one line after the other. Prints and flushes the output of each before it asks for the next one.
fn play_lines(
    player: &mut Player,
    mut next: impl FnMut() -> io::Result<Option<Numbered>>,
) -> Result<(), Failure> {
    let mut out = io::stdout().lock();
    let mut printed = Vec::new();
    while let Some((number, line)) = next().map_err(unreadable)? {
        printed.clear();
        let played = player.line(number, &line, wall, &mut printed);
        match out.write_all(&printed).and_then(|()| out.flush()) {
            Ok(()) => {}
            // The reader of the output has closed it: it needs no more.
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => return Ok(()),
            Err(error) => {
                return Err(Failure::Runtime(
                    anyhow::Error::new(error).context("standard output cannot be written"),
                ));
            }
        }
        played.map_err(|stop| match stop {
            Stop::Line(reason) => bad_line(number, &reason),
            Stop::Engine(reason) => Failure::Runtime(anyhow::anyhow!("line {number}: {reason}")),
        })?;
    }
    Ok(())
}

fn unreadable(error: io::Error) -> Failure {
    Failure::Runtime(anyhow::Error::new(error).context("the input cannot be read"))
}

fn bad_line(number: u64, reason: &str) -> Failure {
    Failure::Usage(format!("line {number} {reason}"))
}

/// The configured keys, or fresh ones if no key file is configured.
fn keyring(loaded: &Loaded, fresh: bool) -> Result<Keyring, Failure> {
    if !fresh {
        return Ok(keys::read(loaded)?);
    }
    eprintln!(
        "note: no key file is configured, so codes are made with a fresh key and differ in every run. For the codes of \
         a deployment, name its key file: --set keys.file=FILE"
    );
    Ok(keys::keyring(&keys::generate(wall())?, "fresh keys")?)
}

/// Hidden if standard output is a terminal, where it would be mixed with the lines, or if standard error is none.
fn bar(path: &Path) -> ProgressBar {
    if io::stdout().is_terminal() || !io::stderr().is_terminal() {
        return ProgressBar::hidden();
    }
    let size = std::fs::metadata(path).map_or(0, |it| it.len());
    let style = ProgressStyle::with_template("{bar:40} {bytes}/{total_bytes} {bytes_per_sec} {eta}");
    ProgressBar::new(size).with_style(style.expect("the template is valid"))
}
