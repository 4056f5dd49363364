//! Which templates are tried, in which order: language first, then tenant (docs/contracts/egov.md, "Text").

use std::sync::Arc;

use super::locale::similar;

/// Whose template is wanted, and in which languages.
#[derive(Clone, Copy, Debug)]
pub struct Wanted<'a> {
    pub contract: &'a str,
    /// The first tenant to try; see [`template_tenant`].
    pub tenant: &'a str,
    pub locale: &'a str,
    /// Tried when nothing is found in `locale`.
    pub locale_default: &'a str,
}

/// The tenant whose templates a tenant uses: without its last `strip_suffix_count` segments, but at least the first.
pub fn template_tenant(tenant: &str, strip_suffix_count: usize) -> &str {
    let dots = || tenant.bytes().enumerate().filter(|(_, byte)| *byte == b'.').map(|(at, _)| at);
    let kept = (dots().count() + 1).saturating_sub(strip_suffix_count).max(1);
    match dots().nth(kept - 1) {
        Some(end) => &tenant[..end],
        None => tenant,
    }
}

/// Calls `look` with one key after the other until it finds a template. `known`: the locales that templates of the
/// contract have, sorted; it is asked only if there is nothing in exactly the locale that is wanted.
///
/// # Errors
/// The first error of `look` or `known`.
pub fn look_up<T, E>(
    wanted: &Wanted<'_>,
    code: &str,
    known: impl Fn() -> Result<Arc<[Box<str>]>, E>,
    mut look: impl FnMut(&str) -> Result<Option<T>, E>,
) -> Result<Option<T>, E> {
    let locales = [wanted.locale, wanted.locale_default];
    let distinct = if locales[0] == locales[1] { 1 } else { 2 };
    let mut key = String::with_capacity(64);
    let mut look_in = |locale: &str| {
        for tenant in chain_of(wanted.tenant).chain(["*"]) {
            key.clear();
            for part in [wanted.contract, "/", tenant, "/", locale, "/", code] {
                key.push_str(part);
            }
            if let Some(found) = look(&key)? {
                return Ok(Some(found));
            }
        }
        Ok(None)
    };
    for locale in &locales[..distinct] {
        if let Some(found) = look_in(locale)? {
            return Ok(Some(found));
        }
        for locale in similar(locale, wanted.locale_default, &known()?) {
            if let Some(found) = look_in(locale)? {
                return Ok(Some(found));
            }
        }
    }
    Ok(None)
}

/// `pb.amritsar.ward`, `pb.amritsar`, `pb`.
fn chain_of(tenant: &str) -> impl Iterator<Item = &str> {
    std::iter::successors(Some(tenant), |tenant| tenant.rsplit_once('.').map(|(parent, _)| parent))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn trailing_segments_are_stripped_but_never_the_first() {
        let check = |tenant: &str, count: usize, expected: &str| {
            assert_eq!(template_tenant(tenant, count), expected, "{tenant} less {count}");
        };
        check("pb.amritsar", 1, "pb");
        check("pb.amritsar.ward", 1, "pb.amritsar");
        check("pb.amritsar.ward", 0, "pb.amritsar.ward");
        check("pb.amritsar.ward", 9, "pb");
        check("pb", 1, "pb");
    }

    #[test]
    fn language_comes_before_tenant() {
        let check = |tenant: &str, locale: &str, expected: &[&str]| {
            let mut tried = Vec::new();
            let wanted = Wanted { contract: "egov", tenant, locale, locale_default: "en_IN" };
            let known = || Ok(["hi_IN", "hi_NP"].map(Into::into).into());
            let found: Result<Option<()>, ()> = look_up(&wanted, "c", known, |key| {
                tried.push(key.to_owned());
                Ok(None)
            });
            assert_eq!((found, tried), (Ok(None), expected.iter().map(|&key| key.to_owned()).collect()));
        };
        check("pb", "en_IN", &["egov/pb/en_IN/c", "egov/*/en_IN/c"]);
        check(
            "pb",
            "hi",
            &[
                "egov/pb/hi/c",
                "egov/*/hi/c",
                "egov/pb/hi_IN/c",
                "egov/*/hi_IN/c",
                "egov/pb/hi_NP/c",
                "egov/*/hi_NP/c",
                "egov/pb/en_IN/c",
                "egov/*/en_IN/c",
            ],
        );
        check(
            "pb.amritsar",
            "hi_IN",
            &[
                "egov/pb.amritsar/hi_IN/c",
                "egov/pb/hi_IN/c",
                "egov/*/hi_IN/c",
                "egov/pb.amritsar/hi_NP/c",
                "egov/pb/hi_NP/c",
                "egov/*/hi_NP/c",
                "egov/pb.amritsar/en_IN/c",
                "egov/pb/en_IN/c",
                "egov/*/en_IN/c",
            ],
        );
        check(
            "pb.amritsar.ward",
            "en_IN",
            &[
                "egov/pb.amritsar.ward/en_IN/c",
                "egov/pb.amritsar/en_IN/c",
                "egov/pb/en_IN/c",
                "egov/*/en_IN/c",
            ],
        );
    }
}
