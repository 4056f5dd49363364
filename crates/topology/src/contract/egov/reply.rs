//! The bodies of replies.

use super::errors::ErrorReply;
use super::request::{RequestInfo, Status};
use crate::contract::Reply;
use crate::otp::{ChallengeId, ChallengeView, CodeRef};
use crate::wire::json::writer::{Object, WriteJson};

/// What most bodies fit into.
const BODY_BYTES: usize = 512;

/// The `otp` object of a reply, without the code.
pub(super) struct OtpView<'a> {
    pub challenge: ChallengeId,
    pub identity: &'a str,
    /// The tenant's first segment.
    pub tenant: &'a str,
    pub validated: bool,
}

/// The reply to a successful `send`.
pub(super) fn sent(info: RequestInfo<'_>) -> Reply {
    whole(|object| {
        object.member("responseInfo", info.response(Status::Successful)).member("isSuccessful", true);
    })
}

pub(super) fn failed(info: RequestInfo<'_>, error: &ErrorReply<'_>) -> Reply {
    whole(|object| {
        object.member("responseInfo", info.response(Status::Failed)).member("error", ErrorBody(error));
    })
}

/// The reply to create, validate and search. `None`: nothing was found.
pub(super) fn otp(info: RequestInfo<'_>, view: Option<&OtpView<'_>>) -> Reply {
    whole(|object| {
        object.member("responseInfo", info.response(Status::Successful)).member("otp", view);
    })
}

/// The reply to a `create`, with a placeholder for the code.
pub(super) fn revealed(info: RequestInfo<'_>, view: &OtpView<'_>, code: CodeRef) -> Reply {
    let mut body = Vec::with_capacity(BODY_BYTES);
    let place = Object::write(&mut body, |object| {
        object.member("responseInfo", info.response(Status::Successful)).object("otp", |otp| {
            let place = otp.secret("otp");
            view.add_to(otp);
            place
        })
    });
    Reply::with_code(body, place, code)
}

impl<'a> OtpView<'a> {
    pub(super) fn of(challenge: &ChallengeView, identity: &'a str, tenant: &'a str) -> Self {
        Self { challenge: challenge.code.challenge, identity, tenant, validated: challenge.used }
    }

    fn add_to(&self, object: &mut Object<'_>) {
        object
            .member("UUID", self.challenge.to_uuid())
            .member("identity", self.identity)
            .member("tenantId", self.tenant)
            .member("isValidationSuccessful", self.validated);
    }
}

fn whole(members: impl FnOnce(&mut Object<'_>)) -> Reply {
    let mut body = Vec::with_capacity(BODY_BYTES);
    Object::write(&mut body, members);
    Reply::plain(body)
}

struct ErrorBody<'a>(&'a ErrorReply<'a>);

impl WriteJson for ErrorBody<'_> {
    fn write_json(&self, out: &mut Vec<u8>) {
        let Self(error) = self;
        Object::write(out, |object| {
            object
                .member("code", error.code)
                .member("message", error.message)
                .member("description", None::<&str>)
                .member("fields", error.fields.as_slice());
        });
    }
}

impl WriteJson for OtpView<'_> {
    fn write_json(&self, out: &mut Vec<u8>) {
        Object::write(out, |object| self.add_to(object));
    }
}
