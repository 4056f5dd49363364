//! The table of schemas: one file of `schemas/` for each event and each request.

use std::sync::LazyLock;

use apache_avro::Schema;
use otp_topology::contract::delivery::Flavour;
use otp_topology::otp::ContractName;

macro_rules! schemas {
    ($($(#[doc = $doc:literal])* $variant:ident = $file:literal,)*) => {
        /// What the values of a topic are.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum EventSchema {
            $($(#[doc = $doc])* $variant,)*
        }

        impl EventSchema {
            pub const ALL: &[Self] = &[$(Self::$variant),*];

            /// The name of its file in `schemas/`.
            pub const fn file(self) -> &'static str {
                match self { $(Self::$variant => $file),* }
            }

            /// Its text: JSON, as it is registered.
            pub const fn text(self) -> &'static str {
                match self { $(Self::$variant => include_str!(concat!("../../../schemas/", $file))),* }
            }
        }
    };
}

schemas! {
    /// Text messages.
    Sms = "sms.avsc",
    /// E-mails of the flavour `digit`.
    Email = "email.avsc",
    /// E-mails of the flavour `mgramseva`.
    EmailMgramseva = "email-mgramseva.avsc",
    ValidationResult = "validation-result.avsc",
    Lifecycle = "lifecycle.avsc",
    Signal = "signal.avsc",
    EgovRequest = "egov-request.avsc",
    EgovResponse = "egov-response.avsc",
    IntRequest = "int-request.avsc",
    IntResponse = "int-response.avsc",
    MosipRequest = "mosip-request.avsc",
    MosipResponse = "mosip-response.avsc",
}

static PARSED: LazyLock<Vec<Schema>> = LazyLock::new(|| {
    let parse = |schema: &EventSchema| Schema::parse_str(schema.text()).expect("a test parses every schema");
    EventSchema::ALL.iter().map(parse).collect()
});

impl EventSchema {
    /// What a shared topic carries, by its key under `[kafka.topics]`. `None`: nothing that has a schema.
    pub fn of_topic(key: &str, flavour: Flavour) -> Option<Self> {
        Some(match (key, flavour) {
            ("sms", _) => Self::Sms,
            ("email", Flavour::Digit) => Self::Email,
            ("email", Flavour::Mgramseva) => Self::EmailMgramseva,
            ("validation_result", _) => Self::ValidationResult,
            ("lifecycle", _) => Self::Lifecycle,
            ("signal", _) => Self::Signal,
            _ => return None,
        })
    }

    /// `None`: the contract has no schema.
    pub const fn request_of(contract: ContractName) -> Option<Self> {
        match contract {
            ContractName::Egov => Some(Self::EgovRequest),
            ContractName::Int => Some(Self::IntRequest),
            ContractName::Mosip => Some(Self::MosipRequest),
            ContractName::Probe => None,
        }
    }

    /// `None`: the contract has no schema.
    pub const fn response_of(contract: ContractName) -> Option<Self> {
        match contract {
            ContractName::Egov => Some(Self::EgovResponse),
            ContractName::Int => Some(Self::IntResponse),
            ContractName::Mosip => Some(Self::MosipResponse),
            ContractName::Probe => None,
        }
    }

    pub fn schema(self) -> &'static Schema {
        &PARSED[self as usize]
    }
}
