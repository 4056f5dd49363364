//! The replies that a subject remembers: a repeated request gets the first one again.

use std::collections::VecDeque;

use super::Ms;
use super::published::Published;

const REMEMBERED_MAX: usize = 16;
const REMEMBERED_MS: Ms = 15 * 60 * 1000;

#[derive(Clone, Debug, Default)]
pub(crate) struct Replies(VecDeque<Remembered>);

#[derive(Clone, Debug)]
struct Remembered {
    caller: String,
    request: String,
    at: Ms,
    reply: String,
}

/// All of a reply that a repeat repeats: its id, its time, its body and its token.
pub(crate) fn whole(reply: &Published) -> String {
    let token = reply.token.as_ref().map_or(String::new(), ToString::to_string);
    format!("{} {} {} {token}", reply.id, reply.time, reply.body)
}

impl Replies {
    pub(crate) fn of(&self, caller: &str, request: &str, now: Ms) -> Option<&str> {
        let mut of_request = self.0.iter().filter(|it| it.caller == caller && it.request == request);
        of_request.find(|it| now <= it.at + REMEMBERED_MS).map(|it| it.reply.as_str())
    }

    pub(crate) fn remember(&mut self, caller: &str, request: &str, at: Ms, reply: &Published) {
        self.0.retain(|it| at <= it.at + REMEMBERED_MS);
        let (caller, request) = (caller.to_owned(), request.to_owned());
        self.0.push_back(Remembered { caller, request, at, reply: whole(reply) });
        if self.0.len() > REMEMBERED_MAX {
            self.0.pop_front();
        }
    }

    /// Removes what was over at this time. Whether anything is left.
    pub(crate) fn sweep(&mut self, over: Ms) -> bool {
        self.0.retain(|it| over <= it.at + REMEMBERED_MS);
        !self.0.is_empty()
    }
}
