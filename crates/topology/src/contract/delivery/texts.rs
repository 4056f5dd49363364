//! Finds the texts of an order before anything is issued: the locale of the order first, then the default one, then the
//! built-in text.

use std::sync::Arc;

use super::email::EmailTexts;
use super::order::{CodeOrder, DeliveryStyle, WantedText};
use crate::contract::analytics::Channel;
use crate::contract::session::Session;
use crate::state::StoreError;
use crate::text::{Template, Wanted, look_up, template_tenant};

/// The texts of one delivery.
#[derive(Default)]
pub(super) struct FoundTexts {
    pub sms: Option<Arc<Template>>,
    pub email: Option<EmailTexts>,
}

impl FoundTexts {
    /// `email`: the address, if it is one that mail services accept. `Ok(None)`: a text that is needed is missing.
    ///
    /// # Errors
    /// The store cannot be read.
    pub(super) fn find(
        session: &Session<'_>,
        style: &DeliveryStyle<'_>,
        order: &CodeOrder<'_>,
        email: Option<&str>,
    ) -> Result<Option<Self>, StoreError> {
        let mut texts = Self::default();
        if !order.exit.counts() {
            return Ok(Some(texts));
        }
        let find =
            |text: WantedText<'_>, id_required: bool| find_text(session, style, order, text, id_required);
        if order.phone.is_some() {
            texts.sms = find(order.texts.sms, style.sms_id_required)?;
            if texts.sms.is_none() {
                return Ok(None);
            }
        }
        if email.is_some() {
            let subject = find(order.texts.email_subject, false)?;
            let (Some(subject), Some(body)) = (subject, find(order.texts.email_body, false)?) else {
                return Ok(None);
            };
            texts.email = Some(EmailTexts { subject, body });
        }
        Ok(Some(texts))
    }

    pub(super) fn channels(&self) -> &'static [Channel] {
        match (self.sms.is_some(), self.email.is_some()) {
            (true, true) => &[Channel::Sms, Channel::Email],
            (true, false) => &[Channel::Sms],
            (false, true) => &[Channel::Email],
            (false, false) => &[],
        }
    }

    pub(super) fn locale(&self) -> Option<&str> {
        let email = self.email.as_ref().map(|it| &*it.body);
        self.sms.as_deref().or(email).map(Template::locale)
    }
}

/// A template that was stored under other settings may lack the id that these ones need: it is passed over.
fn find_text(
    session: &Session<'_>,
    style: &DeliveryStyle<'_>,
    order: &CodeOrder<'_>,
    text: WantedText<'_>,
    id_required: bool,
) -> Result<Option<Arc<Template>>, StoreError> {
    let wanted = Wanted {
        contract: session.contract.as_str(),
        tenant: template_tenant(order.tenant, style.strip_suffix_count),
        locale: order.locale,
        locale_default: style.locale_default,
    };
    let is_usable = |template: &Arc<Template>| !id_required || template.id().is_some();
    let known = || session.reads.template_locales(session.contract);
    let found = look_up(&wanted, text.code, known, |key| Ok(session.reads.template(key)?.filter(is_usable)))?;
    Ok(found.or_else(|| text.built_in.filter(|it| is_usable(it)).cloned()))
}
