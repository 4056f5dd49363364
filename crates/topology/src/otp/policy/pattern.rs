//! Patterns that mean the same to Java's regex engine, for which rules are written, and to this program's.
//!
//! DIGIT reads the same rules (MDMS) with `String.matches`. What the two engines read differently is refused by name, so that
//! no rule lets through here what it refuses there.

use regex::{Regex, RegexBuilder};
use regex_syntax::ast::parse::Parser;
use regex_syntax::ast::{
    AssertionKind, Ast, ClassSet, ClassSetItem, ErrorKind, GroupKind, HexLiteralKind, Literal, LiteralKind,
    Repetition, RepetitionKind, RepetitionRange, SpecialLiteralKind,
};

/// Size of one compiled pattern.
const COMPILED_BYTES_MAX: usize = 256 * 1024;

const POSSESSIVE: &str = "its regex has a quantifier after a quantifier: to Java `++`, `*+`, `?+` and `{n}+` are \
    possessive, here they repeat once more; write one quantifier";
const LAZY: &str = "its regex has a lazy quantifier (`*?`, `+?`, `??`, `{n,m}?`), which means nothing where the whole number \
    must match; write it without the last `?`";
const BLANKS: &str =
    "its regex has a blank in a quantifier like `{ 5 }`, which Java does not take; write `{5}`";
const LINE_END: &str = "its regex has a `$` before its end: to Java `$` also stands before a last line break; write `$` at the \
    end alone";
const TEXT_END: &str =
    "its regex has `\\Z`, which to Java also stands before a last line break, and is unknown here; write `$`";
const WORD_BOUNDARY: &str = "its regex has `\\b`, `\\B`, `\\<` or `\\>`: word boundaries are those of Unicode here, those of \
    ASCII to Java, and `\\<` is a plain `<` to Java; write the characters themselves";
const DOT: &str = "its regex has `.`, which to Java stands for no line break of any kind, here only for no line feed; write the \
    characters, as in `[0-9]`";
const PERL_CLASS: &str = "its regex has `\\d`, `\\w`, `\\s` or their negations: digits, letters and blanks of every script \
    here, of ASCII alone to Java; write `[0-9]`, `[A-Za-z0-9_]`, `[ \\t]`";
const UNICODE_CLASS: &str =
    "its regex has `\\p` or `\\P`, whose names and members differ in Java; write the characters themselves";
const CLASS_OPERATION: &str = "its regex has a class inside a class, or `&&`, `--` or `~~` in one: Java knows `&&` alone and \
    reads nested classes in its own way; write one plain class";
const POSIX_CLASS: &str =
    "its regex has `[:name:]`, which to Java is a class of these letters; write the characters";
const FLAGS: &str = "its regex has inline flags like `(?i)`, which the two engines apply to different characters; write the \
    characters, as in `[aA]`";
const GROUP_NAME: &str = "its regex has a named group, whose spelling Java does not share; write `(?:…)`";
const VERTICAL_TAB: &str =
    "its regex has `\\v`, a vertical tab here, any vertical blank to Java; write the characters themselves";
const HEX: &str = "its regex has an escape like `\\u{…}` or `\\U…`, which Java does not know; write `\\x{…}`";
const LOOK_AROUND: &str = "its regex has a look-around like `(?=…)`, which this program's engine does not have; write the pattern without";
const BACKREFERENCE: &str = "its regex refers to a group like `\\1`, which this program's engine does not have; write the pattern without";
const ESCAPE: &str = "its regex has an escape that only Java knows, like `\\h`, `\\R`, `\\Q…\\E`, `\\G` or `\\X`; write the \
    characters themselves";
const BROKEN: &str = "its regex does not compile";

/// Differences that do not show where a whole number of ASCII characters is judged. Stored rules may have them, from
/// before they were refused.
const HARMLESS: [&str; 3] = [LAZY, PERL_CLASS, GROUP_NAME];

/// Why a pattern is refused: the difference between the engines, and what to write instead. It repeats nothing of the
/// pattern.
pub(super) fn fault(pattern: &str) -> Option<&'static str> {
    let first = match differences(pattern) {
        Ok(found) => found.first().copied(),
        Err(unparsed) => Some(unparsed),
    };
    first.or_else(|| compiled(pattern).is_none().then_some(BROKEN))
}

/// A pattern that matches whole numbers, for numbers in ASCII. `None`: the pattern could let another number through than
/// Java does.
pub(super) fn compile(pattern: &str) -> Option<Regex> {
    let found = differences(pattern).ok()?;
    if found.iter().all(|it| HARMLESS.contains(it)) { compiled(pattern) } else { None }
}

fn compiled(pattern: &str) -> Option<Regex> {
    let build = |pattern: &str| RegexBuilder::new(pattern).size_limit(COMPILED_BYTES_MAX).build().ok();
    // Alone first: `a)|(?:b` is a pattern only inside the group.
    build(pattern)?;
    build(&format!(r"\A(?:{pattern})\z"))
}

/// # Errors
/// This program's engine cannot parse it.
fn differences(pattern: &str) -> Result<Vec<&'static str>, &'static str> {
    let ast = Parser::new().parse(pattern);
    let ast = ast.map_err(|error| unparsed(pattern, error.kind(), error.span().start.offset))?;
    let mut found = Differences { pattern, found: Vec::new() };
    found.look(&ast, Place::End);
    Ok(found.found)
}

fn unparsed(pattern: &str, error: &ErrorKind, at: usize) -> &'static str {
    if *error == ErrorKind::EscapeUnrecognized && pattern[at..].starts_with(r"\Z") {
        return TEXT_END;
    }
    if *error == ErrorKind::FlagUnrecognized && pattern[at..].starts_with('>') {
        return POSSESSIVE;
    }
    let named = [
        (ErrorKind::UnsupportedLookAround, LOOK_AROUND),
        (ErrorKind::UnsupportedBackreference, BACKREFERENCE),
        (ErrorKind::EscapeUnrecognized, ESCAPE),
        (ErrorKind::FlagUnrecognized, FLAGS),
    ];
    named.into_iter().find(|(kind, _)| kind == error).map_or(BROKEN, |(_, text)| text)
}

/// Whether anything can come after a part of a pattern.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Place {
    Inside,
    End,
}

/// What the engines read differently, in the order of the pattern.
struct Differences<'a> {
    pattern: &'a str,
    found: Vec<&'static str>,
}

impl Differences<'_> {
    fn look(&mut self, ast: &Ast, place: Place) {
        match ast {
            Ast::Empty(_) => {}
            Ast::Flags(_) => self.found.push(FLAGS),
            Ast::Literal(literal) => self.found.extend(difference_of_literal(literal)),
            Ast::Dot(_) => self.found.push(DOT),
            Ast::Assertion(assertion) => self.found.extend(difference_of_assertion(&assertion.kind, place)),
            Ast::ClassUnicode(_) => self.found.push(UNICODE_CLASS),
            Ast::ClassPerl(_) => self.found.push(PERL_CLASS),
            Ast::ClassBracketed(class) => self.look_in_set(&class.kind),
            Ast::Repetition(repetition) => self.look_in_repetition(repetition),
            Ast::Group(group) => {
                match &group.kind {
                    GroupKind::CaptureName { .. } => self.found.push(GROUP_NAME),
                    GroupKind::NonCapturing(flags) if !flags.items.is_empty() => self.found.push(FLAGS),
                    GroupKind::CaptureIndex(_) | GroupKind::NonCapturing(_) => {}
                }
                self.look(&group.ast, place);
            }
            Ast::Alternation(alternation) => alternation.asts.iter().for_each(|ast| self.look(ast, place)),
            Ast::Concat(concat) => {
                let last = concat.asts.len().saturating_sub(1);
                for (at, ast) in concat.asts.iter().enumerate() {
                    self.look(ast, if at == last { place } else { Place::Inside });
                }
            }
        }
    }

    fn look_in_repetition(&mut self, repetition: &Repetition) {
        let span = repetition.op.span;
        let operator = &self.pattern[span.start.offset..span.end.offset];
        let is_plain = match &repetition.op.kind {
            RepetitionKind::ZeroOrOne | RepetitionKind::ZeroOrMore | RepetitionKind::OneOrMore => true,
            RepetitionKind::Range(range) => operator.trim_end_matches('?') == spelled(range),
        };
        if matches!(*repetition.ast, Ast::Repetition(_)) {
            self.found.push(POSSESSIVE);
        } else if !is_plain {
            self.found.push(BLANKS);
        } else if !repetition.greedy {
            self.found.push(LAZY);
        }
        self.look(&repetition.ast, Place::Inside);
    }

    fn look_in_set(&mut self, set: &ClassSet) {
        match set {
            ClassSet::Item(item) => self.look_in_item(item),
            ClassSet::BinaryOp(_) => self.found.push(CLASS_OPERATION),
        }
    }

    fn look_in_item(&mut self, item: &ClassSetItem) {
        match item {
            ClassSetItem::Empty(_) => {}
            ClassSetItem::Literal(literal) => self.found.extend(difference_of_literal(literal)),
            ClassSetItem::Range(range) => {
                self.found.extend([&range.start, &range.end].into_iter().filter_map(difference_of_literal));
            }
            ClassSetItem::Ascii(_) => self.found.push(POSIX_CLASS),
            ClassSetItem::Unicode(_) => self.found.push(UNICODE_CLASS),
            ClassSetItem::Perl(_) => self.found.push(PERL_CLASS),
            ClassSetItem::Bracketed(_) => self.found.push(CLASS_OPERATION),
            ClassSetItem::Union(union) => union.items.iter().for_each(|item| self.look_in_item(item)),
        }
    }
}

fn difference_of_assertion(kind: &AssertionKind, place: Place) -> Option<&'static str> {
    match kind {
        AssertionKind::StartLine | AssertionKind::StartText | AssertionKind::EndText => None,
        AssertionKind::EndLine => (place == Place::Inside).then_some(LINE_END),
        AssertionKind::WordBoundary
        | AssertionKind::NotWordBoundary
        | AssertionKind::WordBoundaryStart
        | AssertionKind::WordBoundaryEnd
        | AssertionKind::WordBoundaryStartAngle
        | AssertionKind::WordBoundaryEndAngle
        | AssertionKind::WordBoundaryStartHalf
        | AssertionKind::WordBoundaryEndHalf => Some(WORD_BOUNDARY),
    }
}

/// A range as Java spells it.
fn spelled(range: &RepetitionRange) -> String {
    match range {
        RepetitionRange::Exactly(count) => format!("{{{count}}}"),
        RepetitionRange::AtLeast(min) => format!("{{{min},}}"),
        RepetitionRange::Bounded(min, max) => format!("{{{min},{max}}}"),
    }
}

fn difference_of_literal(literal: &Literal) -> Option<&'static str> {
    match &literal.kind {
        LiteralKind::Verbatim | LiteralKind::Meta | LiteralKind::Superfluous | LiteralKind::Octal => None,
        LiteralKind::HexFixed(HexLiteralKind::X | HexLiteralKind::UnicodeShort)
        | LiteralKind::HexBrace(HexLiteralKind::X) => None,
        LiteralKind::HexFixed(HexLiteralKind::UnicodeLong)
        | LiteralKind::HexBrace(HexLiteralKind::UnicodeShort | HexLiteralKind::UnicodeLong) => Some(HEX),
        LiteralKind::Special(SpecialLiteralKind::VerticalTab) => Some(VERTICAL_TAB),
        LiteralKind::Special(
            SpecialLiteralKind::Bell
            | SpecialLiteralKind::FormFeed
            | SpecialLiteralKind::Tab
            | SpecialLiteralKind::LineFeed
            | SpecialLiteralKind::CarriageReturn
            | SpecialLiteralKind::Space,
        ) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pattern_that_both_engines_read_alike_is_taken() {
        let same = [
            "^[6-9][0-9]{9}$",
            "7[0-9]{8}|1[0-9]{8}",
            r"^(\+91|0)?[6-9][0-9]{9}$",
            "^([1-9][0-9]{5}|0[0-9]{2,})$|^1{3}$",
            r"\A[0-9 ()-]{4,15}\z",
            r"[^a-z\]]+\.\x41\x{42}\u0043\t",
            "(?:(a)b)*",
            "a|",
            "[]a]{1}",
        ];
        for pattern in same {
            assert_eq!(fault(pattern), None, "{pattern}");
            assert!(compile(pattern).is_some(), "{pattern}");
        }
    }

    #[test]
    fn a_pattern_of_another_engine_is_refused_by_the_difference() {
        let check = |patterns: &[&str], expected: &str| {
            for pattern in patterns {
                assert_eq!(fault(pattern), Some(expected), "{pattern}");
                assert_eq!(compile(pattern).is_some(), HARMLESS.contains(&expected), "{pattern}");
            }
        };
        check(&["^[6-9][0-9]{9}+$", "a++", "a*+", "a?+", "(a{2}+)b", "a**", "(?>a)b"], POSSESSIVE);
        check(&["a*?", "a+?b", "a??", "(a{2,3}?)"], LAZY);
        check(&["a{ 5 }", "a{1, 2}"], BLANKS);
        check(&["^a$b", "(a$)*", "(?:a$)b", "(^$)?"], LINE_END);
        check(&[r"a\Z"], TEXT_END);
        check(&[r"\ba", r"a\B", r"\<a", r"a\b{end}"], WORD_BOUNDARY);
        check(&["^.{10}$", "(.)"], DOT);
        check(&[r"^\d{10}$", r"[\d-]+", r"\S", r"\W|a", r"(?:\s)"], PERL_CLASS);
        check(&[r"\p{Nd}", r"\PL", r"[^\p{L}]"], UNICODE_CLASS);
        check(&["[a-z&&[^b]]", "[a-z--b]", "[a~~b]", "[[a]b]"], CLASS_OPERATION);
        check(&["[[:digit:]]"], POSIX_CLASS);
        check(&["(?i)a", "(?i:a)", "a(?u)", "(?x)1 #", "(?s-m:a)", "(?d)a", "(?R)a"], FLAGS);
        check(&["(?P<n>a)", "(?<n>a)"], GROUP_NAME);
        check(&[r"\v"], VERTICAL_TAB);
        check(&[r"\u{41}", r"\U00000041", r"[\u{41}-z]"], HEX);
        check(&["(?=1)2", "(?!a)", "(?<=a)b"], LOOK_AROUND);
        check(&[r"(a)\1"], BACKREFERENCE);
        check(&[r"\h", r"\R", r"\Qa\E", r"\G", r"\X", r"\e"], ESCAPE);
        assert!(compile(r"^\d[0-9]{9}+$").is_none());
        check(&["[0-9", "a)|(?:b", "[0-9]{99999}", "*a", "(", "a{,5}"], BROKEN);
    }
}
