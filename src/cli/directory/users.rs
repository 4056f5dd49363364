//! Users of a file by their identities, judged by the rules of the service.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::sync::Arc;

use otp_topology::contract::delivery::{NUMBER_PATTERN, NumberPatterns};
use otp_topology::contract::directory::{DirectoryError, check_record};
use otp_topology::otp::{CanonicalSubject, NoSubject, Policy, RuleError};
use otp_topology::state::StoreError;
use serde_json::Value;

use super::columns::User;
use super::{Identity, Import};
use crate::cli::records::{Batch, Draft, Place, Problem};

/// The users of one identity.
struct Group {
    /// The line of its first user.
    line: u64,
    users: Vec<(u64, Value)>,
}

pub(super) struct Users<'a> {
    import: &'a Import<'a>,
    /// By canonical subject.
    groups: BTreeMap<String, Group>,
    patterns: NumberPatterns,
    /// The effective policies by tenant.
    policies: RefCell<BTreeMap<String, Arc<Policy>>>,
}

/// The members that tell two users of one identity apart.
const WHO: [&str; 4] = ["tenantId", "userType", "userName", "uuid"];

impl<'a> Users<'a> {
    pub(super) fn new(import: &'a Import<'a>) -> Self {
        Self {
            import,
            groups: BTreeMap::new(),
            patterns: NumberPatterns::default(),
            policies: RefCell::default(),
        }
    }

    /// Adds a user under each of its identities.
    ///
    /// # Errors
    /// The service would refuse the user, or never find it.
    pub(super) fn add(&mut self, user: User) -> Result<(), Problem> {
        let number = self.national_number(&user)?;
        let mut subjects = Vec::new();
        for identity in &self.import.args.identities {
            let subject = self.subject(&user, *identity, number.as_deref())?;
            subjects.extend(subject.filter(|it| !subjects.contains(it)));
        }
        if subjects.is_empty() {
            let names: Vec<_> = self.import.args.identities.iter().map(|it| it.member()).collect();
            let remedy = "write it: requests find the user by it";
            return Err(Problem::new(Place::new(user.line, names.join(", ")), "blank", remedy));
        }
        let line = user.line;
        let value = Value::Object(user.members);
        check_record(record(std::iter::once(&value)).as_bytes()).map_err(|error| refused(line, error))?;
        for subject in &subjects {
            if let Some(twin) = self.groups.get(subject).and_then(|group| group.twin(&value)) {
                let what = format!("the same user as in line {twin}");
                return Err(Problem::new(Place::new(line, ""), what, "keep one of them"));
            }
        }
        for subject in subjects {
            let group = self.groups.entry(subject).or_insert_with(|| Group { line, users: Vec::new() });
            group.users.push((line, value.clone()));
        }
        Ok(())
    }

    /// One record for each identity.
    pub(super) fn into_batch(mut self) -> Batch {
        let mut batch = Batch::default();
        for (key, group) in std::mem::take(&mut self.groups) {
            let value = record(group.users.iter().map(|(_, user)| user)).into_bytes();
            match self.judge(&value, &group) {
                Ok(()) => {
                    let place = Place::new(group.line, "");
                    batch.drafts.push(Draft { place, key, value: Some(value) });
                }
                Err(problem) => batch.problems.push(problem),
            }
        }
        batch
    }

    fn judge(&self, value: &[u8], group: &Group) -> Result<(), Problem> {
        check_record(value).map_err(|error| refused(group.line, error))?;
        let fault = self.import.contract.directory_fault(value, &|tenant| {
            let reason =
                |error: RuleError| StoreError { place: "a policy".to_owned(), reason: error.to_string() };
            self.policy(tenant).map_err(reason)
        });
        let fault = fault.map_err(|error| Problem::new(Place::new(group.line, ""), error.to_string(), ""))?;
        fault.map_or(Ok(()), |what| {
            Err(Problem::new(Place::new(group.line, "mobileNumber"), what, "correct the number"))
        })
    }

    /// The canonical subject. `None`: the row has no such identity.
    fn subject(
        &self,
        user: &User,
        identity: Identity,
        number: Option<&str>,
    ) -> Result<Option<String>, Problem> {
        let text = match identity {
            Identity::MobileNumber => number,
            Identity::UserName | Identity::EmailId | Identity::Uuid => user.text(identity.member()),
        };
        let Some(text) = text else { return Ok(None) };
        let contract = self.import.contract;
        let subject = CanonicalSubject::new(contract.name(), contract.tenant_root(&user.tenant), text);
        let subject = subject.map_err(|error| {
            let field = match error {
                NoSubject::TenantRoot => "tenantId",
                NoSubject::Identity => identity.member(),
            };
            Problem::new(Place::new(user.line, field), error.to_string(), "correct it")
        })?;
        Ok(Some(subject.as_str().to_owned()))
    }

    /// The number as requests have it: without country code and trunk zero.
    ///
    /// # Errors
    /// It does not fit the rule of its country: no code would go there.
    fn national_number(&self, user: &User) -> Result<Option<String>, Problem> {
        let Some(number) = user.text("mobileNumber") else { return Ok(None) };
        let place = |field: &str| Place::new(user.line, field);
        let policy = self.policy(&user.tenant).map_err(|error| {
            Problem::new(place("tenantId"), format!("its policy: {error}"), "correct the policy")
        })?;
        let rules = &policy.number_rules;
        let national = self.patterns.canonical(rules, NUMBER_PATTERN, user.text("countryCode"), number);
        let national = national.ok_or_else(|| {
            let what = "the number does not fit the mobile rule of its country: no code goes there";
            Problem::new(
                place("mobileNumber"),
                what,
                "correct the number, its countryCode, or the tenant's mobileRules",
            )
        })?;
        Ok(Some(national.phone().number.to_owned()))
    }

    fn policy(&self, tenant: &str) -> Result<Arc<Policy>, RuleError> {
        if let Some(known) = self.policies.borrow().get(tenant) {
            return Ok(known.clone());
        }
        let Import { settings, contract, policies, .. } = self.import;
        let policy = Arc::new(policies.policy(settings, *contract, tenant)?);
        self.policies.borrow_mut().insert(tenant.to_owned(), policy.clone());
        Ok(policy)
    }
}

impl Group {
    /// The line of the same user.
    fn twin(&self, user: &Value) -> Option<u64> {
        let is_same = |other: &Value| WHO.iter().all(|name| other.get(name) == user.get(name));
        self.users.iter().find(|(_, other)| is_same(other)).map(|(line, _)| *line)
    }
}

/// The value of a directory record.
fn record<'a>(users: impl Iterator<Item = &'a Value>) -> String {
    let users: Vec<_> = users.collect();
    serde_json::json!({ "users": users }).to_string()
}

/// By the rules that the service judges records by.
fn refused(line: u64, error: DirectoryError) -> Problem {
    let (field, remedy) = match error {
        DirectoryError::NoString(field) | DirectoryError::TooLong(field) => (field, "shorten it"),
        DirectoryError::NoTenant => ("tenantId", "write the tenant"),
        DirectoryError::NoBoolean => ("active", "write true or false"),
        DirectoryError::TooManyUsers | DirectoryError::Json(_) => {
            ("", "fewer users can share one identity: leave out those that no longer exist")
        }
        DirectoryError::NoUsers => ("", "correct it"),
    };
    Problem::new(Place::new(line, field), error.to_string(), remedy)
}
