//! What a caller may put into a message: short words, no links.

use crate::text::VARIABLE_CHARS_MAX;

/// Whether a value may stand in a message: at most 64 characters, none of them a control character, and no link.
pub fn is_variable(value: &str) -> bool {
    let is_short = value.len() <= VARIABLE_CHARS_MAX || value.chars().count() <= VARIABLE_CHARS_MAX;
    is_short && !value.contains(is_break) && !has_link(value)
}

/// Control characters, and the line and paragraph separators of Unicode.
fn is_break(c: char) -> bool {
    c.is_control() || matches!(c, '\u{2028}' | '\u{2029}')
}

/// `://`, `www.`, or a dot between letters with a slash behind in the same word, as in `bit.ly/x`.
fn has_link(value: &str) -> bool {
    let lower = value.to_lowercase();
    let is_letter = |c: Option<char>| c.is_some_and(char::is_alphabetic);
    let is_host = |(at, _): (usize, &str)| {
        let (before, after) = (&value[..at], &value[at + 1..]);
        let word = after.split(char::is_whitespace).next().unwrap_or_default();
        is_letter(before.chars().next_back()) && is_letter(word.chars().next()) && word.contains('/')
    };
    lower.contains("://") || lower.contains("www.") || value.match_indices('.').any(is_host)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_variable_is_short_and_carries_no_link() {
        let check = |value: &str, good: bool| assert_eq!(is_variable(value), good, "{value:?}");
        check("", true);
        check("Asha K. Rao", true);
        check("12/05/2026 10.30", true);
        check("a.b", true);
        check("and/or", true);
        check("v1.2/3", true);
        check(&"ह".repeat(64), true);
        check(&"ह".repeat(65), false);
        check("two\nlines", false);
        check("tab\t", false);
        check("\u{2028}", false);
        check("http://x", false);
        check("WWW.x", false);
        check("bit.ly/x", false);
        check("see bit.ly/x.", false);
        check("Dr.Rao 12/05", true);
    }
}
