//! The bodies of answers.

use super::errors::Failure;
use super::request::{RequestInfo, Status};
use crate::contract::Reply;
use crate::otp::{ChallengeId, ChallengeView, CodeRef};
use crate::wire::json_text::{Object, WriteJson};

/// What most bodies fit into.
const BODY_BYTES: usize = 512;

/// An `otp` object of an answer, without the code.
pub struct OtpView<'a> {
    pub challenge: ChallengeId,
    pub identity: &'a str,
    /// The tenant's first segment.
    pub tenant: &'a str,
    pub validated: bool,
}

/// The answer to a `send` that went well.
pub fn sent(info: RequestInfo<'_>) -> Reply {
    whole(|object| {
        object.member("responseInfo", info.response(Status::Successful)).member("isSuccessful", true);
    })
}

pub fn failed(info: RequestInfo<'_>, failure: &Failure<'_>) -> Reply {
    whole(|object| {
        object.member("responseInfo", info.response(Status::Failed)).member("error", ErrorBody(failure));
    })
}

/// The answer of create, validate and search; `None`: nothing was found.
pub fn otp(info: RequestInfo<'_>, view: Option<&OtpView<'_>>) -> Reply {
    answer(info, view, None)
}

/// The answer to a `create` with a hole where the code stands.
pub fn revealed(info: RequestInfo<'_>, view: &OtpView<'_>, code: CodeRef) -> Reply {
    /// Quotes inside of strings are escaped, so that this stands in an answer once.
    const BEFORE_CODE: &[u8] = br#","otp":{"otp":""#;
    let Reply { body, .. } = answer(info, Some(view), Some(""));
    let start = body.windows(BEFORE_CODE.len()).position(|bytes| bytes == BEFORE_CODE);
    let hole = start.expect("the answer was written with an empty code") + BEFORE_CODE.len();
    Reply { body, code: Some((hole, code)) }
}

impl<'a> OtpView<'a> {
    pub fn of(challenge: &ChallengeView, identity: &'a str, tenant: &'a str) -> Self {
        Self { challenge: challenge.code.challenge, identity, tenant, validated: challenge.used }
    }
}

fn answer(info: RequestInfo<'_>, view: Option<&OtpView<'_>>, code: Option<&str>) -> Reply {
    whole(|object| {
        let otp = view.map(|view| OtpBody { view, code });
        object.member("responseInfo", info.response(Status::Successful)).member("otp", otp);
    })
}

fn whole(members: impl FnOnce(&mut Object<'_>)) -> Reply {
    let mut body = Vec::with_capacity(BODY_BYTES);
    Object::write(&mut body, members);
    Reply { body, code: None }
}

struct ErrorBody<'a>(&'a Failure<'a>);

impl WriteJson for ErrorBody<'_> {
    fn write_json(&self, out: &mut Vec<u8>) {
        let Self(failure) = self;
        Object::write(out, |object| {
            object
                .member("code", failure.code)
                .member("message", failure.message)
                .member("description", None::<&str>)
                .member("fields", failure.fields.as_slice());
        });
    }
}

struct OtpBody<'a> {
    view: &'a OtpView<'a>,
    code: Option<&'a str>,
}

/// The code comes first, so that its place is easy to find.
impl WriteJson for OtpBody<'_> {
    fn write_json(&self, out: &mut Vec<u8>) {
        Object::write(out, |object| {
            if let Some(code) = self.code {
                object.member("otp", code);
            }
            object
                .member("UUID", self.view.challenge.to_uuid())
                .member("identity", self.view.identity)
                .member("tenantId", self.view.tenant)
                .member("isValidationSuccessful", self.view.validated);
        });
    }
}
