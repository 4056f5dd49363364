//! What a contract can read of a task's state: the overlay over the store. Parsed policies, templates and clients are
//! cached.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use super::TaskError;
use crate::contract::client::Client;
use crate::contract::{Reads, ServeError};
use crate::deployment::Topology;
use crate::otp::{CanonicalSubject, ContractName, Keyring, LogTime, NumberPrefix, Policy, PolicyPatch};
use crate::state::{BadRecord, Family, Overlay, StateStore, StoreError, StoreKey, open};
use crate::text::{Template, TemplateKey};

/// Entries of a cache. Bounded, because tenants, template keys and client ids come from requests.
const CACHED_MAX: usize = 4096;
/// Records that are read at once.
const SCANNED_MAX: usize = 1024;

/// Policies, templates and clients as last read. Cleared whenever one is written or a write is rolled back.
#[derive(Default)]
pub(super) struct Caches {
    /// By contract and tenant.
    policies: RefCell<BTreeMap<ContractName, HashMap<String, Arc<Policy>>>>,
    templates: RefCell<HashMap<String, Option<Arc<Template>>>>,
    clients: RefCell<HashMap<String, Option<Arc<Client>>>>,
    /// Of the templates of a contract.
    locales: RefCell<BTreeMap<ContractName, Arc<[Box<str>]>>>,
    /// Whether a policy of the contract has a budget.
    budgets: RefCell<BTreeMap<ContractName, bool>>,
    /// Keys of policies with a rule beyond the bounds, until they are counted.
    beyond_bounds: RefCell<Vec<String>>,
}

impl Caches {
    pub(super) fn clear(&mut self) {
        self.policies.get_mut().clear();
        self.templates.get_mut().clear();
        self.clients.get_mut().clear();
        self.locales.get_mut().clear();
        self.budgets.get_mut().clear();
    }

    pub(super) fn take_beyond_bounds(&mut self) -> Vec<String> {
        std::mem::take(self.beyond_bounds.get_mut())
    }
}

pub(super) struct View<'a, S> {
    pub topology: &'a Topology,
    pub overlay: &'a Overlay,
    pub store: &'a S,
    pub caches: &'a Caches,
}

impl<S: StateStore> View<'_, S> {
    fn read_policy(&self, contract: ContractName, tenant: &str) -> Result<Policy, StoreError> {
        let mut policy = self.topology.base_policy(contract).clone();
        let rules = self.topology.contracts.get(contract).map_or(&[][..], |it| it.policy_rules());
        for tenant in Policy::chain(tenant) {
            let name = format!("{}/{tenant}", contract.as_str());
            let key = StoreKey::new(Family::Policy, name.as_bytes());
            if let Some(record) = self.overlay.get(self.store, key.as_bytes())? {
                let patch = PolicyPatch::from_stored(rules, &record, &self.topology.bounds);
                let (patch, is_beyond) = patch.map_err(|error| damaged(&key, &error))?;
                if is_beyond {
                    self.caches.beyond_bounds.borrow_mut().push(name);
                }
                policy = policy.with(&patch);
            }
        }
        Ok(policy.within_destinations_of(self.topology.base_policy(contract)))
    }

    /// Whether any policy of the contract has a budget of deliveries.
    ///
    /// # Errors
    /// The store cannot be read.
    pub(super) fn has_budgets(&self, contract: ContractName) -> Result<bool, StoreError> {
        if let Some(known) = self.caches.budgets.borrow().get(&contract) {
            return Ok(*known);
        }
        let base = self.topology.base_policy(contract);
        let mut has_budgets = base.has_budget();
        let rules = self.topology.contracts.get(contract).map_or(&[][..], |it| it.policy_rules());
        self.each_of(Family::Policy, contract, |_, record| {
            let patch = PolicyPatch::from_stored(rules, record, &self.topology.bounds);
            has_budgets |= patch.is_ok_and(|(patch, _)| base.with(&patch).has_budget());
        })?;
        self.caches.budgets.borrow_mut().insert(contract, has_budgets);
        Ok(has_budgets)
    }

    fn read_template(&self, key: &str) -> Result<Option<Arc<Template>>, StoreError> {
        let at = StoreKey::new(Family::Template, key.as_bytes());
        let Some(record) = self.overlay.get(self.store, at.as_bytes())? else {
            return Ok(None);
        };
        let parsed = TemplateKey::parse(key);
        let parsed = parsed.and_then(|it| Some((self.topology.contracts.named(it.contract)?, it.code)));
        let Some((contract, code)) = parsed else {
            return Ok(None);
        };
        // The settings may have changed since the template was judged; that must not stop the task.
        let template = Template::from_json(key, &record, &contract.template_rules(code).as_stored());
        template.map(|it| Some(Arc::new(it))).map_err(|error| damaged(&at, &error))
    }

    fn read_client(&self, client_id: &str) -> Result<Option<Arc<Client>>, StoreError> {
        let at = StoreKey::new(Family::Client, client_id.as_bytes());
        let Some(record) = self.overlay.get(self.store, at.as_bytes())? else {
            return Ok(None);
        };
        let client = Client::from_json(client_id, &record);
        client.map(|it| Some(Arc::new(it))).map_err(|error| damaged(&at, &error))
    }

    fn read_locales(&self, contract: ContractName) -> Result<BTreeSet<Box<str>>, StoreError> {
        let mut locales = BTreeSet::new();
        self.each_of(Family::Template, contract, |key, _| {
            let key = std::str::from_utf8(&key[1..]).ok().and_then(TemplateKey::parse);
            locales.extend(key.map(|key| key.locale.into()));
        })?;
        Ok(locales)
    }

    /// Passes every record of a family whose key begins with the contract's name.
    fn each_of(
        &self,
        family: Family,
        contract: ContractName,
        mut on_record: impl FnMut(&[u8], &[u8]),
    ) -> Result<(), StoreError> {
        let within = |end: &str| StoreKey::new(family, [contract.as_str(), end].concat().as_bytes());
        // `0` comes after `/`.
        let (mut from, to) = (within("/").into_bytes(), within("0"));
        loop {
            let rows = self.overlay.scan(self.store, &from, to.as_bytes(), SCANNED_MAX)?;
            rows.iter().for_each(|(key, value)| on_record(key, value));
            match rows.into_iter().nth(SCANNED_MAX - 1) {
                Some((last, _)) => from = [&last[..], &[0]].concat(),
                None => return Ok(()),
            }
        }
    }
}

impl<S: StateStore> Reads for View<'_, S> {
    fn policy(&self, contract: ContractName, tenant: &str) -> Result<Arc<Policy>, StoreError> {
        let known = self.caches.policies.borrow().get(&contract).and_then(|it| it.get(tenant)).cloned();
        if let Some(policy) = known {
            return Ok(policy);
        }
        let policy = Arc::new(self.read_policy(contract, tenant)?);
        let mut cached = self.caches.policies.borrow_mut();
        let cached = cached.entry(contract).or_default();
        if cached.len() >= CACHED_MAX {
            cached.clear();
        }
        cached.insert(tenant.to_owned(), policy.clone());
        Ok(policy)
    }

    fn directory(&self, subject: &CanonicalSubject) -> Result<Option<Vec<u8>>, ServeError> {
        let pseudonym = self.topology.keys.pseudonym(subject);
        let key = StoreKey::new(Family::Directory, &pseudonym.0);
        let Some(sealed) = self.overlay.get(self.store, key.as_bytes())? else {
            return Ok(None);
        };
        match open(&self.topology.keys, key.as_bytes(), &sealed) {
            Ok(text) => Ok(Some(text)),
            Err(crate::state::CannotOpen::Key(error)) => Err(error.into()),
            Err(crate::state::CannotOpen::Record(error)) => {
                let reason = format!("{error}; {}", error.remedy());
                Err(StoreError { place: "a directory entry".to_owned(), reason }.into())
            }
        }
    }

    fn template(&self, key: &str) -> Result<Option<Arc<Template>>, StoreError> {
        cached(&self.caches.templates, key, || self.read_template(key))
    }

    fn template_locales(&self, contract: ContractName) -> Result<Arc<[Box<str>]>, StoreError> {
        if let Some(known) = self.caches.locales.borrow().get(&contract) {
            return Ok(known.clone());
        }
        let locales: Arc<[Box<str>]> = self.read_locales(contract)?.into_iter().collect();
        self.caches.locales.borrow_mut().insert(contract, locales.clone());
        Ok(locales)
    }

    fn client(&self, client_id: &str) -> Result<Option<Arc<Client>>, StoreError> {
        cached(&self.caches.clients, client_id, || self.read_client(client_id))
    }

    fn is_spent(
        &self,
        who: &CanonicalSubject,
        prefix: Option<NumberPrefix>,
        budget: u32,
        now: LogTime,
    ) -> Result<bool, StoreError> {
        self.is_budget_spent(who, prefix, budget, now)
    }

    fn keys(&self) -> &Keyring {
        &self.topology.keys
    }
}

/// What a cache has under a key, or what `read` finds, which the cache has then.
fn cached<T: Clone>(
    cache: &RefCell<HashMap<String, T>>,
    key: &str,
    read: impl FnOnce() -> Result<T, StoreError>,
) -> Result<T, StoreError> {
    if let Some(known) = cache.borrow().get(key) {
        return Ok(known.clone());
    }
    let found = read()?;
    let mut cache = cache.borrow_mut();
    if cache.len() >= CACHED_MAX {
        cache.clear();
    }
    cache.insert(key.to_owned(), found.clone());
    Ok(found)
}

/// The value under this key cannot be read: the task fails, because it must neither guess nor skip.
fn damaged(key: &StoreKey, error: &dyn std::fmt::Display) -> StoreError {
    let what = Family::of(key.as_bytes()).map_or("unknown entry", Family::what);
    let remedy = BadRecord::Damaged("").remedy();
    StoreError { place: format!("a {what}"), reason: format!("{error}; {remedy}") }
}

impl From<ServeError> for TaskError {
    fn from(error: ServeError) -> Self {
        match error {
            ServeError::Store(error) => Self::Store(error),
            ServeError::Key(error) => Self::Key(error),
            ServeError::NotServed(contract) => Self::NotServed(contract),
        }
    }
}
