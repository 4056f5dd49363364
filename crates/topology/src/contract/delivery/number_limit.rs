//! The limit of deliveries per number and hour, across tenants and contracts: whether a delivery needs the grant of the
//! number's home, and whether it has it.
//!
//! Counts nothing: the task that the number alone names does.

use super::order::CodeOrder;
use crate::contract::port::NumberAsk;
use crate::contract::session::Session;
use crate::otp::{CanonicalSubject, NumberPseudonym};

/// What the limit says about one delivery.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum NumberStanding {
    /// There is no limit, or the delivery was granted.
    Free {
        /// See [`crate::contract::NumberVerdict::is_reserved`].
        is_reserved: bool,
    },
    /// The number's home has not been asked.
    Unasked(NumberAsk),
    /// The number had as many deliveries as it may have.
    Spent,
}

/// `who`: stands for the number of a delivery that only looks like one and has none.
pub(super) fn standing(
    session: &Session<'_>,
    order: &CodeOrder<'_>,
    who: &CanonicalSubject,
) -> NumberStanding {
    let verdict = session.pending.verdict;
    let max = session.policy.sends_per_number_hour_max;
    if max.is_none() && verdict.is_none() {
        return NumberStanding::Free { is_reserved: false };
    }
    let is_reserved = session.holds_place();
    let number = number_of(session, order, who);
    match (number, max, verdict) {
        // The verdict counts for the number that was asked. The directory may name another one by now.
        (Some(number), _, Some(it)) if it.number == number => {
            if it.is_granted {
                NumberStanding::Free { is_reserved }
            } else {
                NumberStanding::Spent
            }
        }
        (Some(number), Some(max), Some(_) | None) => {
            NumberStanding::Unasked(NumberAsk { number, max, purpose: order.purpose })
        }
        (Some(_) | None, _, _) => NumberStanding::Free { is_reserved },
    }
}

/// `None`: nothing goes to a number, and nothing must look as if it did.
fn number_of(
    session: &Session<'_>,
    order: &CodeOrder<'_>,
    who: &CanonicalSubject,
) -> Option<NumberPseudonym> {
    let keys = session.reads.keys();
    if !order.exit.counts() {
        return None;
    }
    let stand_in = || (!order.exit.delivers()).then(|| keys.number(None, who.identity()));
    order.phone.map(|phone| keys.number(phone.country_code, phone.number)).or_else(stand_in)
}
