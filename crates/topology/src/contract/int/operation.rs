//! The operations of this contract, and their names on the wire.

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Operation {
    Generate,
    Validate,
}

impl Operation {
    pub(super) const ALL: [Self; 2] = [Self::Generate, Self::Validate];
    /// In the order of [`Operation::ALL`].
    pub(super) const NAMES: &[&str] = &["GENERATE", "VALIDATE"];

    pub(super) const fn as_str(self) -> &'static str {
        Self::NAMES[self as usize]
    }

    /// Upper case exactly.
    pub(super) fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|operation| operation.as_str() == name)
    }
}
