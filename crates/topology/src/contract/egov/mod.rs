//! DIGIT / mGramSeva: user-otp's send, egov-otp's create, validate and search (docs/contracts/egov.md).
//!
//! Reads requests and renders decisions; which code is right, and who may have one, is decided in `otp`.
//!
//! ```text
//! body ── request ──▶ send | create | validate | search ── otp::decide ──▶ reply, notice, analytics
//!                       │ mobile, directory, wording
//! ```

mod create;
mod directory;
mod errors;
mod issue;
mod mobile;
mod notice;
mod operation;
mod reply;
mod request;
mod search;
mod send;
mod settings;
#[cfg(test)]
mod tests;
mod turn;
mod validate;
mod wording;

pub use directory::{DirectoryError, check_record as check_directory_record};
pub use operation::Operation;
pub use settings::{CentralInstance, EgovSettings, EgovTopics, Flavour};

use super::{Events, Inbound, Known, Reads, Served, Tally, Trouble};
use crate::otp::{CanonicalSubject, ContractName};
use crate::wire::json::Json;
use crate::wire::record::Headers;
use mobile::Patterns;
use request::RequestInfo;
use turn::Turn;
use wording::BuiltIn;

/// The contract, ready to serve.
#[derive(Clone, Debug)]
pub struct Egov {
    settings: EgovSettings,
    topics: EgovTopics,
    built_in: BuiltIn,
    patterns: Patterns,
}

impl Egov {
    pub fn new(settings: EgovSettings, topics: EgovTopics) -> Self {
        Self { settings, topics, built_in: BuiltIn::new(), patterns: Patterns::default() }
    }

    pub fn settings(&self) -> &EgovSettings {
        &self.settings
    }

    /// Whose request it is. `None`: it does not say, for whatever reason.
    pub fn subject(&self, body: &Json<'_>, headers: Headers<'_>) -> Option<CanonicalSubject> {
        let field = match request::operation(body, headers).ok()? {
            Operation::Send => request::MOBILE,
            Operation::Create | Operation::Validate | Operation::Search => request::IDENTITY,
        };
        let otp = request::otp(body).ok()?;
        let tenant = request::TENANT.read_filled(otp).ok()??;
        let identity = field.read_filled(otp).ok()??;
        CanonicalSubject::new(ContractName::Egov, root_of(tenant), identity)
    }

    pub fn correlation_id<'a>(&self, body: &'a Json<'a>) -> Option<&'a str> {
        RequestInfo::read(body).unwrap_or_default().correlation_id()
    }

    /// # Errors
    /// See [`Trouble`].
    pub fn serve(
        &self,
        inbound: &Inbound<'_>,
        known: Option<Known<'_>>,
        reads: &dyn Reads,
        events: &mut Events<'_>,
    ) -> Result<Served, Trouble> {
        let request = inbound.request;
        let operation = match request::operation(&request.body, request.headers) {
            Ok(operation) => operation,
            Err(rejection) => {
                let info = RequestInfo::read(&request.body).unwrap_or_default();
                let failure = rejection.of(None);
                return Ok(Served {
                    subject: known.map(|it| it.subject),
                    reply: reply::failed(info, &failure),
                    tally: tally("unknown", failure.outcome),
                });
            }
        };
        let turn = Turn::begin(self, inbound, operation, reads)?;
        match operation {
            Operation::Send => send::serve(&turn, known, events),
            Operation::Create => create::serve(&turn, known, events),
            Operation::Validate => validate::serve(&turn, known, events),
            Operation::Search => search::serve(&turn, known, events),
        }
    }
}

fn tally(operation: &'static str, outcome: &'static str) -> Tally {
    Tally { contract: ContractName::Egov, operation, outcome }
}

/// The first segment of a tenant.
pub(super) fn root_of(tenant: &str) -> &str {
    tenant.split('.').next().unwrap_or(tenant)
}
