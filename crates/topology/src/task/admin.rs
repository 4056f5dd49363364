//! Records of the admin topic: they unlock or forget one subject.

use super::{Task, TaskError};
use crate::contract::analytics::{self, About, Route};
use crate::contract::{Envelope, Events, Reads as _, tenant_root};
use crate::deployment::{Topology, coordinates};
use crate::otp::{
    CanonicalSubject, Command, ContractName, Decision, NoticeKind, PolicyVersion, Pseudonym, Rules, decide,
};
use crate::state::StateStore;
use crate::wire::headers::RequestHeaders;
use crate::wire::json::{self, Json, Names};
use crate::wire::outbox::Outbox;
use crate::wire::record::Record;

/// Longest member of an admin record, in characters.
const TEXT_LEN_MAX: usize = 256;

pub(super) struct AdminCommand {
    command: Command<'static>,
    pub subject: CanonicalSubject,
    tenant: String,
}

impl<S: StateStore> Task<S> {
    pub(super) fn admin_record(
        &mut self,
        order: &Result<AdminCommand, String>,
        record: &Record<'_>,
        topology: &Topology,
        out: &mut Outbox,
    ) -> Result<(), TaskError> {
        let order = match order {
            Ok(order) => order,
            Err(reason) => {
                self.dead_letter(record, "admin", "bad_order", reason, out);
                return Ok(());
            }
        };
        let pseudonym = topology.keys.pseudonym(&order.subject);
        let loaded = self.load(pseudonym)?;
        let policy = self.view().policy(order.subject.contract(), &order.tenant)?;
        let now = loaded.subject.judged_at(record.timestamp);
        let rules = Rules {
            policy: &policy,
            keys: &topology.keys,
            who: &order.subject,
            tenant: &order.tenant,
            origin: topology.origin_of(record),
        };
        let decision = decide(loaded.subject, &order.command, now, &rules)?;
        let forgotten = decision.notices.iter().any(|notice| notice.kind == NoticeKind::Forgotten);
        if forgotten {
            self.erase(pseudonym);
        } else {
            self.save(pseudonym, &decision.subject, loaded.due);
        }
        self.emit_administered(record, order, pseudonym, policy.version, &decision, out);
        Ok(())
    }

    fn emit_administered(
        &self,
        record: &Record<'_>,
        order: &AdminCommand,
        subject: Pseudonym,
        policy_version: PolicyVersion,
        decision: &Decision,
        out: &mut Outbox,
    ) {
        let topology = &self.topology;
        let coordinates = coordinates(&topology.origin_of(record));
        let headers = RequestHeaders::read(record.headers);
        let request_id = headers.ce_id.unwrap_or(&coordinates);
        let envelope = Envelope {
            source: &topology.application_id,
            time: decision.subject.last_time.max(record.timestamp),
            correlation_id: headers.correlation_id.unwrap_or(request_id),
            causation_id: request_id,
            traceparent: headers.traceparent.map(str::as_bytes),
            tracestate: headers.tracestate.map(str::as_bytes),
            event_base: &coordinates,
        };
        let about = About {
            contract: order.subject.contract(),
            tenant: Some(&order.tenant),
            subject: Some(subject),
            request_id: Some(request_id),
            caller: None,
            client_ref: headers.client_ref,
            policy_version: Some(policy_version),
        };
        let mut events = Events::new(out, &topology.output_partitions, envelope);
        for notice in &decision.notices {
            analytics::lifecycle(&mut events, topology.lifecycle, &about, &Route::default(), notice);
        }
    }
}

pub(super) fn read(value: Option<&[u8]>) -> Result<AdminCommand, String> {
    let body = json::parse_object(value, Names::CaseSensitive).map_err(|_| "it is no JSON object")?;
    let text = |name| match body.get(name) {
        Some(Json::String(text)) if text.chars().count() <= TEXT_LEN_MAX => Some(text.as_ref()),
        Some(_) | None => None,
    };
    let contract = text("contract").and_then(ContractName::parse).ok_or_else(|| {
        let [names @ .., last] = ContractName::ALL.map(ContractName::as_str);
        format!("`contract` is not {} or {last}", names.join(", "))
    })?;
    let tenant = text("tenantId").ok_or("`tenantId` is missing, no text, or too long")?;
    let identity = text("identity").ok_or("`identity` is missing, no text, or too long")?;
    let command = match text("operation") {
        Some("unlock") => Command::Unlock,
        Some("forget") => Command::Forget,
        Some(_) | None => return Err("`operation` is not unlock or forget".to_owned()),
    };
    let subject = CanonicalSubject::new(contract, tenant_root(contract, tenant), identity)
        .ok_or("it names no subject")?;
    Ok(AdminCommand { command, subject, tenant: tenant.to_owned() })
}
