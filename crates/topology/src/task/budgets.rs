//! Counts the deliveries of each clock hour of log time by tenant root and prefix, for the budgets of policies.
//!
//! Nothing is counted for a contract in which no policy has a budget. The hour never goes back: a delivery that is older than
//! it counts in it. Each task has its share of a budget, rounded up.

use super::reads::View;
use super::signals::Counted;
use super::{Task, TaskError};
use crate::contract::Tallies;
use crate::contract::analytics::TallyKind;
use crate::otp::{CanonicalSubject, ContractName, LogTime, NumberPrefix};
use crate::state::{BadRecord, BudgetKey, Family, StateStore, StoreError, StoredHour};

const HOUR_MS: u64 = 60 * 60 * 1000;
/// Counts of earlier hours that one delivery deletes.
const DELETED_MAX: usize = 256;

impl<S: StateStore> Task<S> {
    /// Counts the deliveries of one request.
    ///
    /// # Errors
    /// The store cannot be read.
    pub(super) fn count_deliveries(
        &mut self,
        contract: ContractName,
        counted: &Counted<'_>,
        tallies: &Tallies,
    ) -> Result<(), TaskError> {
        for tally in tallies.iter().filter(|it| it.what == TallyKind::Delivery) {
            if !self.view().has_budgets(contract)? {
                continue;
            }
            let hour = self.view().hour(counted.at)?;
            self.forget_hours_before(hour)?;
            let whole = BudgetKey { hour, contract: counted.contract, root: counted.root, prefix: None };
            self.count_in_hour(&whole)?;
            if tally.prefix.is_some() {
                self.count_in_hour(&BudgetKey { prefix: tally.prefix, ..whole })?;
            }
        }
        Ok(())
    }

    fn count_in_hour(&mut self, key: &BudgetKey<'_>) -> Result<(), TaskError> {
        let count = self.view().deliveries(key)?.saturating_add(1);
        self.overlay.put(key.encode().as_bytes(), &BudgetKey::encode_count(count));
        Ok(())
    }

    fn forget_hours_before(&mut self, hour: StoredHour) -> Result<(), TaskError> {
        if self.budget_hour == Some(hour) {
            return Ok(());
        }
        self.overlay.put(StoredHour::key().as_bytes(), &hour.encode());
        let (from, to) = (StoredHour(0).first_bytes(), hour.first_bytes());
        let old = self.overlay.scan(&self.store, &from, &to, DELETED_MAX)?;
        old.iter().for_each(|(key, _)| self.overlay.delete(key));
        if old.len() < DELETED_MAX {
            self.budget_hour = Some(hour);
        }
        Ok(())
    }
}

impl<S: StateStore> View<'_, S> {
    pub(super) fn is_budget_spent(
        &self,
        who: &CanonicalSubject,
        prefix: Option<NumberPrefix>,
        budget: u32,
        now: LogTime,
    ) -> Result<bool, StoreError> {
        let (contract, root) = (who.contract().as_str(), who.tenant_root());
        let hour = self.hour(now)?;
        let partitions = u32::try_from(self.topology.partitions).expect("a topic has partitions");
        let sent = self.deliveries(&BudgetKey { hour, contract, root, prefix })?;
        Ok(sent >= budget.div_ceil(partitions))
    }

    /// The hour in which a delivery of this time counts.
    fn hour(&self, now: LogTime) -> Result<StoredHour, StoreError> {
        let stored = self.overlay.get(self.store, StoredHour::key().as_bytes())?;
        let stored = stored.map(|value| StoredHour::decode(&value)).transpose().map_err(damaged)?;
        Ok(StoredHour(now.ms() / HOUR_MS).max(stored.unwrap_or(StoredHour(0))))
    }

    fn deliveries(&self, key: &BudgetKey<'_>) -> Result<u32, StoreError> {
        let count = self.overlay.get(self.store, key.encode().as_bytes())?;
        count.map_or(Ok(0), |value| BudgetKey::decode_count(&value)).map_err(damaged)
    }
}

fn damaged(error: BadRecord) -> StoreError {
    let reason = format!("{error}; {}", error.remedy());
    StoreError { place: format!("a {}", Family::Budget.what()), reason }
}
