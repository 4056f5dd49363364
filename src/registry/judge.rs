//! Judges every answer of the registry before anybody reads it: is it short, is it JSON, and is it the registry's own?
//!
//! Passes on JSON of a success, and errors with a code that Confluent's API defines. Everything else becomes a reason.

use async_trait::async_trait;
use hyper::http::{self, Extensions};
use reqwest::{Request, Response, StatusCode};
use reqwest_middleware::{Error, Middleware, Next};
use serde::de::IgnoredAny;

use super::rest::Refusal;

/// The longest answer. A schema is a hundredth of it.
pub(super) const ANSWER_BYTES_MAX: usize = 2 << 20;

/// Why an answer does not count. Names no address, since that may contain a secret.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
struct NoAnswer(String);

/// See the module.
pub(super) struct Judge;

#[async_trait]
impl Middleware for Judge {
    async fn handle(
        &self,
        request: Request,
        extensions: &mut Extensions,
        next: Next<'_>,
    ) -> reqwest_middleware::Result<Response> {
        let answer = next.run(request, extensions).await.map_err(|error| no_answer(unreachable(&error)))?;
        judged(answer).await.map_err(no_answer)
    }
}

fn no_answer(reason: String) -> Error {
    Error::middleware(NoAnswer(reason))
}

/// The answer again, read as a whole.
async fn judged(answer: Response) -> Result<Response, String> {
    let status = answer.status();
    if let Some(reason) = status_fault(status) {
        return Err(reason);
    }
    let body = bounded(answer).await?;
    let is_own = if status.is_success() {
        serde_json::from_slice::<IgnoredAny>(&body).is_ok()
    } else {
        serde_json::from_slice::<Refusal>(&body).is_ok_and(|refusal| refusal.fits(status.as_u16()))
    };
    if !is_own {
        return Err(format!(
            "it answered {} with something that is no answer of a schema registry",
            status.as_u16()
        ));
    }
    let answer = http::Response::builder().status(status).body(body);
    Ok(answer.expect("a status and a body make a response").into())
}

/// What an answer with this status cannot say about a schema.
fn status_fault(status: StatusCode) -> Option<String> {
    let code = status.as_u16();
    if status.is_redirection() {
        return Some(format!(
            "it answered {code}, a redirect, which is not followed: name the final address"
        ));
    }
    match status {
        StatusCode::UNAUTHORIZED | StatusCode::PROXY_AUTHENTICATION_REQUIRED => {
            Some(format!("it answered {code}: it does not accept username and password, or the token"))
        }
        StatusCode::FORBIDDEN => Some(format!("it answered {code}: the user may not do that")),
        StatusCode::TOO_MANY_REQUESTS => Some(format!("it answered {code}: too many requests")),
        _ if status.is_server_error() || status.is_informational() => Some(format!("it answered {code}")),
        _ => None,
    }
}

async fn bounded(mut answer: Response) -> Result<Vec<u8>, String> {
    let too_long = || format!("its answer is longer than {ANSWER_BYTES_MAX} bytes");
    let mut body = Vec::new();
    loop {
        match answer.chunk().await {
            Ok(Some(chunk)) if body.len() + chunk.len() > ANSWER_BYTES_MAX => return Err(too_long()),
            Ok(Some(chunk)) => body.extend_from_slice(&chunk),
            Ok(None) => return Ok(body),
            Err(error) if error.is_timeout() => return Err("its answer takes too long".to_owned()),
            Err(_) => return Err("its answer ended early".to_owned()),
        }
    }
}

/// Why there is no answer at all: the innermost cause, which names no address.
fn unreachable(error: &Error) -> String {
    let mut cause: &dyn std::error::Error = error;
    while let Some(inner) = cause.source() {
        cause = inner;
    }
    if error.is_timeout() {
        return "no answer in time".to_owned();
    }
    match error {
        Error::Reqwest(outer) if std::ptr::addr_eq(cause, outer) => "no connection".to_owned(),
        Error::Reqwest(_) | Error::Middleware(_) => {
            format!("no connection: {}", super::fault::shown(&cause.to_string()))
        }
    }
}
