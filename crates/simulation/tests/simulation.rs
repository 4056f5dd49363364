//! The seeds that every test run simulates, and the planted bugs that it must find. `./dev simulate` runs other seeds.

use std::collections::BTreeSet;

use otp_simulation::minimise::minimise;
use otp_simulation::oracle::Oracle;
use otp_simulation::plan::{Action, CHAOS_STEPS, Fault, Plan, RefusalCode, Scenario};
use otp_simulation::planted::Planted;
use otp_simulation::seeds::first_failed_seed;
use otp_simulation::{Deployments, run};

const SEEDS: u64 = 2_000;

/// Fewer where a run must be short: `OTP_SIMULATED_SEEDS`.
fn seeds() -> u64 {
    std::env::var("OTP_SIMULATED_SEEDS").map_or(SEEDS, |seeds| seeds.parse().expect("a number of seeds"))
}

#[test]
fn every_promise_holds_under_every_fault() {
    let failed = first_failed_seed(0, seeds(), None, None, |_| {});
    assert_eq!(failed, None, "explained by: ./dev simulate --seed N");
}

/// Each topic that the service writes to, the internal ones and the dead letters included; each error code; for a while and
/// until the faults end.
#[test]
fn every_promise_holds_while_any_topic_is_refused_in_any_way() {
    let mut deployments = Deployments::default();
    let outputs = deployments.outputs(Plan::of(0, Some(Scenario::Refused)).shape);
    for (seed, output) in (0..).zip(0..outputs) {
        for code in RefusalCode::ALL {
            for ms in [Some(1_500), None] {
                let fault = Fault::Refuse { output, code, ms };
                let mut plan = Plan::of(seed, Some(Scenario::Refused));
                for entry in plan.entries.iter_mut().filter(|it| it.step < CHAOS_STEPS) {
                    if let Action::Inject { fault: planned, .. } = &mut entry.action {
                        *planned = fault;
                    }
                }
                let violation = run(&mut deployments, &plan, None, false).violation;
                assert_eq!(violation, None, "seed {seed}, {fault:?}");
            }
        }
    }
}

/// How requests end, as a metric calls it: contract, operation, outcomes.
const ENDS: [(&str, &str, &[&str]); 12] = [
    ("egov", "send", &["issued", "locked", "number_limit", "send_limit", "send_too_soon", "stale_request"]),
    ("egov", "send", &["unknown_user", "user_exists", "withheld"]),
    ("egov", "create", &["issued", "revealed", "locked", "number_limit", "stale_request"]),
    ("egov", "validate", &["verified", "wrong_code", "locked", "no_challenge", "already_used", "ended"]),
    (
        "int",
        "GENERATE",
        &["revealed", "locked", "number_limit", "window_over", "too_far_ahead", "stale_request"],
    ),
    (
        "int",
        "VALIDATE",
        &["verified", "wrong_code", "locked", "no_such_code", "not_yet_valid", "window_over"],
    ),
    ("mosip", "mosip.otp.generate", &["revealed", "locked", "stale_request"]),
    (
        "mosip",
        "mosip.otp.validate",
        &["verified", "wrong_code", "locked", "no_otp", "expired", "invalid_request"],
    ),
    ("mosip", "mosip.authentication.sendotp", &["issued", "locked", "number_limit", "send_limit"]),
    ("mosip", "mosip.authentication.sendotp", &["stale_request", "invalid_request"]),
    (
        "mosip",
        "mosip.authentication.useridOTP",
        &["verified", "wrong_code", "locked", "no_otp", "stale_request"],
    ),
    ("mosip", "mosip.authentication.clientidsecretkey", &["authenticated", "unauthorized", "stale_request"]),
];

#[test]
fn the_load_makes_requests_of_every_contract_end_in_every_way() {
    let mut deployments = Deployments::default();
    let mut seen = BTreeSet::new();
    for seed in 0..1_000 {
        seen.extend(run(&mut deployments, &Plan::of(seed, None), None, false).ends);
    }
    let all = ENDS.iter().flat_map(|(contract, operation, outcomes)| {
        outcomes.iter().map(move |outcome| (*contract, *operation, *outcome))
    });
    let missed: Vec<_> = all.filter(|end| !seen.contains(end)).collect();
    assert!(missed.is_empty(), "the load is too tame: {missed:?}");
}

#[test]
fn the_same_seed_gives_the_same_run() {
    let hash =
        |seed, has_trace| run(&mut Deployments::default(), &Plan::of(seed, None), None, has_trace).hash;
    for seed in 0..60 {
        assert_eq!(hash(seed, false), hash(seed, true), "seed {seed}");
    }
    assert_ne!(hash(1, false), hash(2, false));
}

#[test]
fn a_minimised_plan_breaks_the_same_promise_as_the_original() {
    let two_owners = Some(Scenario::TwoOwners);
    for (planted, scenario) in [(Planted::KeepBatch, None), (Planted::StaleMetadata, two_owners)] {
        let failed = first_failed_seed(0, 2_000, scenario, Some(planted), |_| {}).expect("it is found");
        let (plan, oracle) = (Plan::of(failed.seed, scenario), failed.violation.oracle);
        let (smallest, result) = minimise(&mut Deployments::default(), &plan, Some(planted), oracle);
        assert_eq!(result.violation.map(|it| it.oracle), Some(oracle), "{}", planted.name());
        assert!(smallest.entries.len() < plan.entries.len());
    }
}

/// Each planted bug, the scenario in which it is searched, and the number of seeds within which it must be found.
const FOUND_WITHIN: [(Planted, Option<Scenario>, u64); 37] = [
    (Planted::WriteBeforeCommit, None, 100),
    (Planted::RestoreToLso, Some(Scenario::TwoOwners), 1_000),
    (Planted::EndBeforeStable, Some(Scenario::TwoOwners), 200),
    (Planted::SkipSendOffsets, None, 100),
    (Planted::StaleMetadata, Some(Scenario::TwoOwners), 2_000),
    (Planted::KeepProducer, None, 200),
    (Planted::LogDeltas, None, 50),
    (Planted::PositionFirst, None, 100),
    (Planted::UnknownEndIsZero, None, 100),
    (Planted::SkipOverlay, None, 50),
    (Planted::KeepSuspended, None, 200),
    (Planted::SharedPosition, None, 50),
    (Planted::KeepBatch, None, 50),
    (Planted::SomeOffsets, Some(Scenario::BatchOfTasks), 400),
    (Planted::SweepLocks, Some(Scenario::Sweep), 6_000),
    (Planted::TrustRecreated, Some(Scenario::Recreated), 100),
    (Planted::AnswerAnew, None, 50),
    (Planted::PolicyOutside, None, 50),
    (Planted::SkipDirectory, Some(Scenario::Directory), 3_000),
    (Planted::EarlyKey, None, 50),
    (Planted::LeaveOutRefused, Some(Scenario::Refused), 50),
    (Planted::HoldUpAll, Some(Scenario::Refused), 600),
    (Planted::SkipRefused, Some(Scenario::Refused), 50),
    (Planted::RotationForgives, None, 1_000),
    (Planted::DecoyForgives, Some(Scenario::Directory), 4_000),
    (Planted::HardLockExactly, None, 2_000),
    (Planted::SweepReplies, Some(Scenario::Sweep), 2_000),
    (Planted::TallyRepeats, None, 100),
    (Planted::SignalsLocal, None, 100),
    (Planted::CountAborted, Some(Scenario::Refused), 300),
    (Planted::HopTwice, Some(Scenario::Numbers), 50),
    (Planted::HopLost, Some(Scenario::Numbers), 200),
    (Planted::HopByOrigin, Some(Scenario::Numbers), 50),
    (Planted::RefusalGranted, Some(Scenario::Numbers), 50),
    (Planted::ReadBehindGate, None, 50),
    (Planted::RequestWindow, None, 50),
    (Planted::GenerateForgives, None, 100),
];

/// The service and the reference have the same wrong rule. Only this oracle can find it.
const WRONG_RULES: [(Planted, Oracle); 7] = [
    (Planted::RotationForgives, Oracle::Model),
    (Planted::DecoyForgives, Oracle::Model),
    (Planted::HardLockExactly, Oracle::Model),
    (Planted::RefusalGranted, Oracle::NumberLimit),
    (Planted::TallyRepeats, Oracle::Signals),
    (Planted::RequestWindow, Oracle::Model),
    (Planted::GenerateForgives, Oracle::Model),
];

#[test]
fn every_planted_bug_is_found() {
    assert_eq!(FOUND_WITHIN.map(|(planted, ..)| planted), Planted::ALL, "every planted bug has its line");
    let missed: Vec<_> = FOUND_WITHIN
        .iter()
        .filter(|(planted, scenario, seeds)| {
            let found = first_failed_seed(0, *seeds, *scenario, Some(*planted), |_| {});
            let oracle = found.map(|it| it.violation.oracle);
            let expected = WRONG_RULES.iter().find(|(it, _)| it == planted).map(|(_, oracle)| *oracle);
            oracle.is_none() || expected.is_some() && oracle != expected
        })
        .map(|(planted, _, seeds)| format!("{} within {seeds} seeds", planted.name()))
        .collect();
    assert!(missed.is_empty(), "an oracle is too weak; not found: {missed:?}");
}
