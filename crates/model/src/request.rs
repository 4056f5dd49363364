//! A request, as its topic holds it.

use serde_json::Value;

use super::{Clock, Ms};

/// What a caller and the service have agreed on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Contract {
    Egov,
    Int,
    Mosip,
}

/// Who wrote it: what the configuration grants to the request topic.
#[derive(Clone, Debug)]
pub struct Caller {
    pub name: String,
    pub contract: Contract,
    pub operations: Vec<String>,
    pub reveal_code: bool,
}

/// One record of a request topic.
#[derive(Clone, Debug)]
pub struct Request<'a> {
    pub caller: &'a Caller,
    /// The header `ce_id`, otherwise the coordinates of the record.
    pub id: &'a str,
    /// The broker's append time.
    pub appended: Ms,
    /// The wall clock when it was judged.
    pub clock: Clock,
    /// The header `ce_expirytime`.
    pub deadline: Option<Ms>,
    /// The headers ask for a reply topic or a partition that the caller cannot have.
    pub has_bad_reply_headers: bool,
    pub body: &'a Value,
    /// What the home of its number said. `None`: it was not asked.
    pub is_granted: Option<bool>,
    /// It has followed a request that it repeats.
    pub has_followed: bool,
}

impl<'a> Request<'a> {
    /// Caller and id.
    pub(crate) fn name(&self) -> (String, String) {
        (self.caller.name.clone(), self.id.to_owned())
    }

    /// The operation that the body names; without one it is `send` in the contract `egov`.
    pub(crate) fn operation(&self) -> &'a str {
        let (name, absent) = match self.caller.contract {
            Contract::Egov => ("operation", "send"),
            Contract::Int => ("operationType", ""),
            Contract::Mosip => ("id", ""),
        };
        self.body[name].as_str().unwrap_or(absent)
    }

    /// A member, where the contract has its members. Null: it is missing.
    pub(crate) fn member(&self, name: &str) -> &'a Value {
        match self.caller.contract {
            Contract::Egov => &self.body["otp"][name],
            Contract::Int => &self.body[name],
            Contract::Mosip => &self.body["request"][name],
        }
    }

    /// A member without surrounding blanks. Empty: it is missing, null, blank, or no text.
    pub(crate) fn field(&self, name: &str) -> &'a str {
        self.member(name).as_str().unwrap_or_default().trim()
    }

    /// As the request names it. Empty: it does not.
    pub(crate) fn tenant(&self) -> &'a str {
        match self.caller.contract {
            Contract::Egov => self.field("tenantId"),
            Contract::Int | Contract::Mosip => "default",
        }
    }

    /// Whose code it is about. Empty: the request does not say.
    pub(crate) fn identity(&self) -> &'a str {
        self.field(match (self.caller.contract, self.operation()) {
            (Contract::Egov, "send") => "mobileNumber",
            (Contract::Egov, _) => "identity",
            (Contract::Int, _) => "mobile",
            (Contract::Mosip, "mosip.otp.generate" | "mosip.otp.validate") => "key",
            (Contract::Mosip, "mosip.authentication.clientidsecretkey") => "clientId",
            (Contract::Mosip, _) => "userId",
        })
    }

    /// The first segment of the tenant.
    pub(crate) fn root(&self) -> &'a str {
        self.tenant().split('.').next().unwrap_or_default()
    }

    /// The key of its subject. `None`: the request does not say whose it is.
    pub(crate) fn subject(&self) -> Option<String> {
        let (root, identity) = (self.root(), self.identity());
        let contract = self.caller.contract.as_str();
        (!root.is_empty() && !identity.is_empty()).then(|| format!("{contract}|{root}|{identity}"))
    }
}

impl Contract {
    pub const ALL: [Self; 3] = [Self::Egov, Self::Int, Self::Mosip];

    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Egov => "egov",
            Self::Int => "int",
            Self::Mosip => "mosip",
        }
    }
}
