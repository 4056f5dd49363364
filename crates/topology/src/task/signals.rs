//! Counts what happens to codes by tenant root and prefix, in windows of log time, and tells it on `otp-signal` when a window
//! is over. No decision depends on it.
//!
//! What is counted since the last commit is in memory. It is written once for each commit, not for each request. An event
//! that is older than the window counts in the window: none that was told is opened again.
//!
//! ```text
//! Tally ─▶ row in memory ── plan of a commit ──▶ overlay          a later record, the sweep ─▶ Signal, rows deleted
//! ```

use std::borrow::Cow;
use std::cmp::Reverse;

use hashbrown::HashMap;

use super::{Task, TaskError};
use crate::contract::analytics::{NONE, OTHER, Signal, SignalKind, TallyKind};
use crate::contract::{Envelope, Events, Tallies};
use crate::otp::{LogTime, NumberPrefix, Pseudonym};
use crate::state::{
    BadRecord, Family, SIGNAL_KINDS, SignalKey, SignalRow, SignalScope, SignalWindow, StateStore,
};
use crate::wire::outbox::{Outbox, OutputTopic};

/// Prefixes of a tenant root that are told one by one.
const PREFIXES_TOLD_MAX: usize = 256;
/// When this many rows were told at once, the other tenant roots wait for the next record or sweep.
const ROWS_TOLD_MAX: usize = 4_096;
/// Rows that are read at once.
const SCANNED_MAX: usize = 1_024;
/// Rows that stay in memory after a commit.
const ROWS_KEPT_MAX: usize = 16_384;

/// What a task has counted in the window that is open, and the rows of it that it has used.
#[derive(Default)]
pub(super) struct Signals {
    /// As last read or written. `None`: not read yet.
    window: Option<Window>,
    /// By store key.
    rows: HashMap<Vec<u8>, CachedRow>,
    /// Keys of the rows that were changed since the last plan.
    changed: Vec<Vec<u8>>,
    /// Room for the key that is looked up.
    key: Vec<u8>,
}

#[derive(Clone, Copy)]
struct Window {
    /// `None`: there was none.
    last: Option<SignalWindow>,
    /// Rows of earlier windows may be left.
    has_untold: bool,
}

#[derive(Default)]
struct CachedRow {
    row: SignalRow,
    is_changed: bool,
}

/// Whose events are counted.
#[derive(Clone, Copy)]
pub(super) struct Counted<'a> {
    pub contract: &'a str,
    pub root: &'a str,
    pub subject: Pseudonym,
    /// The time of the events.
    pub at: LogTime,
}

/// The counts of one prefix.
struct Told {
    /// `None`: no number.
    prefix: Option<NumberPrefix>,
    counts: [u64; SIGNAL_KINDS],
    subjects: usize,
}

impl Signals {
    pub(super) fn has_changed(&self) -> bool {
        !self.changed.is_empty()
    }

    /// Forgets what is not in the store.
    pub(super) fn clear(&mut self) {
        *self = Self::default();
    }
}

impl<S: StateStore> Task<S> {
    /// Counts the events of one request or expiry.
    ///
    /// # Errors
    /// See [`TaskError`].
    pub(super) fn count_signals(
        &mut self,
        counted: &Counted<'_>,
        tallies: &Tallies,
        out: &mut Outbox,
    ) -> Result<(), TaskError> {
        if self.topology.signals.is_none() {
            return Ok(());
        }
        for tally in tallies {
            let TallyKind::Signal(kind) = tally.what else { continue };
            self.pass_signal_window(counted.at, out)?;
            let window = self.open_window(counted.at)?;
            let mut key = std::mem::take(&mut self.signals.key);
            SignalKey::write_row(&mut key, window, counted.contract, counted.root, tally.prefix);
            let counts = self.count_in_row(&key, kind, counted.subject);
            self.signals.key = key;
            counts?;
        }
        Ok(())
    }

    /// Tells the windows that are over at this time. Returns whether some are left.
    ///
    /// # Errors
    /// See [`TaskError`].
    pub fn pass_signal_window(&mut self, now: LogTime, out: &mut Outbox) -> Result<bool, TaskError> {
        let Some(signals) = self.topology.signals else { return Ok(false) };
        let Window { last, has_untold } = self.signal_window()?;
        let Some(window) = last else { return Ok(false) };
        let is_over = window.is_open && now >= window.end;
        if is_over {
            self.put_window(SignalWindow { is_open: false, ..window });
        } else if !has_untold {
            return Ok(false);
        }
        self.log_signals();
        self.signals.rows.clear();
        let end = if window.is_open && !is_over { window.start } else { window.end };
        let mut told = 0;
        while told < ROWS_TOLD_MAX {
            match self.tell_group(end, signals.topic, out)? {
                0 => break,
                rows => told += rows,
            }
        }
        let has_untold = told >= ROWS_TOLD_MAX;
        if let Some(window) = &mut self.signals.window {
            window.has_untold = has_untold;
        }
        Ok(has_untold)
    }

    /// Writes what was counted since the last call into the overlay.
    pub(super) fn log_signals(&mut self) {
        for key in std::mem::take(&mut self.signals.changed) {
            let it = self.signals.rows.get_mut(&key).expect("what was changed is in memory");
            it.is_changed = false;
            let row = &it.row;
            self.overlay.put_with(&key, |bytes| row.write(bytes));
        }
        if self.signals.rows.len() > ROWS_KEPT_MAX {
            self.signals.rows.clear();
        }
    }

    fn count_in_row(&mut self, key: &[u8], kind: SignalKind, subject: Pseudonym) -> Result<(), TaskError> {
        if !self.signals.rows.contains_key(key) {
            let row = self.read_row(key)?;
            self.signals.rows.insert(key.to_vec(), CachedRow { row, is_changed: false });
        }
        let it = self.signals.rows.get_mut(key).expect("it is in memory");
        if let Some((part, subjects)) = it.row.count(kind as usize, subject) {
            self.overlay.put(&[key, &[part]].concat(), &subjects);
        }
        if !std::mem::replace(&mut it.is_changed, true) {
            self.signals.changed.push(key.to_vec());
        }
        Ok(())
    }

    fn read_row(&self, key: &[u8]) -> Result<SignalRow, TaskError> {
        let Some(value) = self.overlay.get(&self.store, key)? else { return Ok(SignalRow::default()) };
        let mut parts = Vec::new();
        for part in 0..SignalRow::parts(&value).map_err(damaged)? {
            let subjects = self.overlay.get(&self.store, &[key, &[part]].concat())?;
            parts.push(subjects.map(Cow::into_owned));
        }
        SignalRow::decode(&value, &parts).map_err(damaged)
    }

    fn signal_window(&mut self) -> Result<Window, TaskError> {
        if let Some(window) = self.signals.window {
            return Ok(window);
        }
        let stored = self.overlay.get(&self.store, SignalWindow::key().as_bytes())?;
        let last = stored.map(|value| SignalWindow::decode(&value)).transpose().map_err(damaged)?;
        let end = last.map(|it| if it.is_open { it.start } else { it.end });
        let rest = match end {
            Some(end) => self.overlay.scan(&self.store, &first_row(), &SignalKey::of_start(end), 1)?,
            None => Vec::new(),
        };
        let window = Window { last, has_untold: !rest.is_empty() };
        self.signals.window = Some(window);
        Ok(window)
    }

    /// The window in which an event of this time counts.
    fn open_window(&mut self, at: LogTime) -> Result<SignalWindow, TaskError> {
        let last = self.signal_window()?.last;
        if let Some(open) = last.filter(|it| it.is_open) {
            return Ok(open);
        }
        let window_ms = self.topology.signals.map_or(1, |it| it.window_ms);
        let told = last.map_or(LogTime::default(), |it| it.end);
        let at = at.max(told);
        let begin = at.minus(at.ms() % window_ms);
        let window = SignalWindow { is_open: true, start: begin.max(told), end: begin.plus(window_ms) };
        self.put_window(window);
        Ok(window)
    }

    fn put_window(&mut self, window: SignalWindow) {
        self.overlay.put(SignalWindow::key().as_bytes(), &window.encode());
        let has_untold = self.signals.window.is_some_and(|it| it.has_untold);
        self.signals.window = Some(Window { last: Some(window), has_untold });
    }

    /// Tells the first tenant root of the first window that starts before `end`, and deletes its rows. Returns how many
    /// there were.
    fn tell_group(&mut self, end: LogTime, topic: OutputTopic, out: &mut Outbox) -> Result<usize, TaskError> {
        let first = self.overlay.scan(&self.store, &first_row(), &SignalKey::of_start(end), 1)?;
        let Some((first, _)) = first.into_iter().next() else { return Ok(0) };
        let SignalKey::Row(scope) = SignalKey::decode(&first).map_err(damaged)? else {
            return Err(damaged(BadRecord::Damaged("signal key")));
        };
        // Up to the zero after the tenant root; the keys of the tenant root are below the next byte.
        let head = &first[..first.len() - 2];
        let to = [&head[..head.len() - 1], &[1]].concat();
        let (mut from, mut rows, mut told) = (head.to_vec(), 0, Vec::new());
        loop {
            let page = self.overlay.scan(&self.store, &from, &to, SCANNED_MAX)?;
            rows += page.len();
            for (key, value) in &page {
                if let SignalKey::Row(SignalScope { prefix, .. }) = SignalKey::decode(key).map_err(damaged)? {
                    let (counts, subjects, _) = SignalRow::decode_counts(value).map_err(damaged)?;
                    told.push(Told { prefix, counts: counts.map(u64::from), subjects });
                }
                self.overlay.delete(key);
            }
            match page.into_iter().nth(SCANNED_MAX - 1) {
                Some((last, _)) => from = [&last[..], &[0]].concat(),
                None => break,
            }
        }
        self.tell(&scope, told, topic, out);
        Ok(rows)
    }

    /// The most active prefixes one by one, then the others together, then what had no number.
    fn tell(&self, scope: &SignalScope<'_>, told: Vec<Told>, topic: OutputTopic, out: &mut Outbox) {
        let (mut prefixes, none): (Vec<_>, Vec<_>) = told.into_iter().partition(|it| it.prefix.is_some());
        prefixes.sort_by_key(|it| (Reverse(it.counts.iter().sum::<u64>()), it.prefix));
        let others = prefixes.split_off(prefixes.len().min(PREFIXES_TOLD_MAX));
        for it in &prefixes {
            let digits = it.prefix.map(NumberPrefix::digits).unwrap_or_default();
            self.tell_one(scope, &digits, it, topic, out);
        }
        if let Some(other) = others.into_iter().reduce(Told::plus) {
            self.tell_one(scope, OTHER, &other, topic, out);
        }
        for it in &none {
            self.tell_one(scope, NONE, it, topic, out);
        }
    }

    fn tell_one(
        &self,
        scope: &SignalScope<'_>,
        prefix: &str,
        told: &Told,
        topic: OutputTopic,
        out: &mut Outbox,
    ) {
        let signal = Signal {
            group: scope.group,
            prefix,
            partition: self.partition,
            start: scope.start,
            counts: told.counts,
            subjects: told.subjects,
        };
        let id = signal.id();
        let envelope = Envelope {
            source: &self.topology.application_id,
            time: scope.end,
            correlation_id: &id,
            causation_id: &id,
            subject: None,
            traceparent: None,
            tracestate: None,
            event_base: &id,
        };
        signal.publish(&mut Events::new(out, &self.topology.output_partitions, envelope), topic);
    }
}

impl Told {
    /// A subject of several prefixes counts for each.
    fn plus(mut self, other: Self) -> Self {
        self.counts.iter_mut().zip(other.counts).for_each(|(sum, count)| *sum += count);
        Self { subjects: self.subjects + other.subjects, ..self }
    }
}

/// Before the keys of all rows.
fn first_row() -> [u8; 2] {
    [Family::Signal as u8, 0]
}

fn damaged(error: BadRecord) -> TaskError {
    TaskError::Record { what: Family::Signal.what(), error }
}
