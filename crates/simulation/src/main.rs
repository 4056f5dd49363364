//! `./dev simulate`: runs any number of seeds on all cores, and tells the story of the first that fails.

use std::process::ExitCode;

use clap::Parser;
use indicatif::{ProgressBar, ProgressState, ProgressStyle};
use otp_simulation::fleet::{Failure, cores, first_failure};
use otp_simulation::minimise::minimised;
use otp_simulation::plan::{Plan, Scenario};
use otp_simulation::planted::Planted;
use otp_simulation::{Houses, run};

/// Seeds from one line of progress to the next.
const LINE_EVERY: u64 = 5_000;

/// Runs the service on a broker, disks and clocks in memory that fail by the seed.
#[derive(Parser)]
#[command(name = "otp-simulate")]
#[command(after_help = "Examples:
  ./dev simulate --seeds 100000            many runs, all scenarios
  ./dev simulate --seed 4711               one run, told step by step if it fails
  ./dev simulate --seeds 500 --planted keep-producer
                                           how soon a planted bug is found
  ./dev simulate --seeds 2000 --committed  a hash a seed, to compare with another build")]
struct Arguments {
    /// How many seeds to run.
    #[arg(long, default_value_t = 2_000)]
    seeds: u64,
    /// The first seed.
    #[arg(long, default_value_t = 0)]
    from: u64,
    /// Only this seed.
    #[arg(long)]
    seed: Option<u64>,
    /// Only this scenario: `list` names them.
    #[arg(long)]
    scenario: Option<String>,
    /// Plant a bug: `list` names them.
    #[arg(long)]
    planted: Option<String>,
    /// Tell every step of a single seed, also if nothing is wrong.
    #[arg(long)]
    trace: bool,
    /// Print a hash of what each seed committed, to compare two builds.
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
        let outcome = run(&mut Houses::default(), &plan, planted, true);
        outcome.lines.iter().for_each(|line| println!("{line}"));
        let verdict = outcome.violation.as_ref().map_or("nothing is wrong".to_owned(), ToString::to_string);
        println!("{verdict}");
        return ExitCode::from(u8::from(outcome.violation.is_some()));
    }
    if arguments.committed {
        let mut houses = Houses::default();
        for seed in from..from + seeds {
            let outcome = run(&mut houses, &Plan::of(seed, scenario), planted, false);
            println!("{seed} {:016x}", outcome.committed);
        }
        return ExitCode::SUCCESS;
    }
    let bar = ProgressBar::new(seeds).with_style(style());
    let failure = first_failure(from, seeds, scenario, planted, |done| {
        bar.set_position(done);
        // Where no bar is drawn, a line now and then.
        if bar.is_hidden() && done % LINE_EVERY == 0 && done < seeds {
            println!("{done} of {seeds} seeds, {}", rate(done, bar.elapsed().as_secs_f64()));
        }
    });
    let (done, seconds) = (bar.position(), bar.elapsed().as_secs_f64());
    bar.finish_and_clear();
    println!("{done} seeds in {seconds:.1} s: {}", rate(done, seconds));
    match failure {
        None => {
            println!("{seeds} seeds from {from}: nothing is wrong");
            ExitCode::SUCCESS
        }
        Some(failure) => {
            tell(&failure, scenario, planted);
            ExitCode::FAILURE
        }
    }
}

fn style() -> ProgressStyle {
    let style = ProgressStyle::with_template("{bar:40} {pos}/{len} seeds, {rate}, {eta} left");
    style.expect("a fixed template").with_key(
        "rate",
        |state: &ProgressState, out: &mut dyn std::fmt::Write| {
            let shown = out.write_str(&rate(state.pos(), state.elapsed().as_secs_f64()));
            shown.expect("text can be written to");
        },
    )
}

/// Of all seeds so far.
fn rate(done: u64, seconds: f64) -> String {
    let rate = done as f64 / seconds.max(0.001);
    format!("{rate:.0} seeds/s, {:.0} a core", rate / cores() as f64)
}

/// What an option names; if it is `list`, or nothing of the kind, all names are told, and the process ends so.
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
    eprintln!("error: --{option} {name}: there is none of that name; choose one of: {}", names.join(", "));
    Err(ExitCode::from(2))
}

fn tell(failure: &Failure, scenario: Option<Scenario>, planted: Option<Planted>) {
    let plan = Plan::of(failure.seed, scenario);
    let (thin, outcome) = minimised(&mut Houses::default(), &plan, planted, failure.violation.oracle);
    println!("seed {} ({}) fails: {}", failure.seed, plan.scenario.name(), failure.violation);
    println!("thinned out to {} of {} planned happenings:", thin.planned.len(), plan.planned.len());
    outcome.lines.iter().for_each(|line| println!("  {line}"));
    if let Some(violation) = &outcome.violation {
        println!("{violation}");
    }
    let scenario = scenario.map_or(String::new(), |it| format!(" --scenario {}", it.name()));
    let planted = planted.map_or(String::new(), |it| format!(" --planted {}", it.name()));
    println!("again: ./dev simulate --seed {}{scenario}{planted}", failure.seed);
}
