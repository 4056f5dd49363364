//! Characters that nobody sees: with them, two texts that look the same differ.

use std::sync::LazyLock;

use regex::Regex;

/// Control, format (bidirectional ones too) and default-ignorable characters, line and paragraph separators, and the
/// blank of Braille. The classes are those of the Unicode version of `regex-syntax`.
static INVISIBLE: LazyLock<Regex> = LazyLock::new(|| {
    let class = r"[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Default_Ignorable_Code_Point}\u{2800}]";
    Regex::new(class).expect("a test compiles it")
});

pub fn has_invisible(text: &str) -> bool {
    // Most texts are visible ASCII.
    !text.bytes().all(|byte| matches!(byte, b' '..=b'~')) && INVISIBLE.is_match(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_cannot_be_seen_is_found() {
        let check = |character: char, expected: bool| {
            assert_eq!(has_invisible(&format!("a{character}b")), expected, "U+{:04X}", character as u32);
        };
        // Zero-width and joiners, byte order mark, soft hyphen, word joiner, bidirectional marks and isolates, Mongolian and
        // variation selectors, tags, Hangul fillers, separators, controls.
        let invisible = "\u{200b}\u{200c}\u{200d}\u{feff}\u{ad}\u{2060}\u{2064}\u{200e}\u{200f}\u{202a}\u{202e}\u{2066}\u{2069}\
            \u{61c}\u{34f}\u{180b}\u{180e}\u{fe0f}\u{e0100}\u{e0061}\u{115f}\u{3164}\u{ffa0}\u{fff9}\u{2028}\u{2029}\u{2800}\
            \u{0}\u{7f}\u{85}";
        invisible.chars().for_each(|character| check(character, true));
        "aZ09~ é\u{301}\u{93f}\u{94d}हग漢\u{a0}\u{3000}\u{fffd}"
            .chars()
            .for_each(|character| check(character, false));
    }
}
