//! A Rust file as the rules see it: its text, its tokens without comments and literals, its test regions.
//!
//! No parser: enough of the lexical grammar that braces and names can be trusted.

use std::ops::RangeInclusive;

/// One name, number or punctuation mark; `::` is one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Token {
    pub text: String,
    /// From 1.
    pub line: usize,
}

/// A function with a body.
#[derive(Debug)]
pub struct Function {
    pub name: String,
    pub lines: RangeInclusive<usize>,
}

pub struct Source<'a> {
    /// Relative to the repository, with `/`.
    pub path: &'a str,
    pub text: &'a str,
    pub tokens: Vec<Token>,
    lines_of_tests: Vec<RangeInclusive<usize>>,
}

impl<'a> Source<'a> {
    pub fn new(path: &'a str, text: &'a str) -> Self {
        let tokens = tokens(&masked(text));
        let lines_of_tests = lines_of_tests(&tokens);
        Self { path, text, tokens, lines_of_tests }
    }

    /// Whether this line is test code only: a test file, or an item under `#[cfg(test)]`.
    pub fn is_test(&self, line: usize) -> bool {
        let file = self.path.rsplit('/').next().unwrap_or(self.path);
        file == "tests.rs"
            || file.ends_with("_tests.rs")
            || self.path.split('/').any(|folder| folder == "tests")
            || self.lines_of_tests.iter().any(|lines| lines.contains(&line))
    }

    pub fn functions(&self) -> Vec<Function> {
        let named = |at: usize| self.tokens[at].text == "fn" && is_name(self.tokens.get(at + 1));
        let starts = (0..self.tokens.len()).filter(|at| named(*at));
        starts
            .filter_map(|at| {
                let end = item_end(&self.tokens, at)?;
                let has_body = self.tokens[end].text == "}";
                has_body.then(|| Function {
                    name: self.tokens[at + 1].text.clone(),
                    lines: self.tokens[at].line..=self.tokens[end].line,
                })
            })
            .collect()
    }

    /// The lines where these tokens follow each other.
    pub fn find(&self, wanted: &[&str]) -> Vec<usize> {
        let windows = self.tokens.windows(wanted.len());
        let matching =
            windows.filter(|window| window.iter().map(|it| it.text.as_str()).eq(wanted.iter().copied()));
        matching.map(|window| window[0].line).collect()
    }
}

pub fn is_name(token: Option<&Token>) -> bool {
    let first = token.and_then(|it| it.text.chars().next());
    first.is_some_and(|it| it.is_alphabetic() || it == '_')
}

/// The index of the `}` or `;` that ends the item which starts at `from`.
pub fn item_end(tokens: &[Token], from: usize) -> Option<usize> {
    let mut nesting = 0_usize;
    for (at, token) in tokens.iter().enumerate().skip(from) {
        match token.text.as_str() {
            "(" | "[" => nesting += 1,
            ")" | "]" => nesting = nesting.saturating_sub(1),
            ";" if nesting == 0 => return Some(at),
            "{" if nesting == 0 => return closing_brace(tokens, at),
            _ => {}
        }
    }
    None
}

fn closing_brace(tokens: &[Token], open: usize) -> Option<usize> {
    let mut depth = 0_usize;
    for (at, token) in tokens.iter().enumerate().skip(open) {
        match token.text.as_str() {
            "{" => depth += 1,
            "}" => {
                depth -= 1;
                if depth == 0 {
                    return Some(at);
                }
            }
            _ => {}
        }
    }
    None
}

fn lines_of_tests(tokens: &[Token]) -> Vec<RangeInclusive<usize>> {
    let is = |at: usize, text: &str| tokens.get(at).is_some_and(|it| it.text == text);
    let starts = (0..tokens.len()).filter(|at| is(*at, "#") && is(at + 1, "[") && is(at + 2, "cfg"));
    starts
        .filter_map(|at| {
            let close = (at..tokens.len()).find(|end| is(*end, "]"))?;
            let names_test = (at..close).any(|it| is(it, "test")) && !(at..close).any(|it| is(it, "not"));
            let end = item_end(tokens, close + 1)?;
            names_test.then(|| tokens[at].line..=tokens[end].line)
        })
        .collect()
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
