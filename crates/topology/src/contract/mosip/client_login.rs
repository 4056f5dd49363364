//! `clientidsecretkey`: judges the secret of a client of the registry; the reply to the right one carries a token.
//!
//! Secrets are long and drawn at random, so wrong ones are neither counted nor locked. An unknown id, a wrong secret,
//! another client's app and an inactive client get the same reply after the same work.

use super::errors::{MosipError, STALE, UNAUTHORIZED};
use super::reply;
use super::request::{APP_ID, CLIENT_ID, SECRET_KEY};
use super::session::{Errors, MosipSession};
use super::token::{Bearer, Claims};
use crate::contract::client::Client;
use crate::contract::{KnownSubject, ServeError, ServeOutcome};
use crate::otp::SecretHashes;

struct SecretFields<'a> {
    secret: &'a str,
    /// As given.
    app_id: Option<&'a str>,
}

/// # Errors
/// See [`ServeError`].
pub(super) fn serve(
    mosip: &MosipSession<'_>,
    known: Option<KnownSubject<'_>>,
) -> Result<ServeOutcome, ServeError> {
    let fields = match SecretFields::read(mosip) {
        Ok(fields) => fields,
        Err(errors) => return Ok(mosip.fail(known, &errors)),
    };
    let session = &mosip.session;
    if session.is_stale() {
        return Ok(mosip.fail(known, &[STALE]));
    }
    let client = match &known {
        Some(known) => session.reads.client(known.who.identity())?,
        None => None,
    };
    let is_right = fields.are_of(mosip, client.as_deref())?;
    let (known, client) = match (known, client) {
        (Some(known), Some(client)) if is_right => (known, client),
        (known, _) => return Ok(mosip.fail(known, &[UNAUTHORIZED])),
    };
    let allowed = &mosip.mosip.settings.client_roles;
    let roles = client.roles.iter().map(|role| &**role).filter(|role| allowed.iter().any(|it| it == role));
    let roles: Vec<&str> = roles.collect();
    let claims = Claims {
        subject: known.who.identity(),
        app_id: &client.app_id,
        id: mosip.envelope.event_base,
        bearer: Bearer::Client { roles: &roles },
    };
    let message = "Clientid and Token combination had been validated successfully";
    let reply =
        reply::with_token(mosip.head.status("Success", message), session.token_key()?, claims.to_json(mosip));
    Ok(mosip.served(known.subject, reply, "authenticated"))
}

impl<'a> SecretFields<'a> {
    fn read(mosip: &MosipSession<'a>) -> Result<Self, Errors<'a>> {
        let request = mosip.admit()?;
        let read = || -> Result<Self, MosipError<'a>> {
            CLIENT_ID.read(request)?;
            Ok(Self { secret: SECRET_KEY.read(request)?, app_id: APP_ID.read_given(request)? })
        };
        read().map_err(|error| vec![error])
    }

    /// Whether they are those of a client. Compares the secret, whoever asks.
    fn are_of(&self, mosip: &MosipSession<'_>, client: Option<&Client>) -> Result<bool, ServeError> {
        let client = client.filter(|client| client.is_active);
        let hashes = client.map_or(&SecretHashes::NONE, |client| &client.secret_hashes);
        let has_secret = mosip.session.reads.keys().is_client_secret(self.secret, hashes)?;
        let is_app = |client: &Client| self.app_id.is_none_or(|app_id| app_id == &*client.app_id);
        Ok(has_secret & client.is_some_and(is_app))
    }
}
