//! What the auditor checks, by name. The minimiser uses the names: a smaller plan must fail for the same reason as the
//! original one.

use std::fmt;

macro_rules! oracles {
    ($($(#[doc = $doc:literal])+ $variant:ident = $name:literal,)*) => {
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum Oracle { $($(#[doc = $doc])+ $variant,)* }

        impl Oracle {
            pub const fn name(self) -> &'static str {
                match self { $(Self::$variant => $name),* }
            }
        }
    };
}

oracles! {
    /// Every request record gets exactly one committed reply or dead letter, and nothing else gets one.
    OneReply = "one reply",
    /// Every event is committed once and is valid JSON.
    OneEvent = "one event",
    /// One delivery has one code, also for readers of uncommitted records.
    OneCode = "one code",
    /// Every answer and its events are what the model of the contract says.
    Model = "model",
    /// A code is accepted once, before it expires, within its tries, and only if it was sent.
    Acceptance = "acceptance",
    /// A number gets no more deliveries within an hour than it may have, whoever asks.
    NumberLimit = "number limit",
    /// While a subject is locked, no code is issued or accepted for it.
    Locks = "locks",
    /// A person who is in the directory is never reported as unknown.
    Directory = "directory",
    /// A repeated request gets the first reply again.
    Repeats = "repeats",
    /// A transaction commits exactly what its records give when they are processed one by one.
    Reference = "reference",
    /// Signals add up to the lifecycle events of each home partition, window by window, and each window is told once.
    Signals = "signals",
    /// A commit reports what its transaction did, and nothing of what was aborted.
    Counted = "counted",
    /// No committed offset passes a record that was not processed.
    Lost = "lost record",
    /// The state has a position for every record that was read. The group's offset never passes it and never goes back.
    Positions = "positions",
    /// A request is decided at its own append time, or at the append time of an earlier record of the same person.
    LogTime = "log time",
    /// A forgotten person is no longer in the state.
    Forgotten = "forgotten",
    /// No request is decided before the policies are complete.
    Policies = "policies",
    /// The sweep removes only what has expired, and emits expiries only when no older record waits in an input.
    Sweep = "sweep",
    /// A store holds only committed values.
    Uncommitted = "uncommitted write",
    /// A task starts with exactly the committed state.
    AssignedState = "assigned state",
    /// At the end the store of each task's owner equals the committed state.
    Store = "owner's store",
    /// At the end every restore of a changelog gives the committed state, byte for byte.
    Restores = "restore",
    /// No changelog and no dead letter contains a code.
    Secrets = "secrets",
    /// A task reports that its topic lost records, and does not run until they are back.
    Refusal = "refusal",
    /// Records that retention deleted unread are reported as lost, and no others.
    ReportedLoss = "reported loss",
    /// A topic that is refused holds up only tasks that write to it.
    Isolation = "isolation",
    /// Without faults, every request gets a reply and all instances become idle.
    Liveness = "liveness",
}

/// A broken promise.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Violation {
    pub oracle: Oracle,
    pub what: String,
}

pub type Verdict<T = ()> = Result<T, Violation>;

impl Oracle {
    pub fn violation(self, what: impl Into<String>) -> Violation {
        Violation { oracle: self, what: what.into() }
    }
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} [{}]", self.what, self.oracle.name())
    }
}
