//! What a seed decides before its run: the deployment, the load, and when which fault strikes. A plan can be thinned
//! out, and the rest of it still happens at its own steps.

use crate::house::Shape;
use crate::workload::{Item, draw};

/// Steps of the chaos phase.
pub const CHAOS_STEPS: u32 = 520;

macro_rules! scenarios {
    ($($(#[doc = $doc:literal])+ $variant:ident = $name:literal,)*) => {
        /// What a seed is about; the scenarios of the protocol's model.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum Scenario { $($(#[doc = $doc])+ $variant,)* }

        impl Scenario {
            pub const ALL: &[Self] = &[$(Self::$variant),*];
            pub const fn name(self) -> &'static str {
                match self { $(Self::$variant => $name),* }
            }
        }
    };
}

scenarios! {
    /// Members are removed while they live.
    TwoOwners = "two-owners",
    /// Anything, often.
    Everything = "everything",
    /// One instance that is killed again and again, with disks that forget.
    Crashes = "crashes",
    /// Tasks move back and forth.
    Suspend = "suspend",
    /// Old copies of the disk come back.
    OldDisk = "old-disk",
    /// Most records lie elsewhere than their home.
    Hop = "hop",
    /// Transactions over several tasks, and rebalances.
    BatchOfTasks = "batch-of-tasks",
    /// The group's offsets are reset or expire.
    OffsetsReset = "offsets-reset",
    /// The request topic is made anew.
    Recreated = "recreated",
    /// Codes expire, locks end.
    Sweep = "sweep",
    /// A group without offsets starts at the end.
    FirstStartLatest = "first-start-latest",
    /// Members without a static identity.
    Dynamic = "dynamic",
    /// A request topic with more partitions than there are homes.
    Wide = "wide",
    /// Clocks that lie.
    Clocks = "clocks",
    /// Leaders that lost their newest records.
    Truncated = "truncated",
    /// The user directory decides.
    Directory = "directory",
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    Kill,
    Stop,
    Pause {
        ms: u64,
    },
    Remove,
    Rebalance,
    ProduceFails,
    OffsetsFail,
    OffsetsTimeOut,
    CommitFails,
    /// The commit's answer is lost: it took effect, or never will, or will later.
    CommitTimesOut {
        effect: Effect,
    },
    /// The group removes the member in the midst of its commit, and the process goes on only after a while.
    ZombieCommits {
        ms: u64,
    },
    AbortTimesOut,
    InitFails,
    WriteFails,
    /// With a kill.
    LoseTail {
        batches: usize,
    },
    LoseDisk,
    KeepCopy,
    PutCopyBack,
    StableFails,
    EndsFail,
    WallJumps {
        ms: i64,
    },
    LeaderJumps {
        ms: i64,
    },
    TimePasses {
        ms: u64,
    },
    Compact,
    /// With everybody stopped.
    ResetOffsets,
    ExpireOffsets,
    Recreate,
    /// Somebody's transaction hangs on a request topic.
    UpstreamHangs,
    /// An unclean leader election.
    CutRequests,
    CutChangelog,
    /// Retention takes the older part of a request topic, read or not.
    Retention {
        percent: i64,
    },
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Effect {
    Done,
    Never,
    Later { ms: u64 },
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum What {
    Load(Item),
    Fault { instance: usize, fault: Fault },
}

#[derive(Clone, Copy, Debug)]
pub struct Planned {
    pub step: u32,
    pub what: What,
}

impl Planned {
    fn with_poison(&mut self, yes: bool) {
        if let What::Load(Item::Request { is_poison, .. }) = &mut self.what {
            *is_poison = yes;
        }
    }
}

#[derive(Clone, Debug)]
pub struct Plan {
    pub seed: u64,
    pub scenario: Scenario,
    pub shape: Shape,
    pub instances: usize,
    pub is_static: bool,
    pub latest: bool,
    pub records_per_commit_max: usize,
    pub planned: Vec<Planned>,
}

impl Plan {
    pub fn of(seed: u64, scenario: Option<Scenario>) -> Self {
        let mut dice = fastrand::Rng::with_seed(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ 0x5eed);
        let drawn = Scenario::ALL[dice.usize(..Scenario::ALL.len())];
        let scenario = scenario.unwrap_or(drawn);
        let shape = Shape {
            partitions: match scenario {
                Scenario::BatchOfTasks => 4,
                Scenario::Hop | Scenario::Wide => dice.i32(2..=3),
                _ => dice.i32(1..=2),
            },
            is_wide: scenario == Scenario::Wide || scenario == Scenario::Everything && dice.bool(),
            user_check: scenario == Scenario::Directory || scenario == Scenario::Everything && dice.bool(),
        };
        let instances = match scenario {
            Scenario::Crashes | Scenario::Recreated | Scenario::FirstStartLatest => 1,
            Scenario::Everything => dice.usize(1..=3),
            _ => 2,
        };
        let mut plan = Self {
            seed,
            scenario,
            shape,
            instances,
            is_static: scenario != Scenario::Dynamic && dice.u8(..3) > 0,
            latest: scenario == Scenario::FirstStartLatest,
            records_per_commit_max: dice.usize(1..=if scenario == Scenario::BatchOfTasks { 12 } else { 6 }),
            planned: Vec::new(),
        };
        for _ in 0..dice.usize(25..50) {
            let step = dice.u32(..CHAOS_STEPS * 9 / 10);
            let item = draw(&mut dice, shape);
            plan.planned.push(Planned { step, what: What::Load(item) });
            // Bursts: what comes close together shares a transaction.
            for _ in 0..dice.usize(..3) {
                plan.planned.push(Planned { step, what: What::Load(draw(&mut dice, shape)) });
            }
        }
        for _ in 0..dice.usize(2..8) {
            let step = dice.u32(..CHAOS_STEPS);
            let (instance, fault) = (dice.usize(..instances), fault(&mut dice, scenario));
            plan.planned.push(Planned { step, what: What::Fault { instance, fault } });
        }
        if seed.is_multiple_of(8) {
            plan.planned.iter_mut().for_each(|it| it.with_poison(dice.u8(..8) == 0));
        }
        if scenario == Scenario::Recreated {
            // A dead letter does not say which creation of its topic it means.
            plan.planned.iter_mut().for_each(|it| it.with_poison(false));
        }
        plan.planned.sort_by_key(|it| it.step);
        plan
    }

    pub fn clocks_lie(&self) -> bool {
        let lies = |fault| matches!(fault, Fault::WallJumps { .. } | Fault::LeaderJumps { .. });
        self.planned.iter().any(|it| matches!(it.what, What::Fault { fault, .. } if lies(fault)))
    }

    pub fn faults(&self) -> usize {
        self.planned.iter().filter(|it| matches!(it.what, What::Fault { .. })).count()
    }
}

fn fault(dice: &mut fastrand::Rng, scenario: Scenario) -> Fault {
    let special: &[Fault] = match scenario {
        Scenario::TwoOwners => &[ZOMBIE, ZOMBIE, Fault::Remove, Fault::Pause { ms: 14_000 }],
        Scenario::Everything | Scenario::Hop | Scenario::Wide => &[],
        Scenario::Crashes => {
            &[Fault::Kill, Fault::LoseTail { batches: 3 }, Fault::LoseDisk, Fault::WriteFails]
        }
        Scenario::Suspend => &[ZOMBIE, Fault::Rebalance, Fault::Stop, Fault::Remove, Fault::Kill],
        Scenario::OldDisk => {
            &[Fault::KeepCopy, Fault::PutCopyBack, Fault::LoseTail { batches: 8 }, Fault::Compact]
        }
        Scenario::BatchOfTasks => &[ZOMBIE, ZOMBIE, Fault::Rebalance, Fault::CommitFails, Fault::Remove],
        Scenario::OffsetsReset => &[Fault::ResetOffsets, Fault::ExpireOffsets],
        Scenario::Recreated => &[Fault::Recreate, Fault::Kill],
        Scenario::Sweep => &[
            Fault::TimePasses { ms: 25_000 },
            Fault::TimePasses { ms: 62_000 },
            Fault::TimePasses { ms: 2_000_000 },
        ],
        Scenario::FirstStartLatest => &[Fault::Kill, Fault::ExpireOffsets],
        Scenario::Dynamic => &[Fault::Remove, Fault::Stop, Fault::Kill, Fault::Rebalance],
        Scenario::Clocks => &[
            Fault::WallJumps { ms: 400_000 },
            Fault::WallJumps { ms: -90_000 },
            Fault::LeaderJumps { ms: 3_000 },
        ],
        Scenario::Truncated => {
            &[Fault::CutRequests, Fault::CutChangelog, Fault::CutChangelog, Fault::LoseDisk, Fault::Rebalance]
        }
        Scenario::Directory => &[Fault::Kill, Fault::Rebalance, Fault::LoseDisk],
    };
    if !special.is_empty() && dice.bool() {
        return special[dice.usize(..special.len())];
    }
    any_fault(dice)
}

const ZOMBIE: Fault = Fault::ZombieCommits { ms: 600 };

fn any_fault(dice: &mut fastrand::Rng) -> Fault {
    match dice.u8(..33) {
        0..3 => Fault::Kill,
        3 => Fault::Stop,
        4 => Fault::Pause { ms: dice.u64(100..30_000) },
        5..8 => Fault::Remove,
        8..10 => Fault::Rebalance,
        10 => Fault::ProduceFails,
        11 => Fault::OffsetsFail,
        12 => Fault::OffsetsTimeOut,
        13 => Fault::CommitFails,
        14..18 => {
            let later = Effect::Later { ms: dice.u64(1..3_000) };
            Fault::CommitTimesOut { effect: [Effect::Done, Effect::Never, later, later][dice.usize(..4)] }
        }
        18 => Fault::AbortTimesOut,
        19 => Fault::InitFails,
        20 => Fault::WriteFails,
        21 => Fault::LoseTail { batches: dice.usize(1..8) },
        22 => Fault::LoseDisk,
        23 => {
            if dice.bool() {
                Fault::KeepCopy
            } else {
                Fault::PutCopyBack
            }
        }
        24 => Fault::StableFails,
        25 => Fault::EndsFail,
        26 => Fault::WallJumps { ms: dice.i64(-60_000..60_000) },
        27 => Fault::TimePasses { ms: dice.u64(1_000..70_000) },
        28 => Fault::Compact,
        29 => Fault::ExpireOffsets,
        30 => Fault::ZombieCommits { ms: dice.u64(100..900) },
        31 => Fault::Retention { percent: dice.i64(10..=100) },
        _ => Fault::UpstreamHangs,
    }
}
