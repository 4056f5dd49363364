//! Who exists: records of `user-directory`, `{"users":[…]}` under the canonical subject (docs/interface.md).
//!
//! Does not decide what a user means for an operation.

use crate::wire::json::{Json, JsonError, Names, parse_object};

/// Most users of one record.
const USERS_MAX: usize = 100;

/// The members of a user that are read, and their longest values in characters.
const TEXTS: [(&str, usize); 8] = [
    ("tenantId", 256),
    ("userType", 64),
    ("userName", 256),
    ("mobileNumber", 100),
    ("countryCode", 16),
    ("emailId", 320),
    ("locale", 64),
    ("uuid", 128),
];

/// Why a record is refused; shown in a dead letter. Contains nothing of its values.
#[derive(Clone, Copy, Debug, thiserror::Error, PartialEq, Eq)]
pub enum DirectoryError {
    #[error("the {0}")]
    Json(#[from] JsonError),
    #[error("users is not an array of objects")]
    NoUsers,
    #[error("there are more than {USERS_MAX} users")]
    TooManyUsers,
    #[error("{0} of a user is not a string")]
    NoString(&'static str),
    #[error("{0} of a user is too long")]
    TooLong(&'static str),
    #[error("active of a user is not a boolean")]
    NoBoolean,
    #[error("a user has no tenantId")]
    NoTenant,
}

/// One user of the directory. Blank members are absent. Never printed.
#[derive(Clone, PartialEq, Eq)]
pub struct DirectoryUser {
    pub mobile: Option<String>,
    pub country_code: Option<String>,
    pub email: Option<String>,
    pub locale: Option<String>,
    pub id: Option<String>,
}

/// Which users of a record match.
#[derive(Clone, Copy, Debug)]
pub struct DirectorySearch<'a> {
    pub tenant: &'a str,
    /// `None`: any type. Case does not count.
    pub user_type: Option<&'a str>,
    /// Inactive users do not exist.
    pub active_only: bool,
}

impl DirectoryError {
    /// The error code of its dead letter.
    pub const fn code(self) -> &'static str {
        match self {
            Self::Json(error) => error.code(),
            Self::NoUsers => "directory_no_users",
            Self::TooManyUsers => "directory_too_many_users",
            Self::NoString(_) => "directory_no_string",
            Self::TooLong(_) => "directory_too_long",
            Self::NoBoolean => "directory_no_boolean",
            Self::NoTenant => "directory_no_tenant",
        }
    }
}

/// Judges a record when it is loaded. It may have members that nothing reads.
///
/// # Errors
/// See [`DirectoryError`].
pub fn check_record(bytes: &[u8]) -> Result<(), DirectoryError> {
    let record = parse_object(Some(bytes), Names::CaseSensitive)?;
    let users = users_of(&record).ok_or(DirectoryError::NoUsers)?;
    if users.len() > USERS_MAX {
        return Err(DirectoryError::TooManyUsers);
    }
    users.iter().try_for_each(check_user)
}

/// The first user of a record that matches. In a record that was not checked, finds what it can.
pub fn find(bytes: &[u8], search: &DirectorySearch<'_>) -> Option<DirectoryUser> {
    let record = parse_object(Some(bytes), Names::CaseSensitive).ok()?;
    let user = users_of(&record)?.iter().find(|user| search.matches(user))?;
    let owned = |name| text(user, name).map(str::to_owned);
    Some(DirectoryUser {
        mobile: owned("mobileNumber"),
        country_code: owned("countryCode"),
        email: owned("emailId"),
        locale: owned("locale"),
        id: owned("uuid"),
    })
}

/// The numbers of a record that was checked: for each user that has one the tenant, the country code and the number.
///
/// # Errors
/// The first error of `each`.
pub fn numbers<E>(
    bytes: &[u8],
    mut each: impl FnMut(&str, Option<&str>, &str) -> Result<(), E>,
) -> Result<(), E> {
    let Ok(record) = parse_object(Some(bytes), Names::CaseSensitive) else {
        return Ok(());
    };
    for user in users_of(&record).unwrap_or_default() {
        if let (Some(tenant), Some(number)) = (text(user, "tenantId"), text(user, "mobileNumber")) {
            each(tenant, text(user, "countryCode"), number)?;
        }
    }
    Ok(())
}

impl DirectorySearch<'_> {
    fn matches(&self, user: &Json<'_>) -> bool {
        let has_type =
            |wanted: &str| text(user, "userType").is_some_and(|it| it.eq_ignore_ascii_case(wanted));
        let inactive = matches!(user.get("active"), Some(Json::Bool(false)));
        text(user, "tenantId") == Some(self.tenant)
            && self.user_type.is_none_or(has_type)
            && !(self.active_only && inactive)
    }
}

fn check_user(user: &Json<'_>) -> Result<(), DirectoryError> {
    if !matches!(user, Json::Object(_)) {
        return Err(DirectoryError::NoUsers);
    }
    for (name, chars_max) in TEXTS {
        match user.get(name) {
            None | Some(Json::Null) => {}
            Some(Json::String(value)) if value.chars().count() <= chars_max => {}
            Some(Json::String(_)) => return Err(DirectoryError::TooLong(name)),
            Some(Json::Bool(_) | Json::Number(_) | Json::NoText(_) | Json::Array(_) | Json::Object(_)) => {
                return Err(DirectoryError::NoString(name));
            }
        }
    }
    if !matches!(user.get("active"), None | Some(Json::Null | Json::Bool(_))) {
        return Err(DirectoryError::NoBoolean);
    }
    text(user, "tenantId").map(|_| ()).ok_or(DirectoryError::NoTenant)
}

fn users_of<'a, 'b>(record: &'a Json<'b>) -> Option<&'a [Json<'b>]> {
    match record.get("users") {
        Some(Json::Array(users)) => Some(users),
        Some(
            Json::Null
            | Json::Bool(_)
            | Json::Number(_)
            | Json::String(_)
            | Json::NoText(_)
            | Json::Object(_),
        )
        | None => None,
    }
}

fn text<'a>(user: &'a Json<'_>, name: &str) -> Option<&'a str> {
    let text = user.get(name).and_then(Json::as_str)?.trim();
    (!text.is_empty()).then_some(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_is_judged_when_it_is_loaded() {
        let judged = check_record;
        let check = |json: &str, expected: Result<(), DirectoryError>| {
            assert_eq!(judged(json.as_bytes()), expected, "{json}");
        };
        let full = r#"{"users":[{"tenantId":"pb","userType":"CITIZEN","userName":"9123456789","mobileNumber":"9123456789",
            "countryCode":"+91","emailId":"a@b.c","locale":"hi_IN","active":true,"uuid":"u-1","roles":[]}]}"#;
        check(full, Ok(()));
        check(r#"{"users":[]}"#, Ok(()));
        check(r#"{"users":[{"tenantId":"pb","emailId":null,"active":null}]}"#, Ok(()));
        check("{}", Err(DirectoryError::NoUsers));
        check(r#"{"users":["x"]}"#, Err(DirectoryError::NoUsers));
        check(r#"{"users":[{}]}"#, Err(DirectoryError::NoTenant));
        check(r#"{"users":[{"tenantId":" "}]}"#, Err(DirectoryError::NoTenant));
        check(r#"{"users":[{"tenantId":"pb","active":"true"}]}"#, Err(DirectoryError::NoBoolean));
        check(
            r#"{"users":[{"tenantId":"pb","mobileNumber":91}]}"#,
            Err(DirectoryError::NoString("mobileNumber")),
        );
        let long = format!(r#"{{"users":[{{"tenantId":"pb","countryCode":"{}"}}]}}"#, "9".repeat(17));
        check(&long, Err(DirectoryError::TooLong("countryCode")));
        let many = format!(r#"{{"users":[{}]}}"#, vec![r#"{"tenantId":"pb"}"#; 101].join(","));
        check(&many, Err(DirectoryError::TooManyUsers));
        check("7", Err(DirectoryError::Json(JsonError::NotAnObject)));
    }

    #[test]
    fn the_first_user_that_matches_is_found() {
        let record = r#"{"users":[
            {"tenantId":"pb","userType":"CITIZEN","emailId":"old@b.c","active":false},
            {"tenantId":"pb","userType":"CITIZEN","emailId":"first@b.c"},
            {"tenantId":"pb","userType":"CITIZEN","emailId":"second@b.c"},
            {"tenantId":"pb.amritsar","userType":"EMPLOYEE","emailId":"employee@b.c","active":true}]}"#;
        let check = |tenant: &str, user_type: Option<&str>, active_only: bool, expected: Option<&str>| {
            let search = DirectorySearch { tenant, user_type, active_only };
            let found = find(record.as_bytes(), &search);
            assert_eq!(found.and_then(|user| user.email).as_deref(), expected, "{search:?}");
        };
        check("pb", Some("citizen"), true, Some("first@b.c"));
        check("pb", Some("CITIZEN"), false, Some("old@b.c"));
        check("pb", None, true, Some("first@b.c"));
        check("pb", Some("EMPLOYEE"), true, None);
        check("pb.amritsar", Some("Employee"), true, Some("employee@b.c"));
        check("ka", None, false, None);
    }
}
