//! One template: judged once when it is loaded, so that rendering cannot fail, and cut at its placeholders.

use std::fmt::{self, Display, Formatter};

use super::key::TemplateKey;
use crate::wire::json::writer::{WriteJson, write_escaped};
use crate::wire::json::{Json, JsonError, Names, parse_object};

/// Longest message, in characters, with a code of ten digits in every placeholder (docs/contracts/egov.md, "Texts").
pub const RENDERED_CHARS_MAX: usize = 1000;
/// Digits that lengths are computed with: the most that a code can have.
const DIGITS_ASSUMED: usize = 10;
/// Longest `templateId`, in characters.
const ID_CHARS_MAX: usize = 128;

/// A template that was found good when it was loaded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Template {
    locale: Box<str>,
    id: Option<Box<str>>,
    /// The text between the placeholders: the code stands between any two of them.
    pieces: Box<[Box<str>]>,
}

/// What a contract asks of its templates beyond the syntax.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TemplateRules {
    /// A text for SMS must name the id under which it is registered with the carriers.
    pub sms_id_required: bool,
    /// What a text for SMS may not hold.
    pub sms_forbidden: Option<char>,
}

/// Why a template is refused when it is loaded; shown in a dead letter. Holds nothing of the text.
#[derive(Clone, Copy, Debug, thiserror::Error, PartialEq, Eq)]
pub enum TemplateError {
    #[error("the key is not <contract>/<tenant or *>/<locale>/<code>")]
    BadKey,
    #[error("the {0}")]
    Json(#[from] JsonError),
    #[error("it is not {{\"text\": string, \"templateId\": string or null}}")]
    BadShape,
    #[error("it has a member that is neither text nor templateId")]
    UnknownMember,
    #[error("the text is blank")]
    Blank,
    #[error("the text has no placeholder for the code: one of %s, %1$s, {{otp}}")]
    NoPlaceholder,
    #[error("the text has a % that begins none of %s, %1$s, %%")]
    UnknownDirective,
    #[error("the message is longer than {RENDERED_CHARS_MAX} characters")]
    TooLong,
    #[error("a subject has a line break or another control character")]
    ControlCharacter,
    #[error("templateId is missing, which this deployment needs for every SMS")]
    IdMissing,
    #[error("templateId is longer than {ID_CHARS_MAX} characters")]
    IdTooLong,
    #[error("the text holds a character that this deployment's SMS consumer cannot take")]
    ForbiddenCharacter,
}

/// A message: a template and a code. Prints, and is written as JSON, as the finished text.
#[derive(Clone, Copy)]
pub struct Rendered<'a> {
    template: &'a Template,
    code: &'a str,
}

impl TemplateError {
    /// What a dead letter names it by.
    pub const fn code(self) -> &'static str {
        match self {
            Self::BadKey => "template_key",
            Self::Json(error) => error.code(),
            Self::BadShape => "template_shape",
            Self::UnknownMember => "template_unknown_member",
            Self::Blank => "template_blank",
            Self::NoPlaceholder => "template_no_placeholder",
            Self::UnknownDirective => "template_unknown_directive",
            Self::TooLong => "template_too_long",
            Self::ControlCharacter => "template_control_character",
            Self::IdMissing => "template_id_missing",
            Self::IdTooLong => "template_id_too_long",
            Self::ForbiddenCharacter => "template_forbidden_character",
        }
    }
}

impl Template {
    /// Reads the value of a record on `message-template` and judges it for its key.
    ///
    /// # Errors
    /// It is no template of this shape, or one that could fail when it is rendered or sent.
    pub fn from_json(key: &str, bytes: &[u8], rules: &TemplateRules) -> Result<Self, TemplateError> {
        let key = TemplateKey::parse(key).ok_or(TemplateError::BadKey)?;
        let record = parse_object(Some(bytes), Names::CaseSensitive)?;
        let Json::Object(members) = &record else {
            return Err(TemplateError::BadShape);
        };
        if members.iter().any(|(name, _)| name != "text" && name != "templateId") {
            return Err(TemplateError::UnknownMember);
        }
        let text = record.get("text").and_then(Json::as_str).ok_or(TemplateError::BadShape)?;
        let id = match record.get("templateId") {
            None | Some(Json::Null) => None,
            Some(Json::String(id)) => Some(id.as_ref()),
            Some(Json::Bool(_) | Json::Number(_) | Json::Array(_) | Json::Object(_)) => {
                return Err(TemplateError::BadShape);
            }
        };
        Self::new(&key, text, id, rules)
    }

    /// Judges a text for its key.
    ///
    /// # Errors
    /// It could fail when it is rendered or sent.
    pub fn new(
        key: &TemplateKey<'_>,
        text: &str,
        id: Option<&str>,
        rules: &TemplateRules,
    ) -> Result<Self, TemplateError> {
        let id = id.map(str::trim).filter(|id| !id.is_empty());
        if id.is_some_and(|id| id.chars().count() > ID_CHARS_MAX) {
            return Err(TemplateError::IdTooLong);
        }
        let pieces = cut(text)?;
        let placeholders = pieces.len() - 1;
        let literal: usize = pieces.iter().map(|piece| piece.chars().count()).sum();
        if literal + placeholders * DIGITS_ASSUMED > RENDERED_CHARS_MAX {
            return Err(TemplateError::TooLong);
        }
        if placeholders == 0 && pieces[0].trim().is_empty() {
            return Err(TemplateError::Blank);
        }
        if key.is_subject() {
            if text.contains(char::is_control) {
                return Err(TemplateError::ControlCharacter);
            }
        } else if placeholders == 0 {
            return Err(TemplateError::NoPlaceholder);
        }
        if key.is_sms() {
            if rules.sms_id_required && id.is_none() {
                return Err(TemplateError::IdMissing);
            }
            if rules.sms_forbidden.is_some_and(|forbidden| text.contains(forbidden)) {
                return Err(TemplateError::ForbiddenCharacter);
            }
        }
        Ok(Self {
            locale: key.locale.into(),
            id: id.map(Into::into),
            pieces: pieces.into_iter().map(String::into_boxed_str).collect(),
        })
    }

    /// The language it is written in, as its key says.
    pub fn locale(&self) -> &str {
        &self.locale
    }

    /// The id under which it is registered with the carriers (India: DLT).
    pub fn id(&self) -> Option<&str> {
        self.id.as_deref()
    }

    pub fn with<'a>(&'a self, code: &'a str) -> Rendered<'a> {
        Rendered { template: self, code }
    }
}

impl<'a> Rendered<'a> {
    fn parts(self) -> impl Iterator<Item = &'a str> {
        let pieces = self.template.pieces.iter().enumerate();
        pieces.flat_map(move |(at, piece)| [if at == 0 { "" } else { self.code }, piece])
    }
}

impl Display for Rendered<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        self.parts().try_for_each(|part| f.write_str(part))
    }
}

impl WriteJson for Rendered<'_> {
    fn write_json(&self, out: &mut Vec<u8>) {
        out.push(b'"');
        for part in self.parts() {
            write_escaped(out, part);
        }
        out.push(b'"');
    }
}

/// Cuts a text at its placeholders; `%%` becomes `%`, other braces stay as they are.
fn cut(text: &str) -> Result<Vec<String>, TemplateError> {
    // No character of a message takes more than four bytes of its text.
    if text.len() > RENDERED_CHARS_MAX * 4 {
        return Err(TemplateError::TooLong);
    }
    let mut pieces = Vec::new();
    let mut piece = String::new();
    let mut rest = text;
    while let Some(next) = rest.chars().next() {
        let after = |prefix: &str| rest.strip_prefix(prefix);
        if let Some(tail) = after("%s").or_else(|| after("%1$s")).or_else(|| after("{otp}")) {
            pieces.push(std::mem::take(&mut piece));
            rest = tail;
        } else if let Some(tail) = after("%%") {
            piece.push('%');
            rest = tail;
        } else if next == '%' {
            return Err(TemplateError::UnknownDirective);
        } else {
            piece.push(next);
            rest = &rest[next.len_utf8()..];
        }
    }
    pieces.push(piece);
    Ok(pieces)
}

#[cfg(test)]
mod tests {
    use super::*;

    const SMS: &str = "egov/pb/hi_IN/sms.login.otp.msg";
    const SUBJECT: &str = "egov/pb/hi_IN/email.login.otp.sub";
    const STRICT: TemplateRules = TemplateRules { sms_id_required: true, sms_forbidden: Some('#') };

    fn judge(key: &str, text: &str, rules: &TemplateRules) -> Result<String, TemplateError> {
        let key = TemplateKey::parse(key).expect("the table's keys are good");
        Template::new(&key, text, None, rules).map(|it| it.with("0123456789").to_string())
    }

    #[test]
    fn a_text_is_rendered_or_refused_when_it_is_loaded() {
        let check = |key: &str, text: &str, expected: Result<&str, TemplateError>| {
            let found = judge(key, text, &TemplateRules::default());
            assert_eq!(found, expected.map(str::to_owned), "{text}");
        };
        check(SMS, "Code %s.", Ok("Code 0123456789."));
        check(SMS, "%1$s{otp}", Ok("01234567890123456789"));
        check(SMS, "100%% %s {name} {", Ok("100% 0123456789 {name} {"));
        check(SMS, "ओटीपी %s है", Ok("ओटीपी 0123456789 है"));
        check(SMS, "Code %%s", Err(TemplateError::NoPlaceholder));
        check(SMS, "Code {OTP}", Err(TemplateError::NoPlaceholder));
        check(SMS, "", Err(TemplateError::Blank));
        check(SMS, "%s %d", Err(TemplateError::UnknownDirective));
        check(SMS, "%2$s", Err(TemplateError::UnknownDirective));
        check(SMS, "%s 5%", Err(TemplateError::UnknownDirective));
        check(SUBJECT, "Login OTP", Ok("Login OTP"));
        check(SUBJECT, "Code %s", Ok("Code 0123456789"));
        check(SUBJECT, "  ", Err(TemplateError::Blank));
        check(SUBJECT, "Login\r\nBcc: a@b.c", Err(TemplateError::ControlCharacter));
        check(SUBJECT, "50 %d", Err(TemplateError::UnknownDirective));
    }

    #[test]
    fn a_message_has_at_most_a_thousand_characters() {
        let check = |text: String, good: bool| {
            let found = judge(SMS, &text, &TemplateRules::default());
            assert_eq!(found.is_ok(), good, "{} characters", text.chars().count());
        };
        check(format!("{}%s", "x".repeat(990)), true);
        check(format!("{}%s", "x".repeat(991)), false);
        check(format!("{}%s", "ह".repeat(990)), true);
        check(format!("{}%s%s", "x".repeat(990)), false);
        check(format!("{}%s", "%%".repeat(990)), true);
        check("%s".repeat(101), false);
        check("%1$s".repeat(100), true);
        check("x".repeat(60_000), false);
    }

    #[test]
    fn a_deployment_may_ask_for_more() {
        let check = |key: &str, text: &str, id: Option<&str>, expected: Option<TemplateError>| {
            let key = TemplateKey::parse(key).expect("the table's keys are good");
            assert_eq!(Template::new(&key, text, id, &STRICT).err(), expected, "{text} {id:?}");
        };
        check(SMS, "Code %s", Some("1107"), None);
        check(SMS, "Code %s", None, Some(TemplateError::IdMissing));
        check(SMS, "Code %s", Some(" "), Some(TemplateError::IdMissing));
        check(SMS, "Code #%s", Some("1107"), Some(TemplateError::ForbiddenCharacter));
        check(SUBJECT, "Ticket #1", None, None);
    }

    #[test]
    fn a_record_has_two_members() {
        let check = |json: &str, expected: Option<TemplateError>| {
            let found = Template::from_json(SMS, json.as_bytes(), &TemplateRules::default());
            assert_eq!(found.err(), expected, "{json}");
        };
        check(r#"{"text":"%s","templateId":"1107"}"#, None);
        check(r#"{"text":"%s","templateId":null}"#, None);
        check(r#"{"text":"%s"}"#, None);
        check(r#"{"templateId":"1107"}"#, Some(TemplateError::BadShape));
        check(r#"{"text":5}"#, Some(TemplateError::BadShape));
        check(r#"{"text":"%s","templateId":5}"#, Some(TemplateError::BadShape));
        check(r#"{"text":"%s","texts":""}"#, Some(TemplateError::UnknownMember));
        check("[]", Some(TemplateError::Json(JsonError::NotAnObject)));
        let good =
            Template::from_json(SMS, br#"{"text":"%s","templateId":"1107"}"#, &STRICT).expect("it is good");
        assert_eq!((good.id(), good.locale()), (Some("1107"), "hi_IN"));
    }

    #[test]
    fn a_message_is_escaped_as_json() {
        let key = TemplateKey::parse(SMS).expect("a good key");
        let template =
            Template::new(&key, "say \"%s\"\n", None, &TemplateRules::default()).expect("it is good");
        let mut json = Vec::new();
        template.with("0042").write_json(&mut json);
        assert_eq!(json, br#""say \"0042\"\n""#);
    }
}
