//! DIGIT's localization messages: `{code, message, module, locale}`, in a reply of `_search`, in a request of `_upsert`,
//! or as an array.

use otp_topology::contract::egov::is_text_code;
use otp_topology::otp::ContractName;
use serde::Deserialize;
use serde_json::json;
use serde_json::value::RawValue;

use crate::cli::records::input::Input;
use crate::cli::records::json::{self, line_of};
use crate::cli::records::{Batch, Draft, Place, Problem};

const MESSAGES: &str = "localization messages";

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct File<'a> {
    #[serde(borrow)]
    messages: Vec<&'a RawValue>,
    tenant_id: Option<String>,
}

/// Other members are not read. `templateId` is not DIGIT's: the id of the text in the carriers' registry.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Message {
    code: Option<String>,
    message: Option<String>,
    module: Option<String>,
    locale: Option<String>,
    template_id: Option<String>,
}

/// One template for each message of the module that carries a code. `tenant`: of the templates, else the file's.
///
/// # Errors
/// The file has none of the shapes, or names no tenant.
pub(super) fn records(input: &Input, tenant: Option<&str>, module: &str) -> Result<Batch, Problem> {
    let file = if input.text.trim_start().starts_with('[') {
        File { messages: json::read(input, &input.text, MESSAGES)?, tenant_id: None }
    } else {
        json::read(input, &input.text, MESSAGES)?
    };
    let tenant = tenant.or(file.tenant_id.as_deref()).ok_or_else(|| {
        let remedy = "name the tenant of the messages with --tenant, or * for all";
        Problem::new(Place::new(1, "tenantId"), "the file names no tenant", remedy)
    })?;
    let mut batch = Batch::default();
    for (at, piece) in file.messages.iter().enumerate() {
        match record(input, piece.get(), at, tenant, module) {
            Ok(Some(draft)) => batch.drafts.push(draft),
            Ok(None) => batch.left_out += 1,
            Err(problem) => batch.problems.push(problem),
        }
    }
    Ok(batch)
}

/// `None`: the message is of another module, or carries no code.
fn record(
    input: &Input,
    piece: &str,
    at: usize,
    tenant: &str,
    module: &str,
) -> Result<Option<Draft>, Problem> {
    let line = line_of(&input.text, piece);
    let message: Message = serde_json::from_str(piece).map_err(|_| {
        let remedy = "write {\"code\", \"message\", \"module\", \"locale\"}, all of them texts";
        Problem::new(Place::new(line, format!("messages[{at}]")), "not a localization message", remedy)
    })?;
    let member = |name: &str, value: Option<String>| {
        value.filter(|it| !it.trim().is_empty()).ok_or_else(|| {
            Problem::new(
                Place::new(line, format!("messages[{at}].{name}")),
                "missing or blank",
                format!("add {name}"),
            )
        })
    };
    let code = member("code", message.code)?;
    if message.module.is_some_and(|it| it != module) || !is_text_code(&code) {
        return Ok(None);
    }
    let (text, locale) = (member("message", message.message)?, member("locale", message.locale)?);
    let value = match message.template_id {
        Some(id) => json!({"text": text, "templateId": id}),
        None => json!({"text": text}),
    };
    let key = format!("{}/{tenant}/{locale}/{code}", ContractName::Egov.as_str());
    Ok(Some(Draft {
        place: Place::new(line, format!("messages[{at}]")),
        key,
        value: Some(value.to_string().into_bytes()),
    }))
}
