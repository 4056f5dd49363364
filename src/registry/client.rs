//! The client: several addresses of one registry, of which the one that last answered is asked first.
//!
//! Asks once at each address and does not pause. Who wants an answer later asks again.

use std::sync::atomic::{AtomicUsize, Ordering};

use schema_registry_converter::async_impl::schema_registry::{
    SrSettings, get_schema_by_id, get_schema_by_subject_and_version, perform_sr_call, post_schema,
};
use schema_registry_converter::schema_registry_common::{SchemaType, SrCall, SuppliedSchema};
use serde_json::json;

use super::fault::{Fault, OpenError};
use super::http::{Credentials, Http};
use super::judge::Judge;
use super::rest::{Rest, SCHEMA_NOT_FOUND, SUBJECT_NOT_FOUND, VERSION_NOT_FOUND, Verdict};
use crate::config::SchemaRegistry;

/// What the registry says of an id. All of it is definite.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum SchemaAnswer {
    /// The text of an Avro schema that refers to no other.
    Found(String),
    NotFound,
    /// There is such a schema, and this service does not read it. Why.
    Unreadable(String),
}

/// A client of one registry.
pub(crate) struct Client {
    addresses: Vec<Address>,
    /// The index of the address that answered last.
    last: AtomicUsize,
}

struct Address {
    rest: Rest,
    library: SrSettings,
}

impl Client {
    /// Connects to nothing. The settings name at least one address.
    ///
    /// # Errors
    /// The certificates or an address cannot be used.
    pub(crate) fn new(settings: &SchemaRegistry) -> Result<Self, OpenError> {
        let http = Http::new(settings)?;
        if !matches!(http.credentials, Credentials::None)
            && settings.urls.iter().any(|url| url.starts_with("http:"))
        {
            tracing::warn!(
                "the credentials of the schema registry are sent unencrypted: an address has http://"
            );
        }
        let addresses = settings.urls.iter().map(|url| Address::new(url.trim_end_matches('/'), &http));
        let addresses: Vec<_> = addresses.collect::<Result<_, _>>()?;
        if addresses.is_empty() {
            return Err(OpenError {
                key: "schema_registry.urls",
                what: "no schema registry is named".to_owned(),
                remedy: "name its address",
            });
        }
        Ok(Self { addresses, last: AtomicUsize::new(0) })
    }

    /// Asks one address after the other until one gives a definite answer.
    async fn first_answer<T>(&self, ask: impl AsyncFn(&Address) -> Result<T, Fault>) -> Result<T, Fault> {
        let (first, count) = (self.last.load(Ordering::Relaxed), self.addresses.len());
        let mut reasons = Vec::with_capacity(count);
        for at in (first..first + count).map(|at| at % count) {
            let address = &self.addresses[at];
            match ask(address).await {
                Err(Fault::Unavailable(reason)) => reasons.push(format!("{}: {reason}", address.rest.url)),
                answer => {
                    self.last.store(at, Ordering::Relaxed);
                    return answer;
                }
            }
        }
        Err(Fault::Unavailable(reasons.join("; ")))
    }

    /// # Errors
    /// See [`Fault`].
    pub(crate) async fn schema_of(&self, id: u32) -> Result<SchemaAnswer, Fault> {
        self.first_answer(async |it| it.schema_of(id).await).await
    }

    /// The id under which a subject has exactly this schema.
    ///
    /// # Errors
    /// See [`Fault`].
    pub(crate) async fn id_of(&self, subject: &str, schema: &str) -> Result<Option<u32>, Fault> {
        self.first_answer(async |it| it.id_of(subject, schema).await).await
    }

    /// Registers a schema under a subject and returns its id. One that is there already keeps its id.
    ///
    /// # Errors
    /// See [`Fault`]; error code 409: the subject's level does not allow it.
    pub(crate) async fn register(&self, subject: &str, schema: &str) -> Result<u32, Fault> {
        self.first_answer(async |it| it.register(subject, schema).await).await
    }

    /// The text of the subject's latest schema.
    ///
    /// # Errors
    /// See [`Fault`].
    pub(crate) async fn latest(&self, subject: &str) -> Result<Option<String>, Fault> {
        self.first_answer(async |it| it.latest(subject).await).await
    }

    /// The subject's own compatibility level.
    ///
    /// # Errors
    /// See [`Fault`].
    pub(crate) async fn level(&self, subject: &str) -> Result<Option<String>, Fault> {
        self.first_answer(async |it| it.rest.level(subject).await).await
    }

    /// # Errors
    /// See [`Fault`].
    pub(crate) async fn set_level(&self, subject: &str, level: &str) -> Result<(), Fault> {
        self.first_answer(async |it| it.rest.set_level(subject, level).await).await
    }

    /// Whether the subject's level allows a schema that is not registered.
    ///
    /// # Errors
    /// See [`Fault`].
    pub(crate) async fn check(&self, subject: &str, schema: &str) -> Result<Verdict, Fault> {
        self.first_answer(async |it| it.rest.check(subject, schema).await).await
    }
}

impl Address {
    fn new(url: &str, http: &Http) -> Result<Self, OpenError> {
        let wrong = |_| OpenError {
            key: "schema_registry",
            what: "the system's TLS cannot be set up".to_owned(),
            remedy: "check OpenSSL and its certificates, or name some in schema_registry.ca_file",
        };
        let client = http.builder().build().map_err(|_| wrong(()))?;
        let client = reqwest_middleware::ClientBuilder::new(client).with(Judge).build();
        let mut library = SrSettings::new_builder(url.to_owned());
        library.with_middleware(Judge).set_timeout(http.request_timeout).no_proxy();
        match &http.credentials {
            Credentials::None => {}
            Credentials::User { name, password } => {
                library.set_basic_authorization(name, password.as_deref());
            }
            Credentials::Token(token) => {
                library.set_token_authorization(token);
            }
        }
        let library = library.build_with(http.builder()).map_err(|_| wrong(()))?;
        let rest = Rest { http: client, url: url.to_owned(), credentials: http.credentials.clone() };
        Ok(Self { rest, library })
    }

    async fn schema_of(&self, id: u32) -> Result<SchemaAnswer, Fault> {
        match get_schema_by_id(id, &self.library).await.map_err(|error| Fault::of(&error)) {
            Ok(found) if found.schema_type != SchemaType::Avro => {
                Ok(SchemaAnswer::Unreadable(format!("schema {id} is not of the type AVRO")))
            }
            Ok(found) if !found.references.is_empty() => Ok(SchemaAnswer::Unreadable(format!(
                "schema {id} refers to other schemas, which this service does not read"
            ))),
            Ok(found) => Ok(SchemaAnswer::Found(found.schema)),
            Err(Fault::Refused { code: SCHEMA_NOT_FOUND, .. }) => Ok(SchemaAnswer::NotFound),
            Err(fault) => Err(without_definite(fault)),
        }
    }

    async fn id_of(&self, subject: &str, schema: &str) -> Result<Option<u32>, Fault> {
        let body = json!({ "schema": schema, "schemaType": "AVRO" }).to_string();
        let found = perform_sr_call(&self.library, SrCall::PostForVersion(subject, &body)).await;
        match found.map_err(|error| Fault::of(&error)) {
            Ok(found) => found.id.map(Some).ok_or_else(|| Fault::of_transport(None, "it has no id")),
            Err(Fault::Refused { code: SUBJECT_NOT_FOUND | SCHEMA_NOT_FOUND, .. }) => Ok(None),
            Err(fault) => Err(fault),
        }
    }

    async fn register(&self, subject: &str, schema: &str) -> Result<u32, Fault> {
        let schema = SuppliedSchema::new(None, SchemaType::Avro, schema.to_owned());
        let registered = post_schema(&self.library, subject.to_owned(), schema).await;
        registered.map(|it| it.id).map_err(|error| Fault::of(&error))
    }

    async fn latest(&self, subject: &str) -> Result<Option<String>, Fault> {
        let found = get_schema_by_subject_and_version(&self.library, subject, None).await;
        match found.map_err(|error| Fault::of(&error)) {
            Ok(found) => Ok(Some(found.schema)),
            Err(Fault::Refused { code: SUBJECT_NOT_FOUND | VERSION_NOT_FOUND, .. }) => Ok(None),
            Err(fault) => Err(fault),
        }
    }
}

/// A question for an id has two definite answers. Another refusal says nothing about the schema.
fn without_definite(fault: Fault) -> Fault {
    match fault {
        Fault::Refused { .. } => Fault::Unavailable(fault.to_string()),
        Fault::Unavailable(_) => fault,
    }
}
