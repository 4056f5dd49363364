//! The calls that `schema_registry_converter` does not make: the compatibility level of a subject, and the check of a schema
//! with the registry's reasons.

use reqwest::header::{ACCEPT, CONTENT_TYPE};
use reqwest_middleware::{ClientWithMiddleware, RequestBuilder};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::json;

use super::fault::Fault;
use super::http::Credentials;

const MEDIA_TYPE: &str = "application/vnd.schemaregistry.v1+json";

/// Error codes of Confluent's API.
pub(super) const SUBJECT_NOT_FOUND: u32 = 40401;
pub(super) const VERSION_NOT_FOUND: u32 = 40402;
pub(super) const SCHEMA_NOT_FOUND: u32 = 40403;
/// The subject has no level of its own.
const LEVEL_NOT_FOUND: u32 = 40408;

/// An error as the registry tells it.
#[derive(Debug, Deserialize)]
pub(super) struct Refusal {
    error_code: u32,
    message: String,
}

/// What the registry says of a schema that is not registered.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub(crate) struct Verdict {
    pub is_compatible: bool,
    /// Why it is not. Not every registry says.
    #[serde(default)]
    pub messages: Vec<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Level {
    compatibility_level: String,
}

/// What a registry answers to a change of the level. Registries differ in the member's name, and it is not needed.
#[derive(Deserialize)]
struct LevelSet {}

/// One base address and how to speak to it.
pub(super) struct Rest {
    pub(super) http: ClientWithMiddleware,
    /// Without a slash at its end.
    pub(super) url: String,
    pub(super) credentials: Credentials,
}

impl Refusal {
    /// Whether the code belongs to an answer with this status: 409 to 409, 40403 to 404.
    pub(super) fn fits(&self, status: u16) -> bool {
        self.error_code == u32::from(status) || self.error_code / 100 == u32::from(status)
    }
}

impl Rest {
    /// The subject's own level, as in `BACKWARD`. `None`: it has none.
    ///
    /// # Errors
    /// See [`Fault`].
    pub(super) async fn level(&self, subject: &str) -> Result<Option<String>, Fault> {
        let answer = self.send::<Level>(self.http.get(self.path(&format!("config/{subject}")))).await;
        match answer {
            Ok(level) => Ok(Some(level.compatibility_level)),
            Err(Fault::Refused { code: SUBJECT_NOT_FOUND | LEVEL_NOT_FOUND, .. }) => Ok(None),
            Err(fault) => Err(fault),
        }
    }

    /// # Errors
    /// See [`Fault`].
    pub(super) async fn set_level(&self, subject: &str, level: &str) -> Result<(), Fault> {
        let request = self.http.put(self.path(&format!("config/{subject}")));
        let request = request.body(json!({ "compatibility": level }).to_string());
        self.send::<LevelSet>(request).await.map(|_| ())
    }

    /// Whether the subject's level allows a schema after its latest one. A subject without a schema allows all.
    ///
    /// # Errors
    /// See [`Fault`].
    pub(super) async fn check(&self, subject: &str, schema: &str) -> Result<Verdict, Fault> {
        let path = format!("compatibility/subjects/{subject}/versions/latest?verbose=true");
        let body = json!({ "schema": schema, "schemaType": "AVRO" }).to_string();
        match self.send::<Verdict>(self.http.post(self.path(&path)).body(body)).await {
            Err(Fault::Refused { code: SUBJECT_NOT_FOUND | VERSION_NOT_FOUND, .. }) => {
                Ok(Verdict { is_compatible: true, messages: Vec::new() })
            }
            answer => answer,
        }
    }

    fn path(&self, path: &str) -> String {
        format!("{}/{path}", self.url)
    }

    async fn send<T: DeserializeOwned>(&self, request: RequestBuilder) -> Result<T, Fault> {
        let request = match &self.credentials {
            Credentials::None => request,
            Credentials::User { name, password } => request.basic_auth(name, password.as_deref()),
            Credentials::Token(token) => request.bearer_auth(token),
        };
        let request = request.header(CONTENT_TYPE, MEDIA_TYPE).header(ACCEPT, MEDIA_TYPE);
        let answer = request.send().await.map_err(|error| Fault::of_transport(Some(&error), ""))?;
        let is_success = answer.status().is_success();
        let body = answer.bytes().await.map_err(|_| Fault::of_transport(None, "it cannot be read"))?;
        if !is_success {
            let refusal: Refusal = serde_json::from_slice(&body).expect("the judge has read it");
            return Err(Fault::refused(refusal.error_code, &refusal.message));
        }
        serde_json::from_slice(&body).map_err(|error| Fault::of_transport(None, &error.to_string()))
    }
}
