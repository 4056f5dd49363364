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
