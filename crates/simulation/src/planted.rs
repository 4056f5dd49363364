//! Bugs that are planted on purpose, to see that the oracles find them. Each is a wrong answer, a wrong call or a
//! wrong record at one place of the driver; production code is never changed.

macro_rules! planted {
    ($($(#[doc = $doc:literal])+ $variant:ident = $name:literal,)*) => {
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
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
    /// Offsets are sent under whatever the client's group metadata says, also when it is nobody's.
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
    /// A store that was given back counts as complete when its task comes again.
    KeepSuspended = "keep-suspended",
    /// A record that came by the hop counts as applied when its source was read past it in place.
    SharedPosition = "shared-position",
    /// The batch goes on after a rebalance that took some of its tasks away.
    KeepBatch = "keep-batch",
    /// A transaction that writes for several tasks carries the offsets of one.
    SomeOffsets = "some-offsets",
    /// The sweep forgets a lock that stands.
    SweepLocks = "sweep-locks",
    /// A recreated topic is taken for the old one.
    TrustRecreated = "trust-recreated",
    /// A repeated request is served as a new one.
    AnswerAnew = "answer-anew",
    /// Policies are read from a table that is ahead of the log.
    PolicyOutside = "policy-outside",
    /// Requests are decided before the directory is read.
    SkipDirectory = "skip-directory",
    /// A key that is not yet active is used.
    EarlyKey = "early-key",
}
