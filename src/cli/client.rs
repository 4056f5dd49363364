//! `otp-stream client`: makes a secret for a client, and the record of the client registry that knows its hash.
//!
//! Sends nothing, and keeps nothing: the secret is printed once.

use clap::{Args, Subcommand};
use otp_topology::contract::client::{Client, ClientError};
use otp_topology::otp::{Keyring, LogTime};
use serde::Serialize;

use super::{Failure, print};
use crate::config::{Loaded, keys};
use crate::runtime::wall;

#[derive(Debug, Subcommand)]
pub(super) enum ClientCommand {
    /// Make a secret for a client, and print it with the client's registry record
    #[command(after_help = EXAMPLES)]
    New(NewArgs),
}

/// Which client.
#[derive(Debug, Args)]
pub(super) struct NewArgs {
    /// The client's id, as its requests have it
    #[arg(long, value_name = "ID")]
    pub client_id: String,

    /// The app whose tokens it gets
    #[arg(long, value_name = "APP")]
    pub app_id: String,

    /// A role in its tokens. May be repeated. Has an effect only if `mosip.client_roles` names it
    #[arg(long = "role", value_name = "R")]
    pub roles: Vec<String>,
}

pub(super) const EXAMPLES: &str = r#"Examples:
  otp-stream client new --client-id resident-app --app-id resident
                                                           prints {"secret":…,"record":…}; nothing else has the secret
  otp-stream client new --client-id resident-app --app-id resident --role AUTH > new.json
  jq -c .record new.json | kcat -P -b localhost:9092 -t client-registry -k resident-app
                                                           the record's key is the client's id

To change a secret without a gap: make another one, and produce a record whose secretHash is the list of both hashes.
When the client uses the new secret, produce the new record alone. A null value under the id takes the client out."#;

/// What is printed.
#[derive(Debug, Serialize)]
struct NewClient<'a> {
    secret: &'a str,
    record: ClientRecord<'a>,
}

/// The record (docs/interface.md).
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct ClientRecord<'a> {
    client_id: &'a str,
    app_id: &'a str,
    secret_hash: String,
    roles: &'a [String],
    active: bool,
}

pub(super) fn perform(loaded: &Loaded, command: &ClientCommand) -> Result<(), Failure> {
    let ClientCommand::New(args) = command;
    let keyring = keys::read(loaded)?;
    let secret = keys::fresh_hex()?;
    let line = args.to_line(&secret, &keyring, wall()).map_err(Failure::Usage)?;
    for role in args.roles_without_effect(&loaded.config.contracts.client_roles()) {
        eprintln!("note: the role {role} has no effect: mosip.client_roles does not name it");
    }
    print(&line)
}

impl NewArgs {
    /// # Errors
    /// An argument does not fit, or the key file has no client key.
    fn to_line(&self, secret: &str, keyring: &Keyring, now: LogTime) -> Result<String, String> {
        let hash = keyring.client_hash(now, secret).map_err(|_| {
            "the key file has no client key; add the [[client]] key of a file that `otp-stream keys generate` makes"
        })?;
        let record = ClientRecord {
            client_id: &self.client_id,
            app_id: &self.app_id,
            secret_hash: hash.to_hex(),
            roles: &self.roles,
            active: true,
        };
        let value = serde_json::to_vec(&record).expect("a record is a plain value");
        Client::from_json(&self.client_id, &value).map_err(|error| match error {
            ClientError::BadKey => format!("--client-id: {error}"),
            ClientError::BadAppId => format!("--app-id: {error}"),
            ClientError::BadRoles => format!("--role: {error}"),
            ClientError::Json(_)
            | ClientError::UnknownMember
            | ClientError::OtherId
            | ClientError::BadHash
            | ClientError::NoBoolean => error.to_string(),
        })?;
        let line = serde_json::to_string(&NewClient { secret, record }).expect("a plain value");
        Ok(line + "\n")
    }

    fn roles_without_effect(&self, allowed: &[&str]) -> Vec<&str> {
        self.roles.iter().map(String::as_str).filter(|role| !allowed.contains(role)).collect()
    }
}

#[cfg(test)]
mod tests {
    use otp_topology::otp::{KeyPurpose, SecretHash, SecretHashes};

    use super::*;

    fn args(client_id: &str, app_id: &str, roles: &[&str]) -> NewArgs {
        let roles = roles.iter().map(|it| (*it).to_owned()).collect();
        NewArgs { client_id: client_id.to_owned(), app_id: app_id.to_owned(), roles }
    }

    fn keyring() -> Keyring {
        let text = keys::generate(LogTime::from_ms(1_700_000_000_000)).expect("random bytes");
        keys::keyring(&text, "fresh keys").expect("good keys")
    }

    #[test]
    fn the_record_knows_the_secret_that_is_printed() {
        let (keyring, secret) = (keyring(), keys::fresh_hex().expect("random bytes"));
        assert!(keyring.has(KeyPurpose::Client));
        let args = args("desk", "ida", &["AUTH"]);
        let line = args.to_line(&secret, &keyring, LogTime::default()).expect("good arguments");
        let printed: serde_json::Value = serde_json::from_str(&line).expect("one JSON object");
        let hash = printed["record"]["secretHash"].as_str().expect("a text").to_owned();
        let record = serde_json::json!({
            "clientId": "desk", "appId": "ida", "secretHash": hash, "roles": ["AUTH"], "active": true,
        });
        assert_eq!(printed, serde_json::json!({"secret": secret.as_str(), "record": record}));
        let hashes = SecretHashes::new(&[SecretHash::parse(&hash).expect("64 digits")]).expect("one hash");
        assert_eq!(keyring.is_client_secret(&secret, &hashes), Ok(true));
        assert_eq!(secret.len(), 64, "256 bits");
        assert_ne!(*secret, *keys::fresh_hex().expect("random bytes"));
    }

    #[test]
    fn a_bad_argument_is_named() {
        let keyring = keyring();
        let check = |args: NewArgs, expected: &str| {
            let error = args.to_line("secret", &keyring, LogTime::default()).expect_err("a bad argument");
            assert!(error.starts_with(expected), "{error}");
        };
        check(args("", "ida", &[]), "--client-id: ");
        check(args(" desk", "ida", &[]), "--client-id: ");
        check(args("Desk@example.org", "ida", &[]), "--client-id: ");
        check(args("desk", " ", &[]), "--app-id: appId is not a text of 1 to 64 characters");
        check(args("desk", "ida", &[""]), "--role: ");
    }

    #[test]
    fn a_role_that_the_configuration_does_not_name_is_noted() {
        let args = args("desk", "ida", &["A", "B"]);
        assert_eq!(args.roles_without_effect(&["B", "C"]), ["A"]);
        assert_eq!(args.roles_without_effect(&[]), ["A", "B"]);
    }
}
