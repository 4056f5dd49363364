//! DIGIT / mGramSeva: user-otp's send, egov-otp's create, validate and search.

use super::{Address, Events, Inbound, Known, Reads, Served, Trouble};
use crate::wire::json::Json;
use crate::wire::record::Headers;

/// What a deployment decides about this contract; keys of `[egov]`.
#[derive(Clone, Debug)]
pub struct EgovSettings;

/// The contract, ready to serve.
#[derive(Clone, Debug)]
pub struct Egov;

impl Egov {
    pub fn address<'a>(&self, _body: &'a Json<'a>, _headers: Headers<'a>) -> Address<'a> {
        todo!()
    }

    /// # Errors
    /// See [`Trouble`].
    pub fn serve(
        &self,
        _inbound: &Inbound<'_>,
        _known: Option<Known>,
        _reads: &dyn Reads,
        _events: &mut Events<'_>,
    ) -> Result<Served, Trouble> {
        todo!()
    }
}
