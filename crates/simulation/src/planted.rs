//! Bugs that are planted on purpose, to check that the oracles find them. Each is a wrong answer, a wrong call or a wrong
//! record at one place of the simulated driver, or a contract with a wrong rule (`bent`). Production code is never changed.

macro_rules! planted {
    ($($(#[doc = $doc:literal])+ $variant:ident = $name:literal,)*) => {
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
        pub enum Planted {
            $($(#[doc = $doc])+ $variant,)*
        }

        impl Planted {
            pub const ALL: &[Self] = &[$(Self::$variant),*];

            pub const fn name(self) -> &'static str {
                match self { $(Self::$variant => $name),* }
            }

            pub const fn about(self) -> &'static str {
                match self { $(Self::$variant => concat!($($doc),+)),* }
            }
        }
    };
}

planted! {
    /// The store is written before the commit.
    WriteBeforeCommit = "write-before-commit",
    /// A restore goes up to the last stable offset, not the high watermark.
    RestoreToLso = "restore-to-lso",
    /// The changelog's end is read before the stable committed offsets.
    EndBeforeStable = "end-before-stable",
    /// No offsets are sent in the transaction.
    SkipSendOffsets = "skip-send-offsets",
    /// Offsets are sent with any group metadata, even if it is not a member's.
    StaleMetadata = "stale-metadata",
    /// A commit that timed out is followed by the next transaction on the same producer.
    KeepProducer = "keep-producer",
    /// The changelog holds changes instead of values.
    LogDeltas = "log-deltas",
    /// State and position are written in two batches, the position first.
    PositionFirst = "position-first",
    /// An unknown end of the changelog counts as 0.
    UnknownEndIsZero = "unknown-end-is-zero",
    /// Reads do not see the writes of the open transaction.
    SkipOverlay = "skip-overlay",
    /// The store of a released task counts as complete when the task is assigned again.
    KeepSuspended = "keep-suspended",
    /// A forwarded record counts as applied if its home has read past it in place.
    SharedPosition = "shared-position",
    /// The batch is processed further after a rebalance that revoked some of its tasks.
    KeepBatch = "keep-batch",
    /// A transaction that writes for several tasks carries the offsets of only one.
    SomeOffsets = "some-offsets",
    /// The sweep removes a lock that is still in force.
    SweepLocks = "sweep-locks",
    /// A recreated topic is treated as the old one.
    TrustRecreated = "trust-recreated",
    /// A repeated request is evaluated again.
    AnswerAnew = "answer-anew",
    /// Policies are read from a table that is ahead of the log.
    PolicyOutside = "policy-outside",
    /// Requests are evaluated before the directory is read.
    SkipDirectory = "skip-directory",
    /// A key that is not yet active is used.
    EarlyKey = "early-key",
    /// A refusal is taken for the fault of the record: its transaction is committed without it.
    LeaveOutRefused = "leave-out-refused",
    /// A refused topic holds up every task of the thread.
    HoldUpAll = "hold-up-all",
    /// What was refused is not read again.
    SkipRefused = "skip-refused",
    /// A rotating resend gives the wrong tries back.
    RotationForgives = "rotation-forgives",
    /// A challenge that replaces a decoy inherits no wrong tries.
    DecoyForgives = "decoy-forgives",
    /// A hard lock comes at its count alone, and never if the limit is lowered under the count.
    HardLockExactly = "hard-lock-exactly",
    /// The sweep removes remembered replies without their grace.
    SweepReplies = "sweep-replies",
    /// Signals count every request as a resend, too.
    TallyRepeats = "tally-repeats",
    /// The counts of signal windows are not in the changelog.
    SignalsLocal = "signals-local",
    /// What an aborted batch counted is reported with the next commit.
    CountAborted = "count-aborted",
    /// A hop that came back is applied twice.
    HopTwice = "hop-twice",
    /// A hop whose transaction a crash aborted counts as written.
    HopLost = "hop-lost",
    /// A hop that came back is skipped if a later record of its origin partition was read.
    HopByOrigin = "hop-by-origin",
    /// A delivery that its number's home refused is made.
    RefusalGranted = "refusal-granted",
    /// Records behind the gate of a partition are read before the record at it.
    ReadBehindGate = "read-behind-gate",
    /// INT's `VALIDATE` is judged by the window that it names, not by that of its `GENERATE`.
    RequestWindow = "request-window",
    /// MOSIP's `otp.generate` gives wrong tries back.
    GenerateForgives = "generate-forgives",
}
