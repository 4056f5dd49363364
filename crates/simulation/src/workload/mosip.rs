//! Requests of the contract `mosip`.

use serde_json::{Value, json};

use super::configuring::{SECRETS, WRONG_SECRET};
use super::writer::{CodePath, Writer};
use super::{CLIENT_IDS, Typed, draw_typed, mobile};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MosipRequest {
    Generate,
    /// `is_foreign`: the code is one that `sendotp` sent.
    Validate {
        typed: Typed,
        is_foreign: bool,
    },
    SendOtp,
    /// `is_foreign`: the code is one that `generate` revealed.
    UserIdOtp {
        typed: Typed,
        is_foreign: bool,
    },
    LogIn {
        /// The index of its client.
        id: usize,
        /// The index of its secret; behind the last one: a wrong one.
        secret: usize,
        app_id: Option<&'static str>,
    },
    /// A member that the contract refuses.
    Flawed(Flaw),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Flaw {
    /// A code with letters.
    Code,
    /// An app that nobody knows.
    App,
    Context,
}

impl MosipRequest {
    pub(super) fn draw(dice: &mut fastrand::Rng) -> Self {
        match dice.u8(..20) {
            0..4 => Self::Generate,
            4..9 => Self::Validate { typed: draw_typed(dice), is_foreign: dice.u8(..6) == 0 },
            9..12 => Self::SendOtp,
            12..16 => Self::UserIdOtp { typed: draw_typed(dice), is_foreign: dice.u8(..6) == 0 },
            16..19 => Self::LogIn {
                id: dice.usize(..CLIENT_IDS.len()),
                secret: dice.usize(..=SECRETS.len()),
                app_id: [None, Some("ida"), Some("ida"), Some("admin")][dice.usize(..4)],
            },
            _ => Self::Flawed([Flaw::Code, Flaw::App, Flaw::Context][dice.usize(..3)]),
        }
    }

    /// The last part of its subject.
    pub(super) fn identity(self, who: usize) -> String {
        match self {
            Self::LogIn { id, .. } => CLIENT_IDS[id].to_owned(),
            Self::Generate
            | Self::Validate { .. }
            | Self::SendOtp
            | Self::UserIdOtp { .. }
            | Self::Flawed(_) => mobile(who),
        }
    }

    pub(super) fn body(self, who: usize, writer: &Writer<'_>) -> Value {
        let identity = self.identity(who);
        let code = |path: CodePath, typed: Typed| {
            writer.code(path, who, typed).unwrap_or_else(|| "000000".to_owned())
        };
        let [revealed, sent] = [CodePath::Generate, CodePath::SendOtp];
        let send = json!({"userId": identity, "otpChannel": ["phone"], "useridtype": "USERID", "appId": "ida",
            "context": "auth-otp"});
        let with = |mut request: Value, name: &str, value: &str| {
            request[name] = value.into();
            request
        };
        let (id, request) = match self {
            Self::Generate => ("otp.generate", json!({"key": identity})),
            Self::Validate { typed, is_foreign } => {
                let code = code(if is_foreign { sent } else { revealed }, typed);
                ("otp.validate", json!({"key": identity, "otp": code}))
            }
            Self::SendOtp => ("authentication.sendotp", send),
            Self::UserIdOtp { typed, is_foreign } => {
                let code = code(if is_foreign { revealed } else { sent }, typed);
                ("authentication.useridOTP", json!({"userId": identity, "otp": code, "appId": "ida"}))
            }
            Self::LogIn { secret, app_id, .. } => {
                let secret = SECRETS.get(secret).unwrap_or(&WRONG_SECRET);
                let request = json!({"clientId": identity, "secretKey": secret, "appId": app_id});
                ("authentication.clientidsecretkey", request)
            }
            Self::Flawed(Flaw::Code) => ("otp.validate", json!({"key": identity, "otp": "12ab56"})),
            Self::Flawed(Flaw::App) => ("authentication.sendotp", with(send, "appId", "nobody")),
            Self::Flawed(Flaw::Context) => ("authentication.sendotp", with(send, "context", " ")),
        };
        json!({"id": format!("mosip.{id}"), "version": "1.0", "metadata": null, "request": request})
    }
}
