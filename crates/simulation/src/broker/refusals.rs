//! What the cluster refuses at the moment.

use crate::plan::RefusalCode;

#[derive(Default)]
pub(crate) struct Refusals {
    lasting: Vec<Lasting>,
}

struct Lasting {
    topic: usize,
    code: RefusalCode,
    until: u64,
}

impl Refusals {
    /// Refuses from now on. A code that concerns no topic ignores it.
    pub(crate) fn begin(&mut self, topic: usize, code: RefusalCode, until: u64) {
        self.lasting.push(Lasting { topic, code, until });
    }

    /// Forgets what is over.
    pub(crate) fn end(&mut self, now: u64) {
        self.lasting.retain(|it| now < it.until);
    }

    pub(crate) fn clear(&mut self) {
        self.lasting.clear();
    }

    /// Whether a record of this topic is refused, and how.
    pub(crate) fn of_record(&self, topic: usize, has_key: bool) -> Option<RefusalCode> {
        let refuses = |it: &&Lasting| {
            it.code.is_of_topic() && it.topic == topic && (it.code != RefusalCode::Invalid || !has_key)
        };
        self.lasting.iter().find(refuses).map(|it| it.code)
    }

    pub(crate) fn is_lasting(&self, code: RefusalCode) -> bool {
        self.lasting.iter().any(|it| it.code == code)
    }

    /// Whether no marker can be written to this topic.
    pub(crate) fn holds_markers_of(&self, topic: usize) -> bool {
        self.lasting.iter().any(|it| it.topic == topic && it.code == RefusalCode::NotEnoughReplicas)
    }
}
