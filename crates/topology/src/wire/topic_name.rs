//! Which names a Kafka topic may have.

/// The longest name that a broker accepts, in characters.
pub const CHARS_MAX: usize = 249;

/// What to do about an illegal name.
pub const REMEDY: &str = "use letters, digits, '.', '_' and '-', at most 249 of them";

/// Why a broker refuses this name.
pub fn fault(name: &str) -> Option<&'static str> {
    let legal = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-');
    if name.is_empty() {
        Some("a topic's name is not empty")
    } else if name == "." || name == ".." {
        Some("'.' and '..' name no topic")
    } else if name.len() > CHARS_MAX {
        Some("a topic's name has at most 249 characters")
    } else if !name.chars().all(legal) {
        Some("a topic's name has only letters, digits, '.', '_' and '-'")
    } else {
        None
    }
}

/// A broker refuses two names that differ only in '.' and '_': its metrics cannot tell them apart.
pub fn collision_key(name: &str) -> String {
    name.replace('.', "_")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_judged_as_a_broker_does() {
        let check = |name: &str, expected: Option<&str>| {
            let found = fault(name);
            let is_as_expected = match (found, expected) {
                (Some(found), Some(part)) => found.contains(part),
                (found, expected) => found == expected,
            };
            assert!(is_as_expected, "{name:?}: {found:?}");
        };
        check("otp-request_egov.v1", None);
        check("...", None);
        check("a", None);
        check(&"a".repeat(CHARS_MAX), None);
        check(&"a".repeat(CHARS_MAX + 1), Some("at most 249"));
        check("", Some("not empty"));
        check(".", Some("name no topic"));
        check("..", Some("name no topic"));
        check("a b", Some("only letters"));
        check("a/b", Some("only letters"));
        check("é", Some("only letters"));
    }

    #[test]
    fn names_collide_that_differ_in_dots_and_underscores_alone() {
        let check = |first: &str, second: &str, expected: bool| {
            assert_eq!(collision_key(first) == collision_key(second), expected, "{first} {second}");
        };
        check("a.b", "a_b", true);
        check("a.b", "a-b", false);
        check("a.b", "a.c", false);
    }
}
