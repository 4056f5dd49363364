//! The placeholders `%s` and `%1$s` of Java's formatter, and `{otp}`: each stands for the code.

use super::template::{Syntax, TemplateError, TextPart};

/// `%%` is a percent sign; other braces stay as they are.
pub const PERCENT: Syntax = Syntax { cut, code: "%s, %1$s, {otp}" };

fn cut(text: &str) -> Result<Vec<TextPart>, TemplateError> {
    let mut parts = Vec::new();
    let mut literal = String::new();
    let mut rest = text;
    while let Some(next) = rest.chars().next() {
        let after = |prefix: &str| rest.strip_prefix(prefix);
        if let Some(tail) = after("%s").or_else(|| after("%1$s")).or_else(|| after("{otp}")) {
            push_literal(&mut parts, &mut literal);
            parts.push(TextPart::Code);
            rest = tail;
        } else if let Some(tail) = after("%%") {
            literal.push('%');
            rest = tail;
        } else if next == '%' {
            return Err(TemplateError::UnknownDirective);
        } else {
            literal.push(next);
            rest = &rest[next.len_utf8()..];
        }
    }
    push_literal(&mut parts, &mut literal);
    Ok(parts)
}

fn push_literal(parts: &mut Vec<TextPart>, literal: &mut String) {
    if !literal.is_empty() {
        parts.push(TextPart::Literal(std::mem::take(literal).into()));
    }
}
