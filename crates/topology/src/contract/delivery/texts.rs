//! Finds the texts of an order before anything is issued: the locale of the order first, then the default one, then the
//! built-in text. With a second language, the text of that one follows.

use std::sync::Arc;

use super::email::EmailTexts;
use super::order::{CodeOrder, DeliveryStyle, WantedText};
use crate::contract::analytics::Channel;
use crate::contract::session::Session;
use crate::state::StoreError;
use crate::text::{Template, Wanted, look_up, template_tenant};

/// The texts of one delivery.
#[derive(Default)]
pub struct FoundTexts {
    pub(super) sms: Option<Arc<Template>>,
    pub(super) email: Option<EmailTexts>,
}

/// The channels for which texts are needed.
#[derive(Clone, Copy, Debug)]
pub struct WantedChannels {
    pub sms: bool,
    pub email: bool,
}

impl WantedChannels {
    /// Those to which the order has an address.
    pub fn of(order: &CodeOrder<'_>) -> Self {
        Self { sms: order.phone.is_some(), email: order.good_email().is_some() }
    }
}

impl FoundTexts {
    /// `Ok(None)`: a text that is needed is missing.
    ///
    /// # Errors
    /// The store cannot be read.
    pub fn find(
        session: &Session<'_>,
        style: &DeliveryStyle<'_>,
        order: &CodeOrder<'_>,
        wanted: WantedChannels,
    ) -> Result<Option<Self>, StoreError> {
        let mut texts = Self::default();
        if !order.exit.counts() {
            return Ok(Some(texts));
        }
        let find =
            |text: WantedText<'_>, id_required: bool| find_text(session, style, order, text, id_required);
        if wanted.sms {
            texts.sms = find(order.texts.sms, style.sms_id_required)?;
            if texts.sms.is_none() {
                return Ok(None);
            }
        }
        if wanted.email {
            let subject = find_subject(session, style, order)?;
            let (Some(subject), Some(body)) = (subject, find(order.texts.email_body, false)?) else {
                return Ok(None);
            };
            texts.email = Some(EmailTexts { subject, body });
        }
        Ok(Some(texts))
    }

    /// The names of the variables that the texts have.
    pub fn variables(&self) -> impl Iterator<Item = &str> {
        let email = self.email.iter().flat_map(|email| [&email.subject, &email.body]);
        self.sms.iter().chain(email).flat_map(|template| template.variables())
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

/// In one language: that of the order, or the second where the first is missing.
fn find_subject(
    session: &Session<'_>,
    style: &DeliveryStyle<'_>,
    order: &CodeOrder<'_>,
) -> Result<Option<Arc<Template>>, StoreError> {
    let locale_default = style.second_locale.unwrap_or(style.locale_default);
    let style = DeliveryStyle { locale_default, second_locale: None, ..*style };
    find_text(session, &style, order, order.texts.email_subject, false)
}

/// A template that was stored under other settings may lack the id that these ones need: it is passed over.
fn find_text(
    session: &Session<'_>,
    style: &DeliveryStyle<'_>,
    order: &CodeOrder<'_>,
    text: WantedText<'_>,
    id_required: bool,
) -> Result<Option<Arc<Template>>, StoreError> {
    let is_usable = |template: &Arc<Template>| !id_required || template.id().is_some();
    let find = |locale, locale_default| {
        let tenant = template_tenant(order.tenant, style.strip_suffix_count);
        let wanted = Wanted { contract: session.contract.as_str(), tenant, locale, locale_default };
        let known = || session.reads.template_locales(session.contract);
        look_up(&wanted, text.code, known, |key| Ok(session.reads.template(key)?.filter(is_usable)))
    };
    let first = find(order.locale, style.locale_default)?;
    let second = style.second_locale.map_or(Ok(None), |locale| find(locale, locale))?;
    let found = match (first, second) {
        (Some(first), Some(second)) => Some(Arc::new(first.followed_by(&second))),
        (first, second) => first.or(second),
    };
    Ok(found.or_else(|| text.built_in.filter(|it| is_usable(it)).cloned()))
}
