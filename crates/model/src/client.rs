//! A client of the registry, as the contract `mosip` asks for it.

/// Its secrets are known here in the clear: tests draw them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Client {
    pub app_id: String,
    pub secrets: Vec<String>,
    pub is_active: bool,
}
