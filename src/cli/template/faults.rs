//! What an operator does about a template that the service would refuse.

use otp_topology::deployment::RecordFault;
use otp_topology::text::TemplateError;

use crate::cli::records::{Draft, Problem};

pub(super) fn problem(draft: &Draft, fault: &RecordFault) -> Problem {
    let what = match &draft.place.field {
        field if *field == draft.key => fault.to_string(),
        _ => format!("{}: {fault}", draft.key),
    };
    Problem::new(draft.place.clone(), what, remedy(fault))
}

fn remedy(fault: &RecordFault) -> &'static str {
    match fault {
        RecordFault::NoKey
        | RecordFault::KeyTooLong
        | RecordFault::KeyNotUtf8
        | RecordFault::BadKey(_)
        | RecordFault::UnknownContract(_) => "write a key like egov/pb/en_IN/sms.login.otp.msg",
        RecordFault::Json(_) | RecordFault::Rule(_) | RecordFault::Client(_) => {
            "write {\"text\": \"…\", \"templateId\": \"…\"}"
        }
        RecordFault::Template(error) => remedy_of(*error),
    }
}

fn remedy_of(error: TemplateError) -> &'static str {
    match error {
        TemplateError::BadKey => "write a key like egov/pb/en_IN/sms.login.otp.msg",
        TemplateError::Json(_) | TemplateError::BadShape | TemplateError::UnknownMember => {
            "write {\"text\": \"…\", \"templateId\": \"…\"}, or null to delete the record"
        }
        TemplateError::Blank => "write a text, or delete the record with null",
        TemplateError::NoPlaceholder(_) => {
            "write the placeholder where the code goes, without a blank inside"
        }
        TemplateError::UnknownDirective => "write %% for a percent sign",
        TemplateError::TooLong => "shorten the text",
        TemplateError::ControlCharacter => "write the subject in one line",
        TemplateError::IdMissing => {
            "add templateId, the id under which the text is registered with the carriers"
        }
        TemplateError::IdTooLong => "copy the id from the carriers' registry",
        TemplateError::ForbiddenCharacter => "write the text without it",
    }
}
