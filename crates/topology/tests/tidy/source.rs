//! A Rust file as the rules see it: its text, and its tokens without comments and literals.
//!
//! No parser: enough of the lexical grammar that braces and names can be trusted.

/// One name, number or punctuation mark; `::` is one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Token {
    pub text: String,
    /// From 1.
    pub line: usize,
}

pub(crate) struct Source<'a> {
    /// Relative to the repository, with `/`.
    pub path: &'a str,
    pub text: &'a str,
    pub tokens: Vec<Token>,
}

impl<'a> Source<'a> {
    pub(crate) fn new(path: &'a str, text: &'a str) -> Self {
        let tokens = tokens(&masked(text));
        Self { path, text, tokens }
    }
}

pub(crate) fn is_name(token: Option<&Token>) -> bool {
    let first = token.and_then(|it| it.text.chars().next());
    first.is_some_and(|it| it.is_alphabetic() || it == '_')
}

fn tokens(code: &str) -> Vec<Token> {
    let mut tokens = Vec::new();
    for (number, line) in code.lines().enumerate() {
        let mut rest = line.trim_start();
        while let Some(first) = rest.chars().next() {
            let in_name = |it: char| it.is_alphanumeric() || it == '_';
            let len = if in_name(first) {
                rest.find(|it| !in_name(it)).unwrap_or(rest.len())
            } else if rest.starts_with("::") {
                2
            } else {
                first.len_utf8()
            };
            tokens.push(Token { text: rest[..len].to_owned(), line: number + 1 });
            rest = rest[len..].trim_start();
        }
    }
    tokens
}

/// The text with comments and literals blanked out, line by line as before.
fn masked(text: &str) -> String {
    let mut masked = String::with_capacity(text.len());
    let mut rest = text;
    while !rest.is_empty() {
        let before = masked.chars().next_back();
        let len = literal_len(rest, before);
        if len == 0 {
            let first = rest.chars().next().expect("is not empty");
            masked.push(first);
            rest = &rest[first.len_utf8()..];
        } else {
            let blank = |it: char| if it == '\n' { '\n' } else { ' ' };
            masked.extend(rest[..len].chars().map(blank));
            rest = &rest[len..];
        }
    }
    masked
}

/// Bytes of the comment or literal that starts here; 0 if none does.
fn literal_len(rest: &str, before: Option<char>) -> usize {
    if rest.starts_with("//") {
        return rest.find('\n').unwrap_or(rest.len());
    }
    if rest.starts_with("/*") {
        return block_comment_len(rest);
    }
    if rest.starts_with('"') {
        return quoted_len(rest, '"');
    }
    if let Some(inside) = rest.strip_prefix('\'') {
        let mut next = inside.chars();
        let (first, second) = (next.next(), next.next());
        let is_literal = first == Some('\\') || second == Some('\'');
        return if is_literal { quoted_len(rest, '\'') } else { 0 };
    }
    let in_name = before.is_some_and(|it| it.is_alphanumeric() || it == '_');
    if in_name { 0 } else { raw_len(rest) }
}

fn block_comment_len(rest: &str) -> usize {
    let mut depth = 0_usize;
    let mut at = 0;
    while at < rest.len() {
        if rest[at..].starts_with("/*") {
            depth += 1;
            at += 2;
        } else if rest[at..].starts_with("*/") {
            depth -= 1;
            at += 2;
            if depth == 0 {
                return at;
            }
        } else {
            at += rest[at..].chars().next().map_or(1, char::len_utf8);
        }
    }
    rest.len()
}

fn quoted_len(rest: &str, quote: char) -> usize {
    let mut is_escaped = false;
    for (at, it) in rest.char_indices().skip(1) {
        if is_escaped {
            is_escaped = false;
        } else if it == '\\' {
            is_escaped = true;
        } else if it == quote {
            return at + 1;
        }
    }
    rest.len()
}

/// `r"…"`, `br#"…"#` and so on.
fn raw_len(rest: &str) -> usize {
    let after_prefix = rest.strip_prefix(['b', 'c']).unwrap_or(rest);
    let Some(after_r) = after_prefix.strip_prefix('r') else {
        return 0;
    };
    let hashes = after_r.len() - after_r.trim_start_matches('#').len();
    let Some(inside) = after_r[hashes..].strip_prefix('"') else {
        return 0;
    };
    let close = format!("\"{}", "#".repeat(hashes));
    let start = rest.len() - inside.len();
    inside.find(&close).map_or(rest.len(), |at| start + at + close.len())
}
