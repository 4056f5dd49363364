//! Signals against the lifecycle events that they count, seen from outside.
//!
//! A home tells a window when it is over. The signals of that window must add up to the lifecycle events that the home has
//! published since it told the last one.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use crate::broker::{DecidedTransaction, StoredRecord};
use crate::house::House;
use crate::oracle::{Oracle, Verdict};

const KINDS: [&str; 7] = ["issued", "resent", "verified", "failed", "expired", "suppressed", "locked"];

/// By home partition.
#[derive(Default)]
pub(super) struct Signals(BTreeMap<usize, Home>);

#[derive(Default)]
struct Home {
    /// Of the events that were not told.
    counts: BTreeMap<String, u64>,
    subjects: BTreeSet<String>,
    /// In the order in which they happened.
    times: Vec<u64>,
    /// Where the last window that was told ended.
    told_until: u64,
    /// The signals of the window that is being told.
    telling: Option<Telling>,
}

struct Telling {
    start: u64,
    end: u64,
    counts: BTreeMap<String, u64>,
    /// Contract, tenant root and prefix.
    keys: BTreeSet<[String; 3]>,
    subjects: u64,
}

impl Signals {
    /// `homes`: the home of each subject, by its pseudonym.
    ///
    /// # Errors
    /// A signal says something else than the lifecycle events do.
    pub(super) fn check(
        &mut self,
        decided: &DecidedTransaction,
        house: &House,
        homes: &BTreeMap<Vec<u8>, usize>,
    ) -> Verdict {
        for (at, record) in &decided.outputs {
            let checked = match house.topics[at.topic].as_str() {
                "lifecycle" => self.happened(record, homes),
                "signals" => self.told(record),
                _ => Ok(()),
            };
            checked.map_err(|what| Oracle::Signals.violation(what))?;
        }
        for home in self.0.values_mut() {
            home.end_telling().map_err(|what| Oracle::Signals.violation(what))?;
        }
        Ok(())
    }

    fn happened(&mut self, record: &StoredRecord, homes: &BTreeMap<Vec<u8>, usize>) -> Result<(), String> {
        let body = body(record)?;
        let kind = text(&body, "type");
        let home = record.key.as_ref().and_then(|key| homes.get(key));
        let (Some(home), true) = (home, KINDS.contains(&kind.as_str())) else { return Ok(()) };
        let home = self.0.entry(*home).or_default();
        home.end_telling()?;
        *home.counts.entry(kind).or_default() += 1;
        home.subjects.insert(text(&body, "subject"));
        home.times.push(number(&body, "occurredAt"));
        Ok(())
    }

    fn told(&mut self, record: &StoredRecord) -> Result<(), String> {
        let body = body(record)?;
        let home = usize::try_from(number(&body, "partition")).expect("few partitions");
        let home = self.0.entry(home).or_default();
        let (start, end) = (number(&body, "windowStart"), number(&body, "windowEnd"));
        if home.telling.as_ref().is_some_and(|it| it.start != start) {
            home.end_telling()?;
        }
        let telling = home.telling.get_or_insert_with(|| Telling {
            start,
            end,
            counts: BTreeMap::new(),
            keys: BTreeSet::new(),
            subjects: 0,
        });
        let key = ["contract", "tenantId", "prefix"].map(|name| text(&body, name));
        if !telling.keys.insert(key) {
            return Err(format!("a window tells a prefix of a tenant root twice: {body}"));
        }
        let subjects = number(&body, "subjects");
        if subjects == 0 || subjects > home.subjects.len() as u64 {
            return Err(format!("{} subjects had an event in the window of {body}", home.subjects.len()));
        }
        telling.subjects += subjects;
        for kind in KINDS {
            match number(&body, kind) {
                0 => {}
                count => *telling.counts.entry(kind.to_owned()).or_default() += count,
            }
        }
        Ok(())
    }
}

impl Home {
    /// Everything of a window was told.
    fn end_telling(&mut self) -> Result<(), String> {
        let Some(telling) = self.telling.take() else { return Ok(()) };
        let Telling { start, end, .. } = telling;
        let (counts, subjects) = (std::mem::take(&mut self.counts), std::mem::take(&mut self.subjects));
        let times = std::mem::take(&mut self.times);
        let told_until = std::mem::replace(&mut self.told_until, end);
        if telling.counts != counts {
            return Err(format!("the window from {start} tells {:?} of {counts:?}", telling.counts));
        }
        if telling.subjects < subjects.len() as u64 {
            return Err(format!(
                "the window from {start} tells {} of {} subjects",
                telling.subjects,
                subjects.len()
            ));
        }
        if start < told_until {
            return Err(format!("a window from {start} is told, although one up to {told_until} was"));
        }
        // The first one opens the window. Older ones may come from a partition that is read late.
        let is_in = |time: u64| (start..end).contains(&time) || time < told_until;
        let wrong = times.iter().find(|time| **time >= end).or(times.first().filter(|time| !is_in(**time)));
        match wrong {
            Some(time) => Err(format!("an event of {time} counts in the window from {start} to {end}")),
            None => Ok(()),
        }
    }
}

fn body(record: &StoredRecord) -> Result<Value, String> {
    serde_json::from_slice(record.value.as_deref().unwrap_or_default()).map_err(|error| error.to_string())
}

fn text(body: &Value, name: &str) -> String {
    body[name].as_str().unwrap_or_default().to_owned()
}

fn number(body: &Value, name: &str) -> u64 {
    body[name].as_u64().unwrap_or(0)
}
