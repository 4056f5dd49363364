//! Who gets the code of a `sendotp`: an entry of the directory, or the userId itself.

use super::errors::{MosipError, NO_ADDRESS, NO_USER};
use super::send_otp::Channel;
use super::session::{MosipSession, TENANT};
use crate::contract::ServeError;
use crate::contract::delivery::{NUMBER_PATTERN, PhoneNumber, StoredNumber, mail_address, rule_of};
use crate::contract::directory::{DirectorySearch, DirectoryUser, find};
use crate::otp::{CanonicalSubject, NumberRule};

/// What a userId is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum UserIdType {
    /// An identity number: the directory knows its addresses.
    Uin,
    /// An entry of the directory, otherwise an address itself.
    UserId,
}

/// Where a code may go.
pub(super) enum Recipient {
    /// The number as a gateway dials it, if it fits the rule of its country.
    Stored(DirectoryUser, Option<StoredNumber>),
    /// The userId.
    Given,
}

/// A recipient's addresses, of the channels that were asked for.
pub(super) struct Addresses<'a> {
    pub phone: Option<PhoneNumber<'a>>,
    pub email: Option<&'a str>,
}

/// # Errors
/// In the result: there is no such user, or the user is not served.
pub(super) fn recipient(
    mosip: &MosipSession<'_>,
    who: &CanonicalSubject,
    kind: UserIdType,
) -> Result<Result<Recipient, MosipError<'static>>, ServeError> {
    let record = mosip.session.reads.directory(who)?;
    let found = |active_only| {
        let search = DirectorySearch { tenant: TENANT, user_type: None, active_only };
        record.as_deref().and_then(|record| find(record, &search))
    };
    Ok(match (found(true), found(false), kind) {
        (Some(user), _, _) => {
            let number = stored_number(mosip, &user);
            Ok(Recipient::Stored(user, number))
        }
        (None, None, UserIdType::UserId) => Ok(Recipient::Given),
        (None, Some(_), _) | (None, None, UserIdType::Uin) => Err(NO_USER),
    })
}

/// Whether the directory has an active entry.
///
/// # Errors
/// See [`ServeError`].
pub(super) fn is_active(mosip: &MosipSession<'_>, who: &CanonicalSubject) -> Result<bool, ServeError> {
    Ok(matches!(recipient(mosip, who, UserIdType::Uin)?, Ok(Recipient::Stored(..))))
}

impl Recipient {
    /// # Errors
    /// The recipient has no address for one of the channels.
    pub(super) fn addresses<'a>(
        &'a self,
        mosip: &'a MosipSession<'_>,
        identity: &'a str,
        channels: &[Channel],
    ) -> Result<Addresses<'a>, MosipError<'static>> {
        let rules = &mosip.session.policy.number_rules;
        let (phone, email) = match self {
            Self::Stored(user, number) => (number.as_ref().map(StoredNumber::phone), user.email.as_deref()),
            Self::Given => (phone_of(mosip, rules, identity), Some(identity)),
        };
        let wanted = |channel| channels.contains(&channel);
        let phone = phone.filter(|_| wanted(Channel::Phone));
        let email = email.filter(|address| wanted(Channel::Email) && mail_address(address).is_some());
        let is_reached =
            (phone.is_some() || !wanted(Channel::Phone)) && (email.is_some() || !wanted(Channel::Email));
        if is_reached { Ok(Addresses { phone, email }) } else { Err(NO_ADDRESS) }
    }
}

fn stored_number(mosip: &MosipSession<'_>, user: &DirectoryUser) -> Option<StoredNumber> {
    let rules = &mosip.session.policy.number_rules;
    let country_code = user.country_code.as_deref();
    mosip.mosip.patterns.canonical(rules, NUMBER_PATTERN, country_code, user.mobile.as_deref()?)
}

/// An identity as a phone number: with `+`, the longest configured country code and a number of that country; without,
/// a number of the default country. An identity number of as many digits is never dialled by chance.
fn phone_of<'a>(
    mosip: &MosipSession<'_>,
    rules: &'a [NumberRule],
    identity: &'a str,
) -> Option<PhoneNumber<'a>> {
    let (international, digits) = match identity.strip_prefix('+') {
        Some(digits) => (true, digits),
        None => (false, identity),
    };
    if !(7..=15).contains(&digits.len()) || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let (country_code, number) = if international {
        let codes = rules.iter().map(|rule| rule.country_code.as_str());
        let split = codes.filter_map(|code| Some((code, digits.strip_prefix(code.trim_start_matches('+'))?)));
        let (country_code, number) = split.min_by_key(|(_, number)| number.len())?;
        rule_of(rules, country_code)?;
        (Some(country_code), number)
    } else {
        (None, digits)
    };
    let judged = mosip.mosip.patterns.judge(rules, NUMBER_PATTERN, country_code, number);
    judged.ok().map(|country_code| PhoneNumber { number, country_code })
}
