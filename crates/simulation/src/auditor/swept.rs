//! What the expiry sweep may do to a subject or a number: remove what has expired, and nothing else.

use otp_topology::otp::{Lock, Subject};
use otp_topology::state::{NumberHour, decode_subject};

use crate::oracle::{Oracle, Verdict};

/// How far a broker's clock may be ahead of the true time.
const AHEAD_MS: u64 = 10_000;
/// What is over has an effect for so long, on requests that come late.
const GRACE_MS: u64 = 15 * 60 * 1000;
const REMEMBERED_MS: u64 = 15 * 60 * 1000;
const HOUR_MS: u64 = 60 * 60 * 1000;
const DAY_MS: u64 = 24 * 60 * 60 * 1000;

/// # Errors
/// Something was removed that has not expired at `now`.
pub(super) fn check(before: Option<&[u8]>, after: Option<&[u8]>, now: u64) -> Verdict {
    let read = |bytes: Option<&[u8]>| match bytes {
        Some(bytes) => decode_subject(bytes)
            .map_err(|error| Oracle::Sweep.violation(format!("a stored subject is {error}"))),
        None => Ok(Subject::default()),
    };
    let (before, after) = (read(before)?, read(after)?);
    let now = now + AHEAD_MS;
    let has_expired = |time: u64, lasts: u64| now >= time + lasts + GRACE_MS;
    match before.lock {
        _ if after.lock == before.lock => {}
        Lock::Until(end) if has_expired(end.ms(), 0) && after.lock == Lock::None => {}
        Lock::None | Lock::Until(_) | Lock::UntilReleased => {
            return Err(Oracle::Sweep.violation("the sweep removed a lock that has not ended"));
        }
    }
    if after.consecutive_wrong != before.consecutive_wrong {
        return Err(Oracle::Sweep.violation("the sweep removed wrong tries"));
    }
    let challenge = before.challenges.iter().find(|it| {
        let kept = after.challenges.iter().any(|kept| kept.code.challenge == it.code.challenge);
        !kept && !has_expired(it.ended_at().ms(), DAY_MS)
    });
    if challenge.is_some() {
        return Err(Oracle::Sweep.violation("the sweep removed a challenge that has not expired"));
    }
    let reply = before.remembered.iter().find(|it| {
        !after.remembered.iter().any(|kept| kept.request == it.request)
            && !has_expired(it.at.ms(), REMEMBERED_MS)
    });
    if reply.is_some() {
        return Err(Oracle::Sweep.violation("the sweep removed a remembered reply that has not expired"));
    }
    let held = before
        .reserved
        .iter()
        .find(|it| !after.reserved.contains(it) && !has_expired(it.at.ms(), REMEMBERED_MS));
    if held.is_some() {
        return Err(Oracle::Sweep.violation("the sweep gave a place away that is held"));
    }
    let send = before.sends.iter().find(|it| !after.sends.contains(it) && !has_expired(it.ms(), DAY_MS));
    send.map_or(Ok(()), |_| Err(Oracle::Sweep.violation("the sweep removed a delivery that still counts")))
}

/// # Errors
/// A number's hour was changed, or removed before it was over for an hour.
pub(super) fn check_number(before: Option<&[u8]>, after: Option<&[u8]>, now: u64) -> Verdict {
    let over =
        before.map_or(Ok(0), |bytes| NumberHour::decode(bytes).map(|it| it.begins_at.ms() + 2 * HOUR_MS));
    match (over, after) {
        (Ok(over), None) if now + AHEAD_MS >= over => Ok(()),
        (Ok(_) | Err(_), _) => {
            Err(Oracle::Sweep.violation("the sweep changed the count of a number whose hour is not over"))
        }
    }
}
