//! The home partition of some subjects: what it has read so far, and whether the answer to the next request is right.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::expected::{Case, Expected};
use super::policies::Policies;
use super::published::{Published, Stream};
use super::replies::{Replies, whole};
use super::{Client, Contract, Ms, Request, Rules, Subject};

/// How long what is over still has an effect on a request that comes late. The sweep may remove it afterwards.
const GRACE_MS: Ms = 15 * 60 * 1000;

pub struct Home {
    policies: BTreeMap<&'static str, Policies>,
    /// The clients of the registry, by id.
    pub(crate) clients: BTreeMap<String, Client>,
    /// The users by canonical subject. `None`: nobody is looked up.
    pub(crate) directory: Option<BTreeMap<String, Value>>,
    people: BTreeMap<String, Person>,
    /// Every challenge id that was seen.
    ids: BTreeSet<String>,
}

/// A subject, and what else is known about it.
#[derive(Clone, Default)]
pub(crate) struct Person {
    pub subject: Subject,
    pub replies: Replies,
    /// As its events name it.
    pseudonym: Option<String>,
    /// Challenges whose expiry was told.
    expired: BTreeSet<String>,
}

impl Home {
    /// `configured`: the rules below every policy record, of each contract. `looks_up`: the setting `egov.user_check`.
    pub fn new(configured: Rules, looks_up: bool) -> Self {
        let policies = |it: Contract| (it.as_str(), Policies::new(it, configured.clone()));
        Self {
            policies: Contract::ALL.map(policies).into(),
            clients: BTreeMap::new(),
            directory: looks_up.then(BTreeMap::new),
            people: BTreeMap::new(),
            ids: BTreeSet::new(),
        }
    }

    /// A record of the policy topic arrived. `key`: `<contract>/<tenant>`.
    pub fn put_policy(&mut self, key: &str, record: Option<Value>) {
        let (contract, tenant) = key.split_once('/').unwrap_or_default();
        if let Some(policies) = self.policies.get_mut(contract) {
            policies.put(tenant, record);
        }
    }

    /// A good record of the client registry arrived. `None`: the client was taken out.
    pub fn put_client(&mut self, id: &str, client: Option<Client>) {
        match client {
            Some(client) => drop(self.clients.insert(id.to_owned(), client)),
            None => drop(self.clients.remove(id)),
        }
    }

    fn rules_of(&self, request: &Request<'_>) -> Rules {
        self.policies[request.caller.contract.as_str()].of(request.tenant())
    }

    /// A record of the directory arrived.
    pub fn put_users(&mut self, subject: &str, record: Option<Value>) {
        let Some(directory) = &mut self.directory else { return };
        match record {
            Some(record) => drop(directory.insert(subject.to_owned(), record)),
            None => drop(directory.remove(subject)),
        }
    }

    pub fn unlock(&mut self, subject: &str, appended: Ms) {
        self.people.entry(subject.to_owned()).or_default().subject.unlock(appended);
    }

    pub fn forget(&mut self, subject: &str) {
        self.people.remove(subject);
    }

    /// A request was served, and this was published for it. `swept`: up to this time the sweep may have removed what was
    /// over fifteen minutes before.
    ///
    /// # Errors
    /// The contract says something else.
    pub fn judge(&mut self, request: &Request<'_>, published: &[Published], swept: Ms) -> Result<(), String> {
        let key = request.subject();
        let known = key.as_ref().and_then(|key| self.people.get(key)).cloned().unwrap_or_default();
        let is_late = swept > known.subject.asked_at.max(request.appended) + GRACE_MS;
        let judged = self.judge_as(known.clone(), request, published);
        let judged = match judged {
            Err(_) if is_late => self.judge_as(known.swept(swept - GRACE_MS), request, published),
            Ok(_) | Err(_) => judged,
        };
        let (person, ids) = judged.map_err(|what| format!("request {}: {what}", request.id))?;
        self.ids.extend(ids);
        if let Some(key) = key {
            self.people.insert(key, person);
        }
        Ok(())
    }

    /// A request left for the home of its number, and nothing was published for it. `swept`: as for [`Home::judge`]. Returns
    /// the number, and how many deliveries it may have within the hour.
    ///
    /// # Errors
    /// The contract says something else.
    pub fn ask(&mut self, request: &Request<'_>, swept: Ms) -> Result<(String, u64), String> {
        let key = request.subject().ok_or("a request without a subject asks for a number")?;
        let known = self.people.get(&key).cloned().unwrap_or_default();
        let is_late = swept > known.subject.asked_at.max(request.appended) + GRACE_MS;
        let asked = match self.ask_as(known.clone(), request) {
            Err(_) if is_late => self.ask_as(known.swept(swept - GRACE_MS), request),
            asked => asked,
        };
        let (person, number, max) = asked.map_err(|what| format!("request {}: {what}", request.id))?;
        self.people.insert(key, person);
        Ok((number, max))
    }

    /// A request left behind one that it repeats, and nothing was published for it.
    ///
    /// # Errors
    /// It is no repeat of a request that is under way.
    pub fn follow(&self, request: &Request<'_>) -> Result<(), String> {
        let person = request.subject().and_then(|key| self.people.get(&key));
        let is_under_way = person.is_some_and(|person| {
            let now = person.subject.asked_at.max(request.appended);
            person.subject.holds(&request.name(), now)
        });
        is_under_way.then_some(()).ok_or_else(|| format!("request {} follows none", request.id))
    }

    /// The sweep told that a challenge expired.
    ///
    /// # Errors
    /// It did not expire, or that was told before.
    pub fn expired(&mut self, event: &Published) -> Result<(), String> {
        let (id, at) = (event.text("challengeId"), event.body["occurredAt"].as_u64().unwrap_or(0));
        let pseudonym = event.body["subject"].as_str();
        // Of somebody who was forgotten nothing is known.
        let person = self.people.values_mut().find(|it| it.pseudonym.as_deref() == pseudonym);
        let Some(person) = person else { return Ok(()) };
        if !person.expired.insert(id.to_owned()) {
            return Err(format!("the expiry of challenge {id} is told twice"));
        }
        person.subject.see_hidden(event.text("purpose"), id);
        match person.subject.end_without_use(id) {
            Some(deadline) if at > deadline => Ok(()),
            Some(_) | None => Err(format!("challenge {id} is told to have expired at {at}, but it did not")),
        }
    }

    fn ask_as(&self, mut person: Person, request: &Request<'_>) -> Result<(Person, String, u64), String> {
        let now = person.subject.asked_at.max(request.appended);
        if person.replies.of(&request.caller.name, request.id, now).is_some() {
            return Err("it repeats a request that was answered".to_owned());
        }
        if person.subject.holds(&request.name(), now) && !request.has_followed {
            return Err("it repeats a request that is under way".to_owned());
        }
        person.subject.release(&request.name(), now);
        let rules = self.rules_of(request);
        let case = Case {
            home: self,
            request,
            rules,
            now,
            published: &[],
            digits: 0,
            ids: Vec::new(),
            is_held: false,
        };
        let (number, max) = case.ask(&mut person.subject)?;
        Ok((person, number, max))
    }

    fn judge_as(
        &self,
        mut person: Person,
        request: &Request<'_>,
        published: &[Published],
    ) -> Result<(Person, Vec<String>), String> {
        let is_known = request.subject().is_some();
        let now = person.subject.asked_at.max(request.appended);
        let replies: Vec<_> = published.iter().filter(|it| it.stream == Stream::Reply).collect();
        let [reply] = replies[..] else { return Err(format!("it has {} replies", replies.len())) };
        if let Some(first) = person.replies.of(&request.caller.name, request.id, now) {
            return if published.len() == 1 && whole(reply) == first {
                Ok((person, Vec::new()))
            } else {
                Err(format!("it is a repeat of a request with the reply {first}, but got {published:?}"))
            };
        }
        if request.is_granted.is_none() && person.subject.holds(&request.name(), now) && !request.has_followed
        {
            return Err("it is published while a request that it repeats is under way".to_owned());
        }
        let is_held = person.subject.release(&request.name(), now);
        person.recognise(published)?;
        let rules = self.rules_of(request);
        let mut case =
            Case { home: self, request, rules, now, published, digits: 0, ids: Vec::new(), is_held };
        let Expected { mut lines, is_judged_anew } = case.expect(&mut person.subject)?;
        let mut actual: Vec<_> = published.iter().map(|it| it.line(case.digits)).collect();
        lines.sort();
        actual.sort();
        if lines != actual {
            return Err(format!("published was {actual:#?}, but the contract says {lines:#?}"));
        }
        if let Some(known) = case.ids.iter().find(|id| self.ids.contains(*id)) {
            return Err(format!("the id {known} of a new challenge is that of another one"));
        }
        let ids = case.ids;
        if is_known && !is_judged_anew {
            person.subject.time_of(request.appended);
            person.replies.remember(&request.caller.name, request.id, now, reply);
        }
        Ok((person, ids))
    }
}

impl Person {
    /// The events of one subject have one pseudonym. They may name a challenge that was sent to nobody.
    fn recognise(&mut self, published: &[Published]) -> Result<(), String> {
        for event in published.iter().filter(|it| matches!(it.stream, Stream::Result | Stream::Lifecycle)) {
            let Some(pseudonym) = event.body["subject"].as_str() else { continue };
            let known = self.pseudonym.get_or_insert_with(|| pseudonym.to_owned());
            if known != pseudonym {
                return Err(format!("its subject is called {pseudonym}, and was called {known}"));
            }
            if !matches!(event.text("type"), "issued" | "resent") {
                self.subject.see_hidden(event.text("purpose"), event.text("challengeId"));
            }
        }
        Ok(())
    }

    /// Without what was over at this time. If nothing is left, its time is forgotten, too.
    fn swept(mut self, over: Ms) -> Self {
        let is_left = self.subject.sweep(over) | self.replies.sweep(over);
        if !is_left {
            self.subject.forget();
        }
        self
    }
}
