//! Broadcast barriers as they are stored, by topic. The value says nothing; the key is there or not. Pinned.

use super::{Family, StoreKey};

/// The value of both keys.
pub const BARRIER_SET: &[u8] = &[1];

/// At every task: everything that this topic held at the first start has arrived.
pub fn barrier_arrived_key(topic: &str) -> StoreKey {
    StoreKey::new(Family::Barrier, format!("arrived/{topic}").as_bytes())
}

/// At the task that owns the topic: the barrier was forwarded to every task.
pub fn barrier_sent_key(topic: &str) -> StoreKey {
    StoreKey::new(Family::Barrier, format!("sent/{topic}").as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_keys_are_pinned() {
        assert_eq!(barrier_arrived_key("otp-policy").as_bytes(), b"Marrived/otp-policy");
        assert_eq!(barrier_sent_key("otp-policy").as_bytes(), b"Msent/otp-policy");
    }
}
