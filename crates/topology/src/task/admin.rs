//! Records of the admin topic: they unlock or forget one subject.

use super::{Task, TaskError};
use crate::contract::analytics::{self, DeliveryRoute};
use crate::contract::{About, Contracts, Envelope, Events, Reads as _};
use crate::deployment::{Topology, coordinates};
use crate::otp::{CanonicalSubject, Decision, Forget, PolicyVersion, Pseudonym, Rules, Unlock, decide};
use crate::state::StateStore;
use crate::wire::headers::RequestHeaders;
use crate::wire::json::{self, Json, Names};
use crate::wire::outbox::Outbox;
use crate::wire::record::Record;

/// Longest member of an admin record, in characters.
const TEXT_LEN_MAX: usize = 256;

/// What an administrator asks for.
#[derive(Clone, Copy)]
enum AdminOperation {
    Unlock,
    Forget,
}

pub(super) struct AdminCommand {
    operation: AdminOperation,
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
        let decision = match order.operation {
            AdminOperation::Unlock => {
                let decision = decide(loaded.subject, &Unlock, now, &rules)?;
                self.save(pseudonym, &decision.subject, loaded.due);
                decision
            }
            AdminOperation::Forget => {
                let decision = decide(loaded.subject, &Forget, now, &rules)?;
                self.erase(pseudonym);
                decision
            }
        };
        self.emit_administered(record, order, pseudonym, policy.version, &decision, out);
        Ok(())
    }

    fn emit_administered(
        &self,
        record: &Record<'_>,
        order: &AdminCommand,
        subject: Pseudonym,
        policy_version: PolicyVersion,
        decision: &Decision<()>,
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
            subject: Some(subject),
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
            analytics::lifecycle(&mut events, topology.lifecycle, &about, &DeliveryRoute::default(), notice);
        }
    }
}

/// Judges a record of the admin topic. Returns whom it names.
///
/// # Errors
/// Why the service would make a dead letter of it, in words that repeat nothing of it but names.
pub fn check_order(value: &[u8], contracts: &Contracts) -> Result<CanonicalSubject, String> {
    read(Some(value), contracts).map(|order| order.subject)
}

pub(super) fn read(value: Option<&[u8]>, contracts: &Contracts) -> Result<AdminCommand, String> {
    let body = json::parse_object(value, Names::CaseSensitive).map_err(|_| "it is no JSON object")?;
    let text = |name| match body.get(name) {
        Some(Json::String(text)) if text.chars().count() <= TEXT_LEN_MAX => Some(text.as_ref()),
        Some(_) | None => None,
    };
    let contract = text("contract").and_then(|name| contracts.named(name)).ok_or_else(|| {
        let names = contracts.list();
        let (names, last) = names.rsplit_once(", ").unwrap_or(("", &names));
        format!("`contract` is not {names} or {last}")
    })?;
    let tenant = text("tenantId").ok_or("`tenantId` is missing, no text, or too long")?;
    let identity = text("identity").ok_or("`identity` is missing, no text, or too long")?;
    let operation = match text("operation") {
        Some("unlock") => AdminOperation::Unlock,
        Some("forget") => AdminOperation::Forget,
        Some(_) | None => return Err("`operation` is not unlock or forget".to_owned()),
    };
    let subject = CanonicalSubject::new(contract.name(), contract.tenant_root(tenant), identity)
        .map_err(|error| error.to_string())?;
    Ok(AdminCommand { operation, subject, tenant: tenant.to_owned() })
}
