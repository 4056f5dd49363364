//! Hops: the steps of a request that visits several homes.
//!
//! A step writes the record of the next one in its own transaction, to the home of the next one. So that record exists once.
//! It is applied once by its own offset, the position of the repartition partition that it lies in, and never by its origin:
//! a later request of the same origin partition may have overtaken it.
//!
//! ```text
//! request ─▶ subject's home ──ask number──▶ number's home ──granted, refused──▶ subject's home ─▶ reply, events
//! repeat meanwhile ─▶ subject's home ──follow──▶ the same number's home ──followed──▶ subject's home ─▶ first reply
//! ```

use super::incoming::Incoming;
use super::{Task, TaskError, route};
use crate::deployment::Topology;
use crate::otp::LogTime;
use crate::state::StateStore;
use crate::wire::hop::{Hop, HopStep};
use crate::wire::outbox::Outbox;
use crate::wire::record::Record;

impl<S: StateStore> Task<S> {
    /// One step. `original`: the request's record, with the coordinates of its first topic.
    pub(super) fn hop(
        &mut self,
        original: &Record<'_>,
        hop: &Hop,
        topology: &Topology,
        wall: LogTime,
        out: &mut Outbox,
    ) -> Result<(), TaskError> {
        match hop.step {
            HopStep::AskNumber { number, max } => {
                let is_granted = self.count_delivery(number, max, hop.asked_at)?;
                let step = HopStep::NumberSaid { number, is_granted };
                self.send_hop(original, hop.home, &Hop { step, ..*hop }, out);
            }
            HopStep::Follow => {
                self.send_hop(original, hop.home, &Hop { step: HopStep::Followed, ..*hop }, out);
            }
            HopStep::NumberSaid { .. } | HopStep::Followed => {
                let incoming = Incoming::read(original, topology).asked_at(hop.asked_at);
                let Incoming::Request(request) = incoming else {
                    self.dead_letter(original, "route", "unknown_hop", "it is no request", out);
                    return Ok(());
                };
                return self.request(&request, original, Some(hop.step), topology, wall, out);
            }
        }
        Ok(())
    }

    /// Writes the record of the next step, for the transaction of this one.
    pub(super) fn send_hop(&mut self, original: &Record<'_>, to: i32, hop: &Hop, out: &mut Outbox) {
        route::forward_hop(original, to, hop, &self.topology, out);
        self.counters.hops += 1;
    }
}
