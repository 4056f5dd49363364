//! A request of the contract `egov`, as its topic holds it.

use serde_json::Value;

use super::{Clock, Ms};

/// Who wrote it: what the configuration grants to the request topic.
#[derive(Clone, Debug)]
pub struct Caller {
    pub name: String,
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

    /// The operation of the body; without one it is `send`.
    pub(crate) fn operation(&self) -> &'a str {
        self.body["operation"].as_str().unwrap_or("send")
    }

    /// A member of the object `otp`. Empty: it is missing, null or blank.
    pub(crate) fn field(&self, name: &str) -> &'a str {
        self.body["otp"][name].as_str().unwrap_or_default().trim()
    }

    /// Whose code it is about. Empty: the request does not say.
    pub(crate) fn identity(&self) -> &'a str {
        self.field(if self.operation() == "send" { "mobileNumber" } else { "identity" })
    }

    /// The first segment of the tenant.
    pub(crate) fn root(&self) -> &'a str {
        self.field("tenantId").split('.').next().unwrap_or_default()
    }

    /// The key of its subject. `None`: the request does not say whose it is.
    pub(crate) fn subject(&self) -> Option<String> {
        let (root, identity) = (self.root(), self.identity());
        (!root.is_empty() && !identity.is_empty()).then(|| format!("egov|{root}|{identity}"))
    }
}
