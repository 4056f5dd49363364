//! What is judged, by name, so that a thinned-out plan is known to fail for the same reason as the whole one.

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
    /// Every request record gets exactly one committed answer or dead letter, and nobody else gets one.
    OneAnswer = "one answer",
    /// Every event is committed once, and is one.
    OneEvent = "one event",
    /// A delivery has one code, also for a reader of what is not committed.
    OneCode = "one code",
    /// A code is accepted once, in time, within its tries, and only if it was sent.
    Acceptance = "acceptance",
    /// While a lock stands nothing is issued and nothing accepted.
    Locks = "locks",
    /// Nobody is unknown who is in the directory.
    Directory = "directory",
    /// A repeated request gets the first answer.
    Repeats = "repeats",
    /// A transaction commits what its records give one by one.
    OneByOne = "one by one",
    /// No committed offset passes a record that was not served.
    Lost = "lost",
    /// The state says of every record that was read that it was; the group never stands past it, and never goes back.
    Places = "places",
    /// A request is judged at its own append time, or at that of an earlier record of the same person.
    LogTime = "log time",
    /// Who is forgotten is not in the state.
    Forgotten = "forgotten",
    /// Nothing is decided before the policies are there.
    Policies = "policies",
    /// The sweep forgets only what is over, and tells it when nothing older waits.
    Sweep = "sweep",
    /// A store holds nothing that is not committed.
    Uncommitted = "uncommitted",
    /// A task is taken up with exactly the committed state.
    TakenUp = "taken up",
    /// At the end the owner's store is what the changelog gives.
    Store = "store",
    /// At the end every restore of the changelog gives the committed state, to the byte.
    Restores = "restores",
    /// No code lies in a changelog or a dead letter.
    Secrets = "secrets",
    /// What lost its end is refused aloud, until it is back.
    Refusal = "refusal",
    /// What retention took unread is counted, and nothing else.
    Counted = "counted",
    /// Without faults everything is answered and comes to rest.
    Rest = "rest",
}

/// A promise that was broken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Violation {
    pub oracle: Oracle,
    pub what: String,
}

pub type Judged<T = ()> = Result<T, Violation>;

impl Oracle {
    pub fn broken(self, what: impl Into<String>) -> Violation {
        Violation { oracle: self, what: what.into() }
    }
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} [{}]", self.what, self.oracle.name())
    }
}
