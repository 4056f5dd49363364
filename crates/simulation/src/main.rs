//! `./dev simulate`: runs any number of seeds on all cores, and explains the first one that fails.

use std::process::ExitCode;

use clap::Parser;
use indicatif::{ProgressBar, ProgressState, ProgressStyle};
use otp_simulation::minimise::minimise;
use otp_simulation::plan::{Plan, Scenario};
use otp_simulation::planted::Planted;
use otp_simulation::seeds::{FailedSeed, cores, first_failed_seed};
use otp_simulation::{Deployments, run};

/// Seeds from one line of progress to the next.
const LINE_EVERY: u64 = 5_000;

/// Runs the service on a broker, disks and clocks in memory. The seed decides when and how they fail.
#[derive(Parser)]
#[command(name = "otp-simulate")]
#[command(after_help = "Examples:
  ./dev simulate --seeds 100000            many runs, all scenarios
  ./dev simulate --seed 4711               one run, minimised and explained if it fails
  ./dev simulate --seed 4711 --trace       one run, with every step
  ./dev simulate --seeds 500 --planted keep-producer
                                           how soon a planted bug is found
  ./dev simulate --seeds 2000 --committed  one hash per seed, to compare with another build")]
struct Arguments {
    /// Number of seeds to run.
    #[arg(long, default_value_t = 2_000)]
    seeds: u64,
    /// The first seed.
    #[arg(long, default_value_t = 0)]
    from: u64,
    /// Run only this seed.
    #[arg(long)]
    seed: Option<u64>,
    /// Use this scenario for every seed; `list` shows all scenarios.
    #[arg(long)]
    scenario: Option<String>,
    /// Plant this bug in every run; `list` shows all planted bugs.
    #[arg(long)]
    planted: Option<String>,
    /// Print every step of one seed, even if it does not fail.
    #[arg(long)]
    trace: bool,
    /// Print a hash of the records that each seed committed, to compare two builds.
    #[arg(long)]
    committed: bool,
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let scenario = match named("scenario", arguments.scenario.as_deref(), Scenario::ALL, |it| it.name()) {
        Ok(scenario) => scenario,
        Err(code) => return code,
    };
    let planted = match named("planted", arguments.planted.as_deref(), Planted::ALL, |it| it.name()) {
        Ok(planted) => planted,
        Err(code) => return code,
    };
    let (from, seeds) = arguments.seed.map_or((arguments.from, arguments.seeds), |seed| (seed, 1));
    if arguments.trace {
        let plan = Plan::of(from, scenario);
        let result = run(&mut Deployments::default(), &plan, planted, true);
        result.lines.iter().for_each(|line| println!("{line}"));
        let verdict = result.violation.as_ref().map_or("no violation".to_owned(), ToString::to_string);
        println!("{verdict}");
        return ExitCode::from(u8::from(result.violation.is_some()));
    }
    if arguments.committed {
        let mut deployments = Deployments::default();
        for seed in from..from + seeds {
            let result = run(&mut deployments, &Plan::of(seed, scenario), planted, false);
            println!("{seed} {:016x}", result.committed);
        }
        return ExitCode::SUCCESS;
    }
    let bar = ProgressBar::new(seeds).with_style(style());
    let failed = first_failed_seed(from, seeds, scenario, planted, |done| {
        bar.set_position(done);
        // Without a terminal there is no bar: print a line from time to time.
        if bar.is_hidden() && done % LINE_EVERY == 0 && done < seeds {
            println!("{done} of {seeds} seeds, {}", rate(done, bar.elapsed().as_secs_f64()));
        }
    });
    let (done, seconds) = (bar.position(), bar.elapsed().as_secs_f64());
    bar.finish_and_clear();
    println!("{done} seeds in {seconds:.1} s: {}", rate(done, seconds));
    match failed {
        None => {
            println!("{seeds} seeds from {from}: no violation");
            ExitCode::SUCCESS
        }
        Some(failed) => {
            explain(&failed, scenario, planted);
            ExitCode::FAILURE
        }
    }
}

fn style() -> ProgressStyle {
    let style = ProgressStyle::with_template("{bar:40} {pos}/{len} seeds, {rate}, {eta} left");
    style.expect("the template is valid").with_key(
        "rate",
        |state: &ProgressState, out: &mut dyn std::fmt::Write| {
            let shown = out.write_str(&rate(state.pos(), state.elapsed().as_secs_f64()));
            shown.expect("a string takes any text");
        },
    )
}

/// Seeds per second since the start.
fn rate(done: u64, seconds: f64) -> String {
    let rate = done as f64 / seconds.max(0.001);
    format!("{rate:.0} seeds/s, {:.0} per core", rate / cores() as f64)
}

/// The value that an option names. If the name is `list` or unknown, prints all names and returns the exit code of the
/// process.
fn named<T: Copy>(
    option: &str,
    name: Option<&str>,
    all: &[T],
    of: impl Fn(T) -> &'static str,
) -> Result<Option<T>, ExitCode> {
    let Some(name) = name else { return Ok(None) };
    if let Some(found) = all.iter().find(|it| of(**it) == name) {
        return Ok(Some(*found));
    }
    let names: Vec<_> = all.iter().map(|it| of(*it)).collect();
    if name == "list" {
        println!("{}", names.join("\n"));
        return Err(ExitCode::SUCCESS);
    }
    eprintln!("error: --{option} {name}: unknown name; choose one of: {}", names.join(", "));
    Err(ExitCode::from(2))
}

/// Prints the smallest plan that fails for the same reason, and every step of its run.
fn explain(failed: &FailedSeed, scenario: Option<Scenario>, planted: Option<Planted>) {
    let plan = Plan::of(failed.seed, scenario);
    let (smallest, result) = minimise(&mut Deployments::default(), &plan, planted, failed.violation.oracle);
    println!("seed {} ({}) fails: {}", failed.seed, plan.scenario.name(), failed.violation);
    println!("minimised to {} of {} planned records and faults:", smallest.entries.len(), plan.entries.len());
    result.lines.iter().for_each(|line| println!("  {line}"));
    if let Some(violation) = &result.violation {
        println!("{violation}");
    }
    let scenario = scenario.map_or(String::new(), |it| format!(" --scenario {}", it.name()));
    let planted = planted.map_or(String::new(), |it| format!(" --planted {}", it.name()));
    println!("reproduce: ./dev simulate --seed {}{scenario}{planted}", failed.seed);
}
