//! Who may ask for client tokens: records of `client-registry` under the client's id (docs/interface.md).
//!
//! Does not decide what a client is for: the contract whose operation asks does.

use crate::otp::{CanonicalSubject, SecretHash, SecretHashes};
use crate::wire::json::{Json, JsonError, Names, parse_object};

/// Longest client id, in characters.
pub const CLIENT_ID_CHARS_MAX: usize = 128;
/// Longest app id and longest role, in characters.
const NAME_CHARS_MAX: usize = 64;
/// Most roles of a client.
const ROLES_MAX: usize = 32;

/// A client as the registry has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Client {
    pub app_id: Box<str>,
    pub secret_hashes: SecretHashes,
    /// What the record asks for. The configuration says which of them count.
    pub roles: Box<[Box<str>]>,
    pub is_active: bool,
}

/// Why a record is refused; shown in a dead letter. Contains nothing of its values.
#[derive(Clone, Copy, Debug, thiserror::Error, PartialEq, Eq)]
pub enum ClientError {
    #[error(
        "the client id, which is its key, is not in canonical form: 1 to {CLIENT_ID_CHARS_MAX} characters, without surrounding blanks and \
         invisible characters, in NFC, an e-mail address in lower case"
    )]
    BadKey,
    #[error("the {0}")]
    Json(#[from] JsonError),
    #[error("it has a member that is none of clientId, appId, secretHash, roles, active")]
    UnknownMember,
    #[error("clientId is not the text of its key")]
    OtherId,
    #[error("appId is not a text of 1 to {NAME_CHARS_MAX} characters")]
    BadAppId,
    #[error(
        "secretHash is neither 64 hex digits nor a list of one or two such texts: `otp-stream client new` makes one"
    )]
    BadHash,
    #[error("roles is not a list of at most {ROLES_MAX} texts of 1 to {NAME_CHARS_MAX} characters")]
    BadRoles,
    #[error("active is not a boolean")]
    NoBoolean,
}

const MEMBERS: [&str; 5] = ["clientId", "appId", "secretHash", "roles", "active"];

impl Client {
    /// Reads the record under this key.
    ///
    /// # Errors
    /// See [`ClientError`].
    pub fn from_json(key: &str, value: &[u8]) -> Result<Self, ClientError> {
        check_client_id(key)?;
        let record = parse_object(Some(value), Names::CaseSensitive)?;
        if let Json::Object(members) = &record
            && members.iter().any(|(name, _)| !MEMBERS.contains(&&**name))
        {
            return Err(ClientError::UnknownMember);
        }
        if record.get("clientId").and_then(Json::as_str) != Some(key) {
            return Err(ClientError::OtherId);
        }
        Ok(Self {
            app_id: name(record.get("appId")).ok_or(ClientError::BadAppId)?,
            secret_hashes: hashes(record.get("secretHash")).ok_or(ClientError::BadHash)?,
            roles: roles(record.get("roles")).ok_or(ClientError::BadRoles)?,
            is_active: match record.get("active") {
                None | Some(Json::Null) => true,
                Some(Json::Bool(is_active)) => *is_active,
                Some(
                    Json::Number(_) | Json::String(_) | Json::NoText(_) | Json::Array(_) | Json::Object(_),
                ) => return Err(ClientError::NoBoolean),
            },
        })
    }
}

/// Whether a text is a client id in the form in which requests are looked up.
///
/// # Errors
/// It is not.
pub fn check_client_id(text: &str) -> Result<(), ClientError> {
    let is_short = text.chars().count() <= CLIENT_ID_CHARS_MAX;
    if is_short && CanonicalSubject::is_identity(text) { Ok(()) } else { Err(ClientError::BadKey) }
}

fn name(value: Option<&Json<'_>>) -> Option<Box<str>> {
    let text = value.and_then(Json::as_str)?;
    let is_name = !text.trim().is_empty() && text.chars().count() <= NAME_CHARS_MAX;
    is_name.then(|| text.into())
}

fn hashes(value: Option<&Json<'_>>) -> Option<SecretHashes> {
    let hash = |value: &Json<'_>| value.as_str().and_then(SecretHash::parse);
    match value?.as_array() {
        Some(items) => SecretHashes::new(&items.iter().map(hash).collect::<Option<Vec<_>>>()?),
        None => SecretHashes::new(&[hash(value?)?]),
    }
}

fn roles(value: Option<&Json<'_>>) -> Option<Box<[Box<str>]>> {
    let Some(value) = value.filter(|it| !it.is_null()) else {
        return Some(Box::default());
    };
    let items = value.as_array().filter(|items| items.len() <= ROLES_MAX)?;
    items.iter().map(|item| name(Some(item))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const HASH: &str = "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff";

    /// A record of the client `desk` with other members: `"name":value` each.
    fn record(members: &str) -> String {
        format!(r#"{{"clientId":"desk",{members}}}"#)
    }

    #[test]
    fn a_record_is_judged_when_it_is_loaded() {
        let check = |members: &str, expected: Result<(), ClientError>| {
            let record = record(members).replace("HASH", HASH);
            assert_eq!(Client::from_json("desk", record.as_bytes()).map(|_| ()), expected, "{record}");
        };
        let with = |more: &str| format!(r#""appId":"ida","secretHash":"HASH"{more}"#);
        check(&with(""), Ok(()));
        check(&with(r#","roles":["A","B"],"active":true"#), Ok(()));
        check(&with(r#","roles":null,"active":null"#), Ok(()));
        check(r#""appId":"ida","secretHash":["HASH"]"#, Ok(()));
        check(r#""appId":"ida","secretHash":["HASH","HASH"]"#, Ok(()));
        for app_id in ["null", "5", "\"\"", "\" \"", &format!("\"{}\"", "a".repeat(65))] {
            check(&format!(r#""appId":{app_id},"secretHash":"HASH""#), Err(ClientError::BadAppId));
        }
        check(r#""secretHash":"HASH""#, Err(ClientError::BadAppId));
        for hash in
            ["null", "[]", "5", "[5]", "\"\"", "\"HASH0\"", "[\"HASH\",\"\"]", "[\"HASH\",\"HASH\",\"HASH\"]"]
        {
            check(&format!(r#""appId":"ida","secretHash":{hash}"#), Err(ClientError::BadHash));
        }
        check(r#""appId":"ida""#, Err(ClientError::BadHash));
        for roles in
            ["\"A\"", "[5]", "[\"\"]", &format!("[\"{}\"]", "a".repeat(65)), &format!("{:?}", ["A"; 33])]
        {
            check(&with(&format!(r#","roles":{roles}"#)), Err(ClientError::BadRoles));
        }
        check(&with(r#","active":"true""#), Err(ClientError::NoBoolean));
        check(&with(r#","actve":false"#), Err(ClientError::UnknownMember));
    }

    #[test]
    fn a_record_lies_under_its_client_id() {
        let check = |key: &str, id: &str, expected: Result<(), ClientError>| {
            let record = format!(r#"{{"clientId":"{id}","appId":"ida","secretHash":"{HASH}"}}"#);
            assert_eq!(Client::from_json(key, record.as_bytes()).map(|_| ()), expected, "{key} {id}");
        };
        check("desk", "desk", Ok(()));
        check("Desk 1", "Desk 1", Ok(()));
        check("desk@example.org", "desk@example.org", Ok(()));
        check("desk", "Desk", Err(ClientError::OtherId));
        check("desk", "", Err(ClientError::OtherId));
        for key in ["", " desk", "Desk@example.org", "de\u{200b}sk", &"d".repeat(129)] {
            check(key, key, Err(ClientError::BadKey));
        }
        let refused = |value: &str| Client::from_json("desk", value.as_bytes()).expect_err("no object");
        assert_eq!(refused("[]"), ClientError::Json(JsonError::NotAnObject));
        assert_eq!(refused("{}"), ClientError::OtherId);
    }

    #[test]
    fn what_a_record_says_is_read() {
        let hash = SecretHash::parse(HASH).expect("64 digits");
        let check = |members: &str, app_id: &str, hashes: &[SecretHash], roles: &[&str], is_active: bool| {
            let roles = roles.iter().map(|it| (*it).into()).collect();
            let secret_hashes = SecretHashes::new(hashes).expect("one or two");
            let expected = Client { app_id: app_id.into(), secret_hashes, roles, is_active };
            let record = record(members).replace("HASH", HASH);
            assert_eq!(Client::from_json("desk", record.as_bytes()), Ok(expected), "{record}");
        };
        check(r#""appId":"ida","secretHash":"HASH""#, "ida", &[hash], &[], true);
        check(
            r#""appId":"own","secretHash":["HASH","HASH"],"roles":["A"],"active":false"#,
            "own",
            &[hash, hash],
            &["A"],
            false,
        );
    }
}
