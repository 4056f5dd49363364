//! The bodies of replies: `{"id","version","responsetime","metadata","response","errors"}`.

use super::errors::MosipError;
use super::request::Head;
use crate::contract::{Placeholder, Reply, Secret, SecretPlace};
use crate::otp::{CodeRef, KeyId, LogTime};
use crate::wire::json::writer::{Object, Plain};
use crate::wire::rfc3339;

const BODY_BYTES: usize = 384;
/// The header of a reply that carries a token.
const AUTHORIZATION: &str = "authorization";

/// What every reply begins with.
#[derive(Clone, Copy)]
pub(super) struct ReplyHead<'a> {
    pub head: Head<'a>,
    pub time: LogTime,
}

impl ReplyHead<'_> {
    /// `response` is `{status, message}`.
    pub(super) fn status(&self, status: &'static str, message: &'static str) -> Reply {
        let (body, ()) = self.write(|object| {
            object.object("response", |response| {
                response.member("status", Plain(status)).member("message", Plain(message));
            });
            object.member("errors", None::<&str>);
        });
        Reply::plain(body)
    }

    /// The reply to `otp.generate`, with a placeholder for the code.
    pub(super) fn generated(&self, code: CodeRef) -> Reply {
        let (body, place) = self.write(|object| {
            let place = object.object("response", |response| {
                let place = response.secret("otp");
                response.member("status", Plain("GENERATION_SUCCESSFUL"));
                place
            });
            object.member("errors", None::<&str>);
            place
        });
        Reply::with_code(body, place, code)
    }

    /// The reply to `otp.generate` for a locked subject. The peer writes null as a text.
    pub(super) fn not_generated(&self) -> Reply {
        let (body, ()) = self.write(|object| {
            object.object("response", |response| {
                response.member("otp", Plain("null")).member("status", Plain("USER_BLOCKED"));
            });
            object.member("errors", None::<&str>);
        });
        Reply::plain(body)
    }

    pub(super) fn errors(&self, errors: &[MosipError<'_>]) -> Reply {
        let (body, ()) = self.write(|object| {
            object.member("response", None::<&str>).member("errors", errors);
        });
        Reply::plain(body)
    }

    fn write<R>(&self, end: impl FnOnce(&mut Object<'_>) -> R) -> (Vec<u8>, R) {
        let mut body = Vec::with_capacity(BODY_BYTES);
        let mut buffer = [0; rfc3339::LEN];
        let time = rfc3339::write(self.time, &mut buffer);
        let returned = Object::write(&mut body, |object| {
            object
                .member("id", self.head.id)
                .member(self.head.version_name, self.head.version)
                .member("responsetime", Plain(time))
                .member("metadata", None::<&str>);
            end(object)
        });
        (body, returned)
    }
}

/// The reply, with a placeholder for the token that this key makes of these claims.
pub(super) fn with_token(mut reply: Reply, key: KeyId, claims: Vec<u8>) -> Reply {
    let place = SecretPlace::Header(reply.headers.len());
    reply.headers.push((AUTHORIZATION.into(), claims));
    reply.placeholders.push(Placeholder { place, secret: Secret::Token(key) });
    reply
}
