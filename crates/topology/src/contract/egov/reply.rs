//! The bodies of answers.

use serde::Serialize;

use super::errors::{Failure, FieldError};
use super::request::{RequestInfo, ResponseInfo, Status};
use crate::contract::Reply;
use crate::contract::analytics::Shown;
use crate::otp::{ChallengeId, ChallengeView, CodeRef};

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
    whole(&Sent { response_info: info.response(Status::Successful), is_successful: true })
}

pub fn failed(info: RequestInfo<'_>, failure: &Failure<'_>) -> Reply {
    whole(&Failed {
        response_info: info.response(Status::Failed),
        error: ErrorBody {
            code: failure.code,
            message: failure.message,
            description: None,
            fields: &failure.fields,
        },
    })
}

/// The answer of create, validate and search; `None`: nothing was found.
pub fn otp(info: RequestInfo<'_>, view: Option<&OtpView<'_>>) -> Reply {
    whole(&otp_answer(info, view, None))
}

/// The answer to a `create` with a hole where the code stands.
pub fn revealed(info: RequestInfo<'_>, view: &OtpView<'_>, code: CodeRef) -> Reply {
    /// Quotes inside of strings are escaped, so that this stands in an answer once.
    const BEFORE_CODE: &[u8] = br#","otp":{"otp":""#;
    let Reply { body, .. } = whole(&otp_answer(info, Some(view), Some("")));
    let start = body.windows(BEFORE_CODE.len()).position(|bytes| bytes == BEFORE_CODE);
    let hole = start.expect("the answer was written with an empty code") + BEFORE_CODE.len();
    Reply { body, code: Some((hole, code)) }
}

impl<'a> OtpView<'a> {
    pub fn of(challenge: &ChallengeView, identity: &'a str, tenant: &'a str) -> Self {
        Self { challenge: challenge.code.challenge, identity, tenant, validated: challenge.used }
    }
}

fn otp_answer<'a>(info: RequestInfo<'a>, view: Option<&OtpView<'a>>, code: Option<&'a str>) -> OtpAnswer<'a> {
    OtpAnswer {
        response_info: info.response(Status::Successful),
        otp: view.map(|view| OtpBody {
            otp: code,
            uuid: Shown(view.challenge),
            identity: view.identity,
            tenant_id: view.tenant,
            is_validation_successful: view.validated,
        }),
    }
}

fn whole(body: &impl Serialize) -> Reply {
    Reply { body: serde_json::to_vec(body).expect("answers are plain values"), code: None }
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Sent<'a> {
    response_info: ResponseInfo<'a>,
    is_successful: bool,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Failed<'a> {
    response_info: ResponseInfo<'a>,
    error: ErrorBody<'a>,
}

#[derive(Serialize)]
struct ErrorBody<'a> {
    code: u16,
    message: &'a str,
    description: Option<&'a str>,
    fields: &'a [FieldError<'a>],
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct OtpAnswer<'a> {
    response_info: ResponseInfo<'a>,
    otp: Option<OtpBody<'a>>,
}

/// The code comes first, so that its place is easy to find.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct OtpBody<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    otp: Option<&'a str>,
    #[serde(rename = "UUID")]
    uuid: Shown<ChallengeId>,
    identity: &'a str,
    tenant_id: &'a str,
    is_validation_successful: bool,
}
