//! What a contract orders: a code for a purpose, where it goes, and the texts that carry it.

use std::borrow::Cow;
use std::sync::Arc;

use super::email::{EmailStyle, mail_address};
use super::number::PhoneNumber;
use crate::contract::analytics::{DeliveryRoute, Suppression};
use crate::otp::{CodeTerms, Exit, Holder, Issue, NumberPrefix, Purpose, Refusal};
use crate::text::Template;

/// A code that is wanted, and where it goes.
#[derive(Clone, Copy)]
pub struct CodeOrder<'a> {
    pub purpose: Purpose,
    pub exit: Exit,
    /// `None`: those of the policy.
    pub terms: Option<CodeTerms>,
    /// Why an exit withholds the code. `None`: it does not.
    pub withheld: Option<Suppression>,
    /// Whom the directory names as the holder of the identity.
    pub holder: Option<Holder>,
    /// As the request gave it.
    pub tenant: &'a str,
    /// The index of the tenant's notification topics.
    pub topic: usize,
    pub phone: Option<PhoneNumber<'a>>,
    /// The directory says where the code goes, or that it goes nowhere. Where existence is concealed, no reply depends on
    /// what it says.
    pub is_looked_up: bool,
    pub email: Option<&'a str>,
    pub locale: &'a str,
    pub texts: OrderTexts<'a>,
    /// The values of the templates' variables, by name.
    pub variables: &'a [(&'a str, &'a str)],
}

/// The texts of an order.
#[derive(Clone, Copy)]
pub struct OrderTexts<'a> {
    pub sms: WantedText<'a>,
    pub email_subject: WantedText<'a>,
    pub email_body: WantedText<'a>,
}

/// A text by its code, and the text to send if no template is found.
#[derive(Clone, Copy)]
pub struct WantedText<'a> {
    pub code: &'a str,
    pub built_in: Option<&'a Arc<Template>>,
}

/// How a deployment sends codes.
#[derive(Clone, Copy)]
pub struct DeliveryStyle<'a> {
    pub email: EmailStyle<'a>,
    /// No text message goes out without the id of its template.
    pub sms_id_required: bool,
    /// Tried when nothing is found in the locale of the order.
    pub locale_default: &'a str,
    /// The language of a second text, which follows the first. A subject has one text.
    pub second_locale: Option<&'a str>,
    /// How many trailing segments a tenant loses before its templates are looked up.
    pub strip_suffix_count: usize,
}

impl<'a> CodeOrder<'a> {
    /// `is_reserved`: see [`Issue::is_reserved`]. `barred`: what forbids this delivery besides the state of the subject.
    pub(super) fn command(&self, is_reserved: bool, barred: Option<Refusal>) -> Issue {
        let prefix = self.prefix();
        let Self { purpose, exit, terms, holder, .. } = *self;
        Issue { purpose, exit, terms, holder, prefix, is_reserved, barred }
    }

    /// Of the number that the code goes to.
    pub(super) fn prefix(&self) -> Option<NumberPrefix> {
        self.phone.and_then(|it| NumberPrefix::of(it.number))
    }

    /// The address as mail services take it, if they do.
    pub(super) fn good_email(&self) -> Option<Cow<'a, str>> {
        self.email.and_then(mail_address)
    }

    /// Where the code was to go.
    pub fn destination(&self) -> DeliveryRoute<'a> {
        DeliveryRoute {
            channels: None,
            country_code: self.phone.and_then(|it| it.country_code),
            prefix: self.prefix(),
            locale: None,
        }
    }
}
