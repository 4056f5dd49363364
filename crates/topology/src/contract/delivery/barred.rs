//! Whether a delivery is forbidden although the subject may have a code: its destination, and the budgets of the hour.
//!
//! ```text
//! CodeOrder ─▶ destination ─▶ budget of the prefix ─▶ budget of the tenant root ─▶ allowed
//! ```

use super::order::CodeOrder;
use crate::contract::analytics::Suppression;
use crate::contract::session::Session;
use crate::otp::{CanonicalSubject, Exit, Refusal};
use crate::state::StoreError;

/// The order as it may be carried out, and what forbids it.
///
/// Where existence is concealed, what the number of a looked-up user forbids must not show. The code is withheld then.
///
/// # Errors
/// The store cannot be read.
pub(super) fn judged<'a>(
    session: &Session<'_>,
    who: &CanonicalSubject,
    order: &CodeOrder<'a>,
) -> Result<(CodeOrder<'a>, Option<Refusal>), StoreError> {
    let mut order = *order;
    if !order.exit.counts() {
        return Ok((order, None));
    }
    let is_withheld = order.is_looked_up && order.exit == Exit::Withheld;
    let by_number = if is_withheld { None } else { barred_by_number(session, who, &order)? };
    if let Some(refusal) = by_number {
        if !(order.is_looked_up && session.policy.conceal_existence) {
            return Ok((order, Some(refusal)));
        }
        order.exit = Exit::Withheld;
        order.withheld = Some(Suppression::from(refusal));
    }
    let spent = match session.policy.sends_per_tenant_hour_max {
        Some(budget) => session.reads.is_spent(who, None, budget, session.pending.now)?,
        None => false,
    };
    Ok((order, spent.then_some(Refusal::TenantLimit)))
}

fn barred_by_number(
    session: &Session<'_>,
    who: &CanonicalSubject,
    order: &CodeOrder<'_>,
) -> Result<Option<Refusal>, StoreError> {
    let policy = &session.policy;
    let is_refused = |it: super::PhoneNumber<'_>| !policy.allows_destination(it.country_code, it.number);
    if order.phone.is_some_and(is_refused) {
        return Ok(Some(Refusal::DestinationNotAllowed));
    }
    let (Some(budget), Some(prefix)) = (policy.sends_per_prefix_hour_max, order.prefix()) else {
        return Ok(None);
    };
    let spent = session.reads.is_spent(who, Some(prefix), budget, session.pending.now)?;
    Ok(spent.then_some(Refusal::PrefixLimit))
}
