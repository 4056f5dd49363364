//! A reply as bytes, with placeholders for its secrets: replies are remembered, secrets are not.

use std::borrow::Cow;

use arrayvec::ArrayVec;

use crate::otp::{CodeRef, KeyId};

/// The most headers that one reply adds to those of every event.
pub const REPLY_HEADERS_MAX: usize = 2;
/// The most secrets of one reply.
pub const REPLY_SECRETS_MAX: usize = 2;

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Reply {
    /// The body without its secrets.
    pub body: Vec<u8>,
    /// Headers of this reply alone. They come after those of every event.
    pub headers: ArrayVec<(Cow<'static, str>, Vec<u8>), REPLY_HEADERS_MAX>,
    /// Those of the body by ascending offset.
    pub placeholders: ArrayVec<Placeholder, REPLY_SECRETS_MAX>,
}

/// Where in a reply a secret stands, and what it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Placeholder {
    pub place: SecretPlace,
    pub secret: Secret,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SecretPlace {
    /// At this offset of the body.
    Body(usize),
    /// As the value of the reply's header with this index.
    Header(usize),
}

/// What a secret is derived from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Secret {
    /// The digits of a code.
    Code(CodeRef),
    /// A token in a header, signed with this key. Its claims are the value that the header has.
    Token(KeyId),
}

impl Reply {
    /// A reply without secrets.
    pub fn plain(body: Vec<u8>) -> Self {
        Self { body, ..Self::default() }
    }

    /// A reply with a code at this offset of its body.
    pub fn with_code(body: Vec<u8>, at: usize, code: CodeRef) -> Self {
        let mut reply = Self::plain(body);
        reply.placeholders.push(Placeholder { place: SecretPlace::Body(at), secret: Secret::Code(code) });
        reply
    }
}
