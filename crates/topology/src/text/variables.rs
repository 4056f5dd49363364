//! The placeholders `$name`, `${name}` and `$!name` of Velocity. `otp` is the code, any other name a variable.

use super::template::{Syntax, TemplateError, TextPart};

/// A name is a letter and then letters, digits and underscores, the longest that fits. Any other `$` stays as it is.
pub const VARIABLES: Syntax = Syntax { cut, code: "$otp, ${otp}, $!otp" };

const CODE: &str = "otp";

fn cut(text: &str) -> Result<Vec<TextPart>, TemplateError> {
    let mut parts = Vec::new();
    let mut literal = String::new();
    let mut rest = text;
    while let Some(at) = rest.find('$') {
        literal.push_str(&rest[..at]);
        rest = &rest[at..];
        match placeholder(rest) {
            Some((name, length)) => {
                push_literal(&mut parts, &mut literal);
                parts.push(if name == CODE { TextPart::Code } else { TextPart::Variable(name.into()) });
                rest = &rest[length..];
            }
            None => {
                literal.push('$');
                rest = &rest[1..];
            }
        }
    }
    literal.push_str(rest);
    push_literal(&mut parts, &mut literal);
    Ok(parts)
}

/// The name of the placeholder that a text begins with, and the length of the placeholder in bytes.
fn placeholder(text: &str) -> Option<(&str, usize)> {
    let after = text.strip_prefix('$')?;
    if let Some(inner) = after.strip_prefix('{') {
        let name = name_of(inner)?;
        return inner[name.len()..].starts_with('}').then_some((name, name.len() + 3));
    }
    let name = name_of(after.strip_prefix('!').unwrap_or(after))?;
    let marks = if after.starts_with('!') { 2 } else { 1 };
    Some((name, name.len() + marks))
}

fn name_of(text: &str) -> Option<&str> {
    let is_part = |c: char| c.is_ascii_alphanumeric() || c == '_';
    let name = &text[..text.find(|c| !is_part(c)).unwrap_or(text.len())];
    name.starts_with(|c: char| c.is_ascii_alphabetic()).then_some(name)
}

fn push_literal(parts: &mut Vec<TextPart>, literal: &mut String) {
    if !literal.is_empty() {
        parts.push(TextPart::Literal(std::mem::take(literal).into()));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_placeholder_has_three_forms_and_the_longest_name() {
        let check = |text: &str, expected: &str| {
            let shown = |part: &TextPart| match part {
                TextPart::Literal(text) => text.to_string(),
                TextPart::Code => "<code>".to_owned(),
                TextPart::Variable(name) => format!("<{name}>"),
            };
            let parts = cut(text).expect("every text is cut");
            assert_eq!(parts.iter().map(shown).collect::<String>(), expected, "{text}");
        };
        check("Code $otp.", "Code <code>.");
        check("${otp}$!otp", "<code><code>");
        check("$otp2 ${otp2} $otp_x", "<otp2> <otp2> <otp_x>");
        check("$name-$last_name1!", "<name>-<last_name1>!");
        check("$$name", "$<name>");
        check("$ $1 $_a ${ ${name $!{name} ${na-me} $", "$ $1 $_a ${ ${name $!{name} ${na-me} $");
        check("ओटीपी $otpहै", "ओटीपी <code>है");
        check("$OTP", "<OTP>");
    }
}
