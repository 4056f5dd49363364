//! `useridOTP`: judges a code that `sendotp` sent; the reply to the right one carries the authentication token.

use super::errors::{MosipError, NO_USER_DETAIL};
use super::recipient::is_active;
use super::reply;
use super::request::{APP_ID, OTP, USER_ID};
use super::send_otp::check_app;
use super::session::{Errors, MosipSession};
use super::token::{Bearer, Claims};
use super::validate::{self, Judged, TypedCode};
use crate::contract::{Events, KnownSubject, ServeError, ServeOutcome};
use crate::otp::Purpose;

/// Equal to no code.
const NO_CODE: &str = "";

struct LoginFields<'a> {
    app_id: &'a str,
    code: &'a str,
}

/// # Errors
/// See [`ServeError`].
pub(super) fn serve(
    mosip: &MosipSession<'_>,
    known: Option<KnownSubject<'_>>,
    events: &mut Events<'_>,
) -> Result<ServeOutcome, ServeError> {
    let (fields, known) = match (LoginFields::read(mosip), known) {
        (Ok(fields), Some(known)) => (fields, known),
        (Ok(_), None) => {
            return Ok(validate::invalid(mosip, None, &[MosipError::blank(USER_ID.name)], events));
        }
        (Err(errors), known) => return Ok(validate::invalid(mosip, known, &errors, events)),
    };
    let is_gone = mosip.mosip.settings.user_check && !is_active(mosip, known.who)?;
    let conceals = mosip.session.policy.conceal_existence;
    if is_gone && !conceals {
        return Ok(validate::invalid(mosip, Some(known), &[NO_USER_DETAIL], events));
    }
    // Where existence is concealed, a code for somebody who is gone is a wrong one.
    let code = if is_gone { NO_CODE } else { fields.code };
    let who = known.who;
    let typed = TypedCode { known, purpose: Purpose::SendOtp, code };
    let (subject, challenge) = match validate::judge(mosip, typed, events)? {
        Judged::Right(subject, challenge) => (subject, challenge),
        Judged::Refused(outcome) => return Ok(outcome),
    };
    let id = &challenge.to_uuid();
    let claims = Claims { subject: who.identity(), app_id: fields.app_id, id, bearer: Bearer::User };
    let key = mosip.session.token_key()?;
    let reply = reply::with_token(validate::successful(mosip), key, claims.to_json(mosip));
    Ok(mosip.served(subject, reply, "verified"))
}

impl<'a> LoginFields<'a> {
    /// Blank members first, all of them; then the app; then what `otp.validate` says of a key and a code.
    fn read(mosip: &MosipSession<'a>) -> Result<Self, Errors<'a>> {
        let request = mosip.admit()?;
        let read = |field: super::request::Field| field.read(request).map_err(|error| vec![error]);
        let (user_id, code, app_id) = (read(USER_ID)?, read(OTP)?, read(APP_ID)?);
        let members = [(USER_ID, user_id), (OTP, code), (APP_ID, app_id)];
        let blank = members.iter().filter(|(_, text)| text.trim().is_empty());
        let blank: Errors<'_> = blank.map(|(field, _)| MosipError::blank(field.name)).collect();
        if !blank.is_empty() {
            return Err(blank);
        }
        check_app(mosip, app_id).map_err(|error| vec![error])?;
        let faults = validate::faults(user_id.trim(), code);
        if faults.is_empty() { Ok(Self { app_id, code }) } else { Err(faults) }
    }
}
