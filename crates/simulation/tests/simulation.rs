//! What every run of the pipeline simulates. Any number of further seeds: `./dev simulate`.

use otp_simulation::fleet::first_failure;
use otp_simulation::plan::Plan;
use otp_simulation::planted::Planted;
use otp_simulation::{Houses, run};

const SEEDS: u64 = 2_000;

#[test]
fn every_promise_holds_under_every_fault() {
    let failure = first_failure(0, SEEDS, None, None, |_| {});
    assert_eq!(failure, None, "the story: ./dev simulate --seed N");
}

#[test]
fn the_same_seed_gives_the_same_run() {
    let hash = |seed, is_told| run(&mut Houses::default(), &Plan::of(seed, None), None, is_told).hash;
    for seed in 0..60 {
        assert_eq!(hash(seed, false), hash(seed, true), "seed {seed}");
    }
    assert_ne!(hash(1, false), hash(2, false));
}

/// Each planted bug, and the number of seeds within which it must be found.
const FOUND_WITHIN: [(Planted, u64); 17] = [
    (Planted::WriteBeforeCommit, 200),
    (Planted::RestoreToLso, 4_000),
    (Planted::SkipSendOffsets, 200),
    (Planted::StaleMetadata, 1_000),
    (Planted::KeepProducer, 400),
    (Planted::LogDeltas, 100),
    (Planted::PositionFirst, 100),
    (Planted::UnknownEndIsZero, 200),
    (Planted::SkipOverlay, 100),
    (Planted::KeepSuspended, 200),
    (Planted::SharedPosition, 100),
    (Planted::KeepBatch, 100),
    (Planted::TrustRecreated, 400),
    (Planted::AnswerAnew, 100),
    (Planted::PolicyOutside, 100),
    (Planted::SkipDirectory, 200),
    (Planted::EarlyKey, 100),
];

#[test]
fn every_planted_bug_is_found() {
    let missed: Vec<_> = FOUND_WITHIN
        .iter()
        .filter(|(planted, seeds)| first_failure(0, *seeds, None, Some(*planted), |_| {}).is_none())
        .map(|(planted, seeds)| format!("{} within {seeds} seeds", planted.name()))
        .collect();
    assert!(missed.is_empty(), "an oracle is too weak; not found: {missed:?}");
}
