//! Which column of a CSV is which member of a user, and the user of each row.

use csv::StringRecord;
use serde_json::{Map, Value};

use super::Identity;
use crate::cli::records::{Place, Problem};

/// The members of a user, each with further headers that people have for it.
const MEMBERS: [(&str, &[&str]); 9] = [
    ("tenantId", &["tenant"]),
    ("userType", &["type"]),
    ("userName", &["userid", "login"]),
    ("mobileNumber", &["mobile", "mobileno", "phone", "phonenumber"]),
    ("countryCode", &["isdcode", "dialcode"]),
    ("emailId", &["email", "emailaddress"]),
    ("locale", &["language"]),
    ("active", &["isactive"]),
    ("uuid", &[]),
];

/// A user as a row has it. Never printed.
pub(super) struct User {
    pub line: u64,
    pub tenant: String,
    /// The members of the directory record.
    pub members: Map<String, Value>,
}

pub(super) struct Columns {
    /// The header and the position of each member, in the order of [`MEMBERS`].
    found: [Option<(String, usize)>; MEMBERS.len()],
    unused: Vec<String>,
    /// Of rows that name none.
    tenant: Option<String>,
}

impl Columns {
    /// `named`: `MEMBER=HEADER`. `tenant`: of rows that name none.
    ///
    /// # Errors
    /// A header is missing, comes twice, or nothing says of which tenant the users are.
    pub(super) fn of(header: &StringRecord, named: &[String], tenant: Option<&str>) -> Result<Self, Problem> {
        let mut columns =
            Self { found: Default::default(), unused: Vec::new(), tenant: tenant.map(str::to_owned) };
        let named = named.iter().map(|it| named_column(it)).collect::<Result<Vec<_>, _>>()?;
        for (member, wanted) in &named {
            let at = header.iter().position(|it| it.trim() == *wanted).ok_or_else(|| {
                let what = format!("--column {}={wanted}: there is no such column", MEMBERS[*member].0);
                let there: Vec<_> = header.iter().map(str::trim).collect();
                Problem::new(Place::new(1, ""), what, format!("the columns are {}", there.join(", ")))
            })?;
            columns.take(*member, wanted, at)?;
        }
        for (at, title) in header.iter().map(str::trim).enumerate() {
            let is_taken = columns.found.iter().flatten().any(|(_, taken)| *taken == at);
            match member_of(title).filter(|_| !is_taken) {
                Some(member) if named.iter().all(|(it, _)| *it != member) => {
                    columns.take(member, title, at)?
                }
                Some(_) => columns.unused.push(title.to_owned()),
                None if is_taken => {}
                None => columns.unused.push(title.to_owned()),
            }
        }
        if columns.found[TENANT].is_none() && columns.tenant.is_none() {
            let remedy = "add a column tenantId, name it with --column tenantId=HEADER, or give --tenant";
            return Err(Problem::new(Place::new(1, "tenantId"), "there is no such column", remedy));
        }
        Ok(columns)
    }

    /// # Errors
    /// There is no column for one of them.
    pub(super) fn check_identities(&self, identities: &[Identity]) -> Result<(), Problem> {
        let missing = identities.iter().map(|it| it.member()).find(|it| self.found[position(it)].is_none());
        missing.map_or(Ok(()), |member| {
            let remedy = format!(
                "name it with --column {member}=HEADER, or name another --identity; the columns that are not used are {}",
                self.unused.join(", ")
            );
            Err(Problem::new(Place::new(1, member), "there is no such column", remedy))
        })
    }

    /// Names the columns that are not read.
    pub(super) fn unused(&self) -> Option<String> {
        (!self.unused.is_empty()).then(|| format!("these columns are not read: {}", self.unused.join(", ")))
    }

    /// # Errors
    /// The row has no tenant, or `active` is no truth value.
    pub(super) fn user(&self, row: &StringRecord) -> Result<User, Problem> {
        let line = row.position().map_or(0, csv::Position::line);
        let cell = |at: usize| row.get(at).map(str::trim).filter(|it| !it.is_empty());
        let mut members = Map::new();
        for ((name, _), column) in MEMBERS.iter().zip(&self.found) {
            let Some((title, at)) = column else { continue };
            let Some(text) = cell(*at) else { continue };
            let value = match *name {
                "active" => Value::Bool(truth(text).ok_or_else(|| {
                    Problem::new(
                        Place::new(line, title),
                        format!("{text:?} is not true or false"),
                        "write true or false",
                    )
                })?),
                _ => Value::String(text.to_owned()),
            };
            members.insert((*name).to_owned(), value);
        }
        let tenant = members.get("tenantId").and_then(Value::as_str).or(self.tenant.as_deref());
        let Some(tenant) = tenant.map(str::to_owned) else {
            let remedy = "write the tenant, or give --tenant for rows that name none";
            return Err(Problem::new(Place::new(line, "tenantId"), "blank", remedy));
        };
        members.insert("tenantId".to_owned(), Value::String(tenant.clone()));
        Ok(User { line, tenant, members })
    }

    fn take(&mut self, member: usize, title: &str, at: usize) -> Result<(), Problem> {
        if let Some((other, _)) = &self.found[member] {
            let name = MEMBERS[member].0;
            let what = format!("two columns for {name}: {other} and {title}");
            return Err(Problem::new(
                Place::new(1, ""),
                what,
                format!("choose one with --column {name}=HEADER"),
            ));
        }
        self.found[member] = Some((title.to_owned(), at));
        Ok(())
    }
}

impl User {
    pub(super) fn text(&self, member: &str) -> Option<&str> {
        self.members.get(member).and_then(Value::as_str)
    }
}

impl Identity {
    pub(super) const fn member(self) -> &'static str {
        match self {
            Self::MobileNumber => "mobileNumber",
            Self::UserName => "userName",
            Self::EmailId => "emailId",
            Self::Uuid => "uuid",
        }
    }
}

/// The position of `tenantId` in [`MEMBERS`].
const TENANT: usize = 0;

fn position(member: &str) -> usize {
    MEMBERS.iter().position(|(name, _)| *name == member).expect("an identity is a member")
}

/// Of `MEMBER=HEADER`.
fn named_column(text: &str) -> Result<(usize, &str), Problem> {
    let parts = text.split_once('=').map(|(member, title)| (member.trim(), title.trim()));
    let found = parts.and_then(|(member, title)| {
        Some((MEMBERS.iter().position(|(name, _)| *name == member)?, title)).filter(|_| !title.is_empty())
    });
    found.ok_or_else(|| {
        let names: Vec<_> = MEMBERS.iter().map(|(name, _)| *name).collect();
        let remedy = format!("write MEMBER=HEADER; the members are {}", names.join(", "));
        Problem::new(Place::default(), format!("--column {text}: it names no member"), remedy)
    })
}

/// Case and what stands between words do not count.
fn member_of(title: &str) -> Option<usize> {
    let plain: String = title.chars().filter(|c| c.is_alphanumeric()).flat_map(char::to_lowercase).collect();
    MEMBERS.iter().position(|(name, others)| plain == name.to_lowercase() || others.contains(&plain.as_str()))
}

fn truth(text: &str) -> Option<bool> {
    match text.to_lowercase().as_str() {
        "true" | "t" | "yes" | "y" | "1" => Some(true),
        "false" | "f" | "no" | "n" | "0" => Some(false),
        _ => None,
    }
}
