//! What a seed decides before its run: the deployment, the records to append, the faults, and the step of each. Entries
//! can be removed from a plan; the others keep their steps.

use crate::house::Shape;
use crate::workload::{Mix, WorkloadItem, draw_item, early_requests};

/// Steps of the first phase, in which faults are injected.
pub const CHAOS_STEPS: u32 = 520;

macro_rules! scenarios {
    ($($(#[doc = $doc:literal])+ $variant:ident = $name:literal,)*) => {
        /// Which faults are likely in a seed, and in which deployment.
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
    /// The group removes members that still run.
    TwoOwners = "two-owners",
    /// Any fault in any deployment.
    Everything = "everything",
    /// One instance is killed repeatedly, and its disk loses writes.
    Crashes = "crashes",
    /// Tasks move between instances.
    Reassigned = "reassigned",
    /// Disks are replaced by older copies.
    OldDisk = "old-disk",
    /// Most records are read outside of their home partition and forwarded.
    Forwarded = "forwarded",
    /// Transactions span several tasks, and rebalances interrupt them.
    BatchOfTasks = "batch-of-tasks",
    /// The group's offsets are reset or expire.
    OffsetsReset = "offsets-reset",
    /// The request topic is deleted and created again.
    Recreated = "recreated",
    /// Time passes, so that codes and locks expire.
    Sweep = "sweep",
    /// A group without offsets starts at the end of its topics.
    FirstStartLatest = "first-start-latest",
    /// Members without a static identity.
    Dynamic = "dynamic",
    /// A request topic has more partitions than there are home partitions.
    Wide = "wide",
    /// The clocks of instances and partition leaders are wrong.
    Clocks = "clocks",
    /// Unclean leader elections remove the newest records of a partition.
    Truncated = "truncated",
    /// Requests are checked against the user directory.
    Directory = "directory",
    /// The cluster refuses what is written.
    Refused = "refused",
    /// Deliveries to a number are limited, so that each one hops to the number's home and back.
    Numbers = "numbers",
}

/// A fault of one instance or of the cluster. Some happen immediately; others are armed, and happen at the next call of
/// their kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    Kill,
    /// A graceful stop.
    Stop,
    Pause {
        ms: u64,
    },
    /// The group removes the instance's member.
    Remove,
    Rebalance,
    ProduceFails,
    OffsetsFail,
    OffsetsTimeOut,
    CommitFails,
    /// The reply to the commit is lost.
    CommitTimesOut {
        effect: Effect,
    },
    /// The process freezes for a while right before its commit, and the group removes its member.
    ZombieCommits {
        ms: u64,
    },
    AbortTimesOut,
    InitFails,
    WriteFails,
    /// A power failure: the instance is killed, and its stores lose their last batches.
    LoseTail {
        batches: usize,
    },
    LoseDisk,
    BackUpDisk,
    RestoreBackup,
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
    /// The group's offsets are set to 0 while all instances are down.
    ResetOffsets,
    /// The group's offsets are deleted while all instances are down.
    ExpireOffsets,
    Recreate,
    /// The producer of a request topic dies inside a transaction.
    UpstreamHangs,
    /// An unclean leader election of a request partition.
    TruncateRequests,
    /// An unclean leader election of a changelog partition.
    TruncateChangelog,
    /// Retention deletes the older part of a request partition, even if nobody has read it.
    Retention {
        percent: i64,
    },
    /// The cluster refuses an output topic, or everything, for a while or until the faults end.
    Refuse {
        /// Of the output topics, modulo their number.
        output: usize,
        code: RefusalCode,
        ms: Option<u64>,
    },
}

/// How the cluster refuses, by the error code that a client sees.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RefusalCode {
    /// `TOPIC_AUTHORIZATION_FAILED`: no partition of the topic can be added to a transaction.
    TopicAuthorization,
    /// `UNKNOWN_TOPIC_OR_PARTITION`: the topic was deleted.
    UnknownTopic,
    /// `MSG_SIZE_TOO_LARGE`: `max.message.bytes` of the topic was lowered.
    TooLarge,
    /// `INVALID_RECORD`: the topic is compacted, and the record has no key.
    Invalid,
    /// `NOT_ENOUGH_REPLICAS` until the record times out. Markers cannot be written either.
    NotEnoughReplicas,
    /// `POLICY_VIOLATION`.
    Policy,
    /// A quota slows the producer down until its records time out.
    Quota,
    /// `GROUP_AUTHORIZATION_FAILED` for the offsets.
    GroupAuthorization,
    /// `TRANSACTIONAL_ID_AUTHORIZATION_FAILED`: the producer is unusable, and no new one can be made.
    TransactionalIdAuthorization,
}

impl RefusalCode {
    pub const ALL: [Self; 9] = [
        Self::TopicAuthorization,
        Self::UnknownTopic,
        Self::TooLarge,
        Self::Invalid,
        Self::NotEnoughReplicas,
        Self::Policy,
        Self::Quota,
        Self::GroupAuthorization,
        Self::TransactionalIdAuthorization,
    ];

    /// It concerns one topic.
    pub(crate) fn is_of_topic(self) -> bool {
        match self {
            Self::TopicAuthorization
            | Self::UnknownTopic
            | Self::TooLarge
            | Self::Invalid
            | Self::NotEnoughReplicas
            | Self::Policy => true,
            Self::Quota | Self::GroupAuthorization | Self::TransactionalIdAuthorization => false,
        }
    }
}

/// Whether and when a commit without a reply takes effect.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Effect {
    Done,
    Never,
    Later { ms: u64 },
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    Append(WorkloadItem),
    Inject { instance: usize, fault: Fault },
}

#[derive(Clone, Copy, Debug)]
pub struct PlanEntry {
    /// From [`CHAOS_STEPS`] on: when everything has come to rest.
    pub step: u32,
    pub action: Action,
}

#[derive(Clone, Debug)]
pub struct Plan {
    pub seed: u64,
    pub scenario: Scenario,
    pub shape: Shape,
    pub mix: Mix,
    pub instances: usize,
    /// Members have a static identity.
    pub is_static: bool,
    /// A group without offsets starts at the end of its topics.
    pub latest: bool,
    pub records_per_commit_max: usize,
    /// Sorted by step.
    pub entries: Vec<PlanEntry>,
}

impl Plan {
    pub fn of(seed: u64, scenario: Option<Scenario>) -> Self {
        let mut dice = fastrand::Rng::with_seed(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ 0x5eed);
        let drawn = Scenario::ALL[dice.usize(..Scenario::ALL.len())];
        let scenario = scenario.unwrap_or(drawn);
        let shape = Shape {
            partitions: if matches!(scenario, Scenario::BatchOfTasks | Scenario::Refused) {
                4
            } else if matches!(scenario, Scenario::Forwarded | Scenario::Wide | Scenario::Numbers) {
                dice.i32(2..=3)
            } else {
                dice.i32(1..=2)
            },
            is_wide: scenario == Scenario::Wide || scenario == Scenario::Everything && dice.bool(),
            user_check: scenario == Scenario::Directory || scenario == Scenario::Everything && dice.bool(),
            is_limited: scenario == Scenario::Numbers,
        };
        let instances = if scenario == Scenario::Everything {
            dice.usize(1..=3)
        } else if matches!(scenario, Scenario::Crashes | Scenario::Recreated | Scenario::FirstStartLatest) {
            1
        } else {
            2
        };
        // In the directory nobody of the other contracts is looked up.
        let is_all = dice.u8(..4) < if scenario == Scenario::Directory { 1 } else { 2 };
        let mix = if is_all { Mix::All } else { Mix::Egov };
        let mut plan = Self {
            seed,
            scenario,
            shape,
            mix,
            instances,
            is_static: scenario != Scenario::Dynamic && dice.u8(..3) > 0,
            latest: scenario == Scenario::FirstStartLatest,
            records_per_commit_max: dice.usize(1..=if scenario == Scenario::BatchOfTasks { 12 } else { 6 }),
            entries: Vec::new(),
        };
        if scenario == Scenario::Directory {
            // They wait when the directory is read for the first time.
            let waiting = early_requests().map(|item| PlanEntry { step: 0, action: Action::Append(item) });
            plan.entries.extend(waiting);
        }
        for _ in 0..dice.usize(25..50) {
            let step = dice.u32(..CHAOS_STEPS * 9 / 10);
            let item = draw_item(&mut dice, shape, mix);
            plan.entries.push(PlanEntry { step, action: Action::Append(item) });
            // Records appended in one step are likely to share a transaction.
            for _ in 0..dice.usize(..3) {
                let item = draw_item(&mut dice, shape, mix);
                plan.entries.push(PlanEntry { step, action: Action::Append(item) });
            }
        }
        for _ in 0..dice.usize(2..8) {
            let step = dice.u32(..CHAOS_STEPS);
            let (instance, fault) = (dice.usize(..instances), draw_fault(&mut dice, scenario));
            plan.entries.push(PlanEntry { step, action: Action::Inject { instance, fault } });
        }
        // Whether codes are right, used, expired or locked is asked once more when everything has come to rest.
        if dice.u8(..6) == 0 {
            let fault = Fault::TimePasses { ms: 65_000 };
            plan.entries.push(PlanEntry { step: CHAOS_STEPS, action: Action::Inject { instance: 0, fault } });
        }
        for _ in 0..dice.usize(..12) {
            let item = draw_item(&mut dice, shape, mix);
            plan.entries.push(PlanEntry { step: CHAOS_STEPS, action: Action::Append(item) });
        }
        plan.entries.sort_by_key(|it| it.step);
        plan
    }

    pub fn has_wrong_clocks(&self) -> bool {
        let is_wrong = |fault| matches!(fault, Fault::WallJumps { .. } | Fault::LeaderJumps { .. });
        self.entries.iter().any(|it| matches!(it.action, Action::Inject { fault, .. } if is_wrong(fault)))
    }
}

fn draw_fault(dice: &mut fastrand::Rng, scenario: Scenario) -> Fault {
    let typical: &[Fault] = match scenario {
        Scenario::TwoOwners => &[ZOMBIE, ZOMBIE, Fault::Remove, Fault::Pause { ms: 14_000 }],
        Scenario::Everything | Scenario::Forwarded | Scenario::Wide => &[],
        Scenario::Crashes => {
            &[Fault::Kill, Fault::LoseTail { batches: 3 }, Fault::LoseDisk, Fault::WriteFails]
        }
        Scenario::Reassigned => &[ZOMBIE, Fault::Rebalance, Fault::Stop, Fault::Remove, Fault::Kill],
        Scenario::OldDisk => {
            &[Fault::BackUpDisk, Fault::RestoreBackup, Fault::LoseTail { batches: 8 }, Fault::Compact]
        }
        Scenario::BatchOfTasks => &[ZOMBIE, LONG_ZOMBIE, LONG_ZOMBIE, Fault::Rebalance, Fault::Remove],
        Scenario::OffsetsReset => &[Fault::ResetOffsets, Fault::ExpireOffsets],
        Scenario::Recreated => &[Fault::Recreate, Fault::Kill],
        Scenario::Sweep => &[
            Fault::TimePasses { ms: 25_000 },
            Fault::TimePasses { ms: 62_000 },
            // Remembered replies are over, and their grace is not.
            Fault::TimePasses { ms: 1_000_000 },
            Fault::TimePasses { ms: 2_000_000 },
        ],
        Scenario::FirstStartLatest => &[Fault::Kill, Fault::ExpireOffsets],
        Scenario::Dynamic => &[Fault::Remove, Fault::Stop, Fault::Kill, Fault::Rebalance],
        Scenario::Clocks => &[
            Fault::WallJumps { ms: 400_000 },
            Fault::WallJumps { ms: -90_000 },
            Fault::LeaderJumps { ms: 3_000 },
        ],
        Scenario::Truncated => &[
            Fault::TruncateRequests,
            Fault::TruncateChangelog,
            Fault::TruncateChangelog,
            Fault::LoseDisk,
            Fault::Rebalance,
        ],
        Scenario::Numbers => &[
            Fault::Kill,
            ZOMBIE,
            Fault::Rebalance,
            Fault::CommitFails,
            Fault::ResetOffsets,
            Fault::LoseDisk,
            Fault::TimePasses { ms: 1_000_000 },
        ],
        Scenario::Directory => &[Fault::Kill, Fault::Rebalance, Fault::LoseDisk],
        Scenario::Refused => return draw_refusal(dice),
    };
    if !typical.is_empty() && dice.bool() {
        return typical[dice.usize(..typical.len())];
    }
    draw_any_fault(dice)
}

const ZOMBIE: Fault = Fault::ZombieCommits { ms: 600 };
/// Long enough that the next owner has restored its tasks.
const LONG_ZOMBIE: Fault = Fault::ZombieCommits { ms: 2_500 };

fn draw_any_fault(dice: &mut fastrand::Rng) -> Fault {
    match dice.u8(..34) {
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
                Fault::BackUpDisk
            } else {
                Fault::RestoreBackup
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
        32 => draw_refusal(dice),
        _ => Fault::UpstreamHangs,
    }
}

fn draw_refusal(dice: &mut fastrand::Rng) -> Fault {
    let ms = (dice.u8(..3) > 0).then(|| dice.u64(100..3_000));
    let code = RefusalCode::ALL[dice.usize(..RefusalCode::ALL.len())];
    Fault::Refuse { output: dice.usize(..64), code, ms }
}
