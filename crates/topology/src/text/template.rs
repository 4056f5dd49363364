//! One template. It is judged once, when it is loaded, so that rendering cannot fail.
//!
//! Which placeholders a text may have is the contract's choice: it comes in as [`TemplateRules`].

use std::fmt::{self, Display, Formatter};

use super::key::TemplateKey;
use crate::wire::json::writer::{WriteJson, write_escaped};
use crate::wire::json::{Json, JsonError, Names, parse_object};

/// Longest message, in characters, with a code of ten digits in every placeholder (docs/contracts/egov.md, "Text").
pub const RENDERED_CHARS_MAX: usize = 1000;
/// Digits that a code is assumed to have when a length is computed: the most that it can have.
const CODE_CHARS_ASSUMED: usize = 10;
/// Longest value of a variable, in characters. The contract refuses requests with longer values.
pub const VARIABLE_CHARS_MAX: usize = 64;
/// Longest `templateId`, in characters.
const ID_CHARS_MAX: usize = 128;

/// A template that was accepted when it was loaded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Template {
    locale: Box<str>,
    id: Option<Box<str>>,
    parts: Box<[TextPart]>,
}

/// A piece of a text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TextPart {
    Literal(Box<str>),
    /// The code stands here.
    Code,
    /// The value of the variable of this name stands here; nothing if it has none.
    Variable(Box<str>),
}

/// How the placeholders of a text are written.
#[derive(Clone, Copy, Debug)]
pub struct Syntax {
    /// Cuts a text into its parts.
    pub cut: fn(&str) -> Result<Vec<TextPart>, TemplateError>,
    /// How the code is written, for error texts.
    pub code: &'static str,
}

/// What a contract demands of a template.
#[derive(Clone, Copy, Debug)]
pub struct TemplateRules {
    pub syntax: Syntax,
    /// The text is the subject of an e-mail: one line, which needs no code.
    pub is_subject: bool,
    /// The text must name the id under which it is registered with the carriers.
    pub id_required: bool,
    /// A character that the consumer of the text cannot take.
    pub forbidden: Option<char>,
}

/// Why a template is refused when it is loaded; shown in a dead letter. Contains nothing of the text.
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
    #[error("the text has no placeholder for the code: one of {0}")]
    NoPlaceholder(&'static str),
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
    #[error("the text has a character that this deployment's SMS consumer cannot take")]
    ForbiddenCharacter,
}

/// A message: a template with the code and the values of its variables. Prints, and is written as JSON, as the
/// finished text.
#[derive(Clone, Copy)]
pub struct Rendered<'a> {
    template: &'a Template,
    code: &'a str,
    variables: &'a [(&'a str, &'a str)],
}

impl TemplateRules {
    /// The least that a body text must be.
    pub const fn of(syntax: Syntax) -> Self {
        Self { syntax, is_subject: false, id_required: false, forbidden: None }
    }

    /// For templates that are already stored: the settings may have changed since they were accepted.
    #[must_use]
    pub const fn as_stored(self) -> Self {
        Self { id_required: false, forbidden: None, ..self }
    }
}

impl TemplateError {
    /// The error code of its dead letter.
    pub const fn code(self) -> &'static str {
        match self {
            Self::BadKey => "template_key",
            Self::Json(error) => error.code(),
            Self::BadShape => "template_shape",
            Self::UnknownMember => "template_unknown_member",
            Self::Blank => "template_blank",
            Self::NoPlaceholder(_) => "template_no_placeholder",
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
    /// The value does not have the shape of a template, or it could fail when it is rendered or sent.
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
            Some(Json::Bool(_) | Json::Number(_) | Json::NoText(_) | Json::Array(_) | Json::Object(_)) => {
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
        // No character of a message takes more than four bytes of its text.
        if text.len() > RENDERED_CHARS_MAX * 4 {
            return Err(TemplateError::TooLong);
        }
        let parts = (rules.syntax.cut)(text)?;
        if parts.iter().map(TextPart::chars_max).sum::<usize>() > RENDERED_CHARS_MAX {
            return Err(TemplateError::TooLong);
        }
        if parts.iter().all(TextPart::is_blank) {
            return Err(TemplateError::Blank);
        }
        if rules.is_subject {
            if text.contains(char::is_control) {
                return Err(TemplateError::ControlCharacter);
            }
        } else if !parts.contains(&TextPart::Code) {
            return Err(TemplateError::NoPlaceholder(rules.syntax.code));
        }
        if rules.id_required && id.is_none() {
            return Err(TemplateError::IdMissing);
        }
        if rules.forbidden.is_some_and(|forbidden| text.contains(forbidden)) {
            return Err(TemplateError::ForbiddenCharacter);
        }
        Ok(Self { locale: key.locale.into(), id: id.map(Into::into), parts: parts.into() })
    }

    /// This text, a blank line, and the other text. This text alone if both are longer than a message.
    #[must_use]
    pub fn followed_by(&self, other: &Self) -> Self {
        let blank_line = TextPart::Literal("\n\n".into());
        let parts = self.parts.iter().cloned().chain([blank_line]).chain(other.parts.iter().cloned());
        let parts: Box<[TextPart]> = parts.collect();
        let is_too_long = parts.iter().map(TextPart::chars_max).sum::<usize>() > RENDERED_CHARS_MAX;
        if is_too_long { self.clone() } else { Self { parts, ..self.clone() } }
    }

    /// The language it is written in, as its key says.
    pub fn locale(&self) -> &str {
        &self.locale
    }

    /// The id under which it is registered with the carriers (India: DLT).
    pub fn id(&self) -> Option<&str> {
        self.id.as_deref()
    }

    /// The message with this code, for a template without variables.
    pub fn with<'a>(&'a self, code: &'a str) -> Rendered<'a> {
        self.with_variables(code, &[])
    }

    /// The message with this code and these variables, by name.
    pub fn with_variables<'a>(&'a self, code: &'a str, variables: &'a [(&'a str, &'a str)]) -> Rendered<'a> {
        Rendered { template: self, code, variables }
    }

    /// The names of the variables that the text has.
    pub fn variables(&self) -> impl Iterator<Item = &str> {
        self.parts.iter().filter_map(|part| match part {
            TextPart::Variable(name) => Some(&**name),
            TextPart::Literal(_) | TextPart::Code => None,
        })
    }
}

impl TextPart {
    fn chars_max(&self) -> usize {
        match self {
            Self::Literal(text) => text.chars().count(),
            Self::Code => CODE_CHARS_ASSUMED,
            Self::Variable(_) => VARIABLE_CHARS_MAX,
        }
    }

    fn is_blank(&self) -> bool {
        match self {
            Self::Literal(text) => text.trim().is_empty(),
            Self::Code | Self::Variable(_) => false,
        }
    }
}

impl<'a> Rendered<'a> {
    fn parts(self) -> impl Iterator<Item = &'a str> {
        self.template.parts.iter().map(move |part| match part {
            TextPart::Literal(text) => text,
            TextPart::Code => self.code,
            TextPart::Variable(name) => {
                let value = self.variables.iter().find(|(it, _)| *it == &**name);
                value.map_or("", |(_, value)| value)
            }
        })
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::text::PERCENT;

    const SMS: &str = "egov/pb/hi_IN/sms.login.otp.msg";
    const SUBJECT: &str = "egov/pb/hi_IN/email.login.otp.sub";
    const PLAIN: TemplateRules = TemplateRules::of(PERCENT);
    const STRICT: TemplateRules = TemplateRules { id_required: true, forbidden: Some('#'), ..PLAIN };

    fn rules_of(key: &str) -> TemplateRules {
        TemplateRules { is_subject: key == SUBJECT, ..PLAIN }
    }

    fn judge(key: &str, text: &str, rules: &TemplateRules) -> Result<String, TemplateError> {
        let key = TemplateKey::parse(key).expect("the table's keys are good");
        Template::new(&key, text, None, rules).map(|it| it.with("0123456789").to_string())
    }

    #[test]
    fn a_text_is_rendered_or_refused_when_it_is_loaded() {
        let check = |key: &str, text: &str, expected: Result<&str, TemplateError>| {
            let found = judge(key, text, &rules_of(key));
            assert_eq!(found, expected.map(str::to_owned), "{text}");
        };
        check(SMS, "Code %s.", Ok("Code 0123456789."));
        check(SMS, "%1$s{otp}", Ok("01234567890123456789"));
        check(SMS, "100%% %s {name} {", Ok("100% 0123456789 {name} {"));
        check(SMS, "ओटीपी %s है", Ok("ओटीपी 0123456789 है"));
        check(SMS, "Code %%s", Err(TemplateError::NoPlaceholder(PERCENT.code)));
        check(SMS, "Code {OTP}", Err(TemplateError::NoPlaceholder(PERCENT.code)));
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
            let found = judge(SMS, &text, &PLAIN);
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
    fn a_contract_may_demand_more() {
        let check = |rules: &TemplateRules, text: &str, id: Option<&str>, expected: Option<TemplateError>| {
            let key = TemplateKey::parse(SMS).expect("a good key");
            assert_eq!(Template::new(&key, text, id, rules).err(), expected, "{text} {id:?}");
        };
        check(&STRICT, "Code %s", Some("1107"), None);
        check(&STRICT, "Code %s", None, Some(TemplateError::IdMissing));
        check(&STRICT, "Code %s", Some(" "), Some(TemplateError::IdMissing));
        check(&STRICT, "Code #%s", Some("1107"), Some(TemplateError::ForbiddenCharacter));
        check(&STRICT.as_stored(), "Code #%s", None, None);
        check(&rules_of(SUBJECT), "Ticket #1", None, None);
    }

    #[test]
    fn a_record_has_two_members() {
        let check = |json: &str, expected: Option<TemplateError>| {
            let found = Template::from_json(SMS, json.as_bytes(), &PLAIN);
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
        let template = Template::new(&key, "say \"%s\"\n", None, &PLAIN).expect("it is good");
        let mut json = Vec::new();
        template.with("0042").write_json(&mut json);
        assert_eq!(json, br#""say \"0042\"\n""#);
    }

    #[test]
    fn two_texts_are_one_message_unless_they_are_too_long() {
        let check = |first: &str, second: &str, expected: &str| {
            let key = TemplateKey::parse(SMS).expect("a good key");
            let template = |text| Template::new(&key, text, None, &PLAIN).expect("it is good");
            let both = template(first).followed_by(&template(second));
            assert_eq!(both.with("1234").to_string(), expected);
        };
        check("Code %s", "%s कोड", "Code 1234\n\n1234 कोड");
        check("Code %s", &format!("{}%s", "x".repeat(974)), "Code 1234");
    }

    #[test]
    fn a_variable_without_a_value_is_empty() {
        const NAMED: Syntax = Syntax {
            cut: |text| {
                let name = |word: &str| match word {
                    "$otp" => TextPart::Code,
                    word if word.starts_with('$') => TextPart::Variable(word[1..].into()),
                    word => TextPart::Literal(word.into()),
                };
                Ok(text.split(' ').map(name).collect())
            },
            code: "$otp",
        };
        let key = TemplateKey::parse(SMS).expect("a good key");
        let rules = TemplateRules::of(NAMED);
        let template = Template::new(&key, "Code: $otp of $name", None, &rules).expect("it is good");
        assert_eq!(template.variables().collect::<Vec<_>>(), ["name"]);
        assert_eq!(template.with_variables("1234", &[("name", "Asha")]).to_string(), "Code:1234ofAsha");
        assert_eq!(template.with("1234").to_string(), "Code:1234of");
        assert_eq!(
            Template::new(&key, "no code", None, &rules).err(),
            Some(TemplateError::NoPlaceholder("$otp"))
        );
    }
}
