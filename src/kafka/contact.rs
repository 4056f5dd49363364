//! The first contact with the cluster: whether it accepts this client.
//!
//! Every later call of librdkafka waits until its time-out when the cluster refuses the client, and its error does not carry the
//! reason. Only the error callback gets it.

use std::cell::RefCell;
use std::rc::Rc;
use std::time::{Duration, Instant};

use rdkafka_sys::rd_kafka_resp_err_t as RawCode;

use super::ffi::{Callbacks, Client, ClientKind};
use super::properties::Properties;

/// How long the first contact waits for an answer.
pub(crate) const CONTACT_MAX: Duration = Duration::from_secs(4);
/// How long another broker may take to accept a client that one broker refused.
const SECOND_OPINION_MAX: Duration = Duration::from_secs(1);
const POLL_INTERVAL: Duration = Duration::from_millis(20);

/// What came of the first contact.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Contact {
    Accepted,
    /// A broker refused the client, and none accepted it. The text is librdkafka's and names no secret.
    Refused {
        by: Gate,
        reason: String,
    },
    /// No broker answered within [`CONTACT_MAX`].
    Silent,
}

/// What refused the client.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Gate {
    Sasl,
    Tls,
}

/// Connects with a client of its own, until a broker answers or refuses.
pub(crate) fn first_contact(properties: &Properties) -> Contact {
    let refusal = Rc::new(RefCell::new(None));
    let noted = refusal.clone();
    let on_error = move |code: i32, reason: &str| {
        if let Some(by) = gate(code) {
            noted.borrow_mut().get_or_insert_with(|| (now(), by, reason.to_owned()));
        }
    };
    let callbacks = Callbacks { error: Some(RefCell::new(Box::new(on_error))), ..Callbacks::default() };
    // If there is no such client, the caller's own client reports why.
    let Ok(client) = Client::new(ClientKind::Producer, &properties.sender(), &[], callbacks) else {
        return Contact::Silent;
    };
    let started = now();
    while started.elapsed() < CONTACT_MAX {
        client.serve(POLL_INTERVAL);
        if client.handle().cluster_id(Duration::ZERO).is_some() {
            return Contact::Accepted;
        }
        let refused = refusal.borrow();
        let is_final = |at: Instant| at.elapsed() >= SECOND_OPINION_MAX;
        if let Some((_, by, reason)) = refused.as_ref().filter(|(at, ..)| is_final(*at)) {
            return Contact::Refused { by: *by, reason: reason.clone() };
        }
    }
    refusal.take().map_or(Contact::Silent, |(_, by, reason)| Contact::Refused { by, reason })
}

/// Which authentication failed, if the error says so. Waiting does not help then.
fn gate(code: i32) -> Option<Gate> {
    let is = |raw: RawCode| raw as i32 == code;
    let is_sasl = is(RawCode::RD_KAFKA_RESP_ERR__AUTHENTICATION)
        || is(RawCode::RD_KAFKA_RESP_ERR_SASL_AUTHENTICATION_FAILED);
    match (is_sasl, is(RawCode::RD_KAFKA_RESP_ERR__SSL)) {
        (true, _) => Some(Gate::Sasl),
        (false, true) => Some(Gate::Tls),
        (false, false) => None,
    }
}

#[expect(clippy::disallowed_methods, reason = "bounds a wait; decides nothing")]
fn now() -> Instant {
    Instant::now()
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;

    use super::*;

    #[test]
    fn a_listener_that_says_nothing_is_silent_within_the_limit() {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let address = listener.local_addr().expect("bound").to_string();
        let started = now();
        let properties = Properties::new(&address, []).expect("no property");
        assert_eq!(first_contact(&properties), Contact::Silent);
        assert!(started.elapsed() < CONTACT_MAX + SECOND_OPINION_MAX);
    }
}
