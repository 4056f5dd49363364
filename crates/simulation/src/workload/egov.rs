//! Requests of the contract `egov`.

use serde_json::{Value, json};

use super::writer::{CodePath, Writer};
use super::{Typed, draw_typed, mobile};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EgovRequest {
    Send { purpose: &'static str },
    Create,
    Validate { typed: Typed, purpose: Option<&'static str> },
    Search,
}

impl EgovRequest {
    /// `drawn`: below 73, for the share of each operation.
    pub(super) fn draw(dice: &mut fastrand::Rng, drawn: u8) -> Self {
        let purpose =
            |dice: &mut fastrand::Rng| ["login", "login", "register", "passwordreset"][dice.usize(..4)];
        match drawn {
            0..30 => Self::Send { purpose: purpose(dice) },
            30..36 => Self::Create,
            36..70 => {
                let typed = draw_typed(dice);
                Self::Validate { typed, purpose: (dice.u8(..4) == 0).then(|| purpose(dice)) }
            }
            _ => Self::Search,
        }
    }

    pub(super) fn body(self, who: usize, tenant: &str, writer: &Writer<'_>) -> Value {
        let number = mobile(who);
        match self {
            Self::Send { purpose } => json!({"operation": "send",
                "otp": {"tenantId": tenant, "mobileNumber": number, "type": purpose}}),
            Self::Create => {
                json!({"operation": "create", "otp": {"tenantId": tenant, "identity": number}})
            }
            Self::Validate { typed, purpose } => {
                let code = writer.code(CodePath::Egov, who, typed).unwrap_or_else(|| "000000".to_owned());
                json!({"operation": "validate",
                    "otp": {"tenantId": tenant, "identity": number, "otp": code, "type": purpose}})
            }
            Self::Search => json!({"operation": "search", "otp": {"tenantId": tenant, "identity": number,
                "UUID": "4759e8a5-5da7-8b55-b34e-20fa3eda312f"}}),
        }
    }
}
