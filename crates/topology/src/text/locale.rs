//! Spellings of a locale. Clients write `hi_IN`, `hi-IN`, `HI_in`, `hi_IN.UTF-8` and `hi`, and mean the same texts.

/// The known locales that stand for `asked`, the nearest first: the same tag in another spelling, then the language
/// alone, then the language in a country, that of `home` first. `asked` itself is left out.
pub(super) fn similar<'a>(asked: &str, home: &str, known: &'a [Box<str>]) -> Vec<&'a str> {
    let (asked_tag, home_tag) = (tag(asked), tag(home));
    let rank = |locale: &str| {
        let tag = tag(locale);
        if !is_same(language(tag), language(asked_tag)) {
            None
        } else if is_same(tag, asked_tag) {
            Some(0)
        } else if is_same(tag, language(tag)) {
            Some(1)
        } else if is_same(country(tag), country(home_tag)) {
            Some(2)
        } else {
            Some(3)
        }
    };
    let others = known.iter().map(|locale| &**locale).filter(|locale| *locale != asked);
    let mut found: Vec<_> = others.filter_map(|locale| Some((rank(locale)?, locale))).collect();
    found.sort_unstable();
    found.into_iter().map(|(_, locale)| locale).collect()
}

/// Without what comes after the tag: `.UTF-8`, or the next ones of an `Accept-Language`.
fn tag(locale: &str) -> &str {
    let end = locale.find(|c: char| !(c.is_ascii_alphanumeric() || matches!(c, '_' | '-')));
    end.map_or(locale, |end| &locale[..end])
}

fn language(tag: &str) -> &str {
    tag.split(['_', '-']).next().unwrap_or(tag)
}

/// The last subtag. The language, if there is no other.
fn country(tag: &str) -> &str {
    tag.rsplit(['_', '-']).next().unwrap_or(tag)
}

/// Whether two tags are the same but for case and separator.
fn is_same(a: &str, b: &str) -> bool {
    let plain = |byte: u8| if byte == b'-' { b'_' } else { byte.to_ascii_lowercase() };
    a.len() == b.len() && a.bytes().map(plain).eq(b.bytes().map(plain))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_spelling_finds_its_language() {
        let known: Vec<Box<str>> =
            ["en_GB", "en_IN", "hi", "hi_IN", "hi_NP", "pa-in", "ta_IN"].map(Into::into).to_vec();
        let check = |asked: &str, expected: &[&str]| {
            assert_eq!(similar(asked, "en_IN", &known), expected, "{asked}");
        };
        check("hi_IN", &["hi", "hi_NP"]);
        check("hi-IN", &["hi_IN", "hi", "hi_NP"]);
        check("HI_in", &["hi_IN", "hi", "hi_NP"]);
        check("hi", &["hi_IN", "hi_NP"]);
        check("hi_MU", &["hi", "hi_IN", "hi_NP"]);
        check("hi_IN.UTF-8", &["hi_IN", "hi", "hi_NP"]);
        check("hi-IN,hi;q=0.9,en;q=0.8", &["hi_IN", "hi", "hi_NP"]);
        check("en", &["en_IN", "en_GB"]);
        check("PA_IN", &["pa-in"]);
        check("ta-Taml-IN", &["ta_IN"]);
        check("h", &[]);
        check("mr_IN", &[]);
        check("", &[]);
        check("हिन्दी", &[]);
    }
}
