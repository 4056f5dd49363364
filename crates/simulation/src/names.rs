//! How instances are called in traces and messages.

/// The letter of an instance, from `A`.
pub(crate) fn instance_name(number: usize) -> char {
    char::from(b'A' + number as u8)
}
