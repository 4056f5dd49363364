//! What a sweep may do to a subject: forget what is over, and nothing that still counts.

use otp_topology::otp::{Lock, Subject};
use otp_topology::state::decode_subject;

use crate::oracle::{Judged, Oracle};

/// How far the broker's clocks may be ahead of the true one.
const AHEAD_MS: u64 = 10_000;
const REMEMBERED_MS: u64 = 15 * 60 * 1000;
const DAY_MS: u64 = 24 * 60 * 60 * 1000;

/// # Errors
/// Something that counts at `now` is gone.
pub(super) fn check(before: Option<&[u8]>, after: Option<&[u8]>, now: u64) -> Judged {
    let read = |bytes: Option<&[u8]>| match bytes {
        Some(bytes) => {
            decode_subject(bytes).map_err(|error| Oracle::Sweep.broken(format!("a subject is {error}")))
        }
        None => Ok(Subject::default()),
    };
    let (before, after) = (read(before)?, read(after)?);
    let now = now + AHEAD_MS;
    let is_over = |time: u64, lasts: u64| now >= time + lasts;
    match before.lock {
        _ if after.lock == before.lock => {}
        Lock::Until(end) if is_over(end.ms(), 0) && after.lock == Lock::None => {}
        Lock::None | Lock::Until(_) | Lock::UntilReleased => {
            return Err(Oracle::Sweep.broken("the sweep forgot a lock that stands"));
        }
    }
    if after.consecutive_wrong != before.consecutive_wrong {
        return Err(Oracle::Sweep.broken("the sweep forgot wrong tries"));
    }
    let challenge = before.challenges.iter().find(|it| {
        let kept = after.challenges.iter().any(|kept| kept.code.challenge == it.code.challenge);
        !kept && !is_over(it.ended_at().ms(), DAY_MS)
    });
    if challenge.is_some() {
        return Err(Oracle::Sweep.broken("the sweep forgot a challenge that is remembered"));
    }
    let answer = before.remembered.iter().find(|it| {
        !after.remembered.iter().any(|kept| kept.request == it.request) && !is_over(it.at.ms(), REMEMBERED_MS)
    });
    if answer.is_some() {
        return Err(Oracle::Sweep.broken("the sweep forgot an answer that is remembered"));
    }
    let send = before.sends.iter().find(|it| !after.sends.contains(it) && !is_over(it.ms(), DAY_MS));
    send.map_or(Ok(()), |_| Err(Oracle::Sweep.broken("the sweep forgot a delivery that counts")))
}
