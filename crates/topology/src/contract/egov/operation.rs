//! The operations of this contract, and their names on the wire.

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Operation {
    /// Peer: POST /user-otp/v1/_send.
    Send,
    /// Peer: POST /otp/v1/_create.
    Create,
    /// Peer: POST /otp/v1/_validate.
    Validate,
    /// Peer: POST /otp/v1/_search.
    Search,
}

impl Operation {
    pub const ALL: [Self; 4] = [Self::Send, Self::Create, Self::Validate, Self::Search];
    /// In the order of [`Operation::ALL`].
    pub const NAMES: &[&str] = &["send", "create", "validate", "search"];

    pub const fn as_str(self) -> &'static str {
        Self::NAMES[self as usize]
    }

    /// Lower case exactly.
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|operation| operation.as_str() == name)
    }
}
