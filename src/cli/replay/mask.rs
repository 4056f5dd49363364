//! Masks codes and tokens in printed records of the topics that can contain them: notifications, replies, forwarded requests, and
//! dead letters with a copy of the record.
//!
//! Masks too much rather than too little: in a text, every run of digits is masked that is at least as long as the
//! shortest code within the bounds. All other bytes stay as they are.

use std::collections::BTreeMap;
use std::ops::Range;

use otp_topology::deployment::Settings;

/// Where the values of a topic contain codes.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Holds {
    /// Inside the strings of these members.
    Texts(&'static [&'static str]),
    /// As the whole value of these members; their names in any case.
    Values(Vec<&'static str>),
    /// Anywhere: the bytes may not be JSON.
    Anything,
}

const TEXTS: Holds = Holds::Texts(&["message", "subject", "body"]);

pub(super) struct Mask {
    /// By topic name.
    holds: BTreeMap<String, Holds>,
    digits_min: usize,
}

impl Mask {
    pub(super) fn new(settings: &Settings) -> Self {
        let mut holds = BTreeMap::new();
        let values = || Holds::Values(settings.contracts.secret_members());
        let topics = &settings.topics;
        for base in [&topics.sms, &topics.email] {
            holds.extend(settings.notification_topics(base).into_iter().map(|name| (name, TEXTS)));
        }
        holds.extend(settings.callers.iter().map(|caller| (caller.reply_topic.clone(), values())));
        holds.insert(settings.repartition(), values());
        holds.insert(topics.dead_letter.clone(), Holds::Anything);
        let digits_min =
            settings.bounds.entries().find(|(name, _)| name == "digits_min").map_or(0, |(_, value)| value);
        Self { holds, digits_min: usize::try_from(digits_min).unwrap_or(0) }
    }

    /// The value to print instead. `None`: print the original.
    pub(super) fn payload(&self, topic: &str, value: &[u8]) -> Option<Vec<u8>> {
        let mut masked = value.to_vec();
        match self.holds.get(topic)? {
            Holds::Texts(names) => {
                for (at, _) in values_of(value, names).into_iter().filter(|(_, form)| *form == Form::Text) {
                    self.mask_runs(&mut masked[at]);
                }
            }
            Holds::Values(names) => {
                for (at, form) in values_of(value, names) {
                    masked[at].fill(match form {
                        Form::Text => b'*',
                        Form::Number => b'1',
                    });
                }
            }
            Holds::Anything => self.mask_runs(&mut masked),
        }
        Some(masked)
    }

    /// Whether the value of a header is a secret.
    pub(super) fn hides_header(&self, topic: &str, header: &str) -> bool {
        match self.holds.get(topic) {
            Some(Holds::Values(names)) => names.contains(&header),
            Some(Holds::Texts(_) | Holds::Anything) | None => false,
        }
    }

    fn mask_runs(&self, text: &mut [u8]) {
        let mut at = 0;
        while at < text.len() {
            if text[at..].starts_with(br"\u") {
                // The four hexadecimal digits of an escape are not part of a run.
                at += 6;
                continue;
            }
            let run = text[at..].iter().take_while(|byte| byte.is_ascii_digit()).count();
            if run >= self.digits_min {
                text[at..at + run].fill(b'*');
            }
            at += run.max(1);
        }
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Form {
    /// The range is what stands between the quotes.
    Text,
    Number,
}

/// The ranges of strings and numbers in a JSON text that are values of members with these names, at any depth.
fn values_of(json: &[u8], names: &[&str]) -> Vec<(Range<usize>, Form)> {
    let mut found = Vec::new();
    let mut at = 0;
    while at < json.len() {
        if json[at] != b'"' {
            at += 1;
            continue;
        }
        let name = string_at(json, at);
        at = name.end + 1;
        let is_wanted = names.iter().any(|it| it.as_bytes().eq_ignore_ascii_case(&json[name.clone()]));
        let colon = skip_blanks(json, at);
        if json.get(colon) != Some(&b':') {
            continue;
        }
        at = skip_blanks(json, colon + 1);
        match json.get(at) {
            Some(b'"') => {
                let value = string_at(json, at);
                at = value.end + 1;
                if is_wanted {
                    found.push((value, Form::Text));
                }
            }
            Some(b'-' | b'0'..=b'9') => {
                let length = json[at..].iter().take_while(|it| is_of_number(**it)).count();
                if is_wanted {
                    found.push((at..at + length, Form::Number));
                }
                at += length;
            }
            Some(_) | None => {}
        }
    }
    found
}

/// The range between the quotes of the string that starts at `quote`; to the end of the text if no quote closes it.
fn string_at(json: &[u8], quote: usize) -> Range<usize> {
    let start = quote + 1;
    let mut end = start;
    while end < json.len() && json[end] != b'"' {
        end += if json[end] == b'\\' { 2 } else { 1 };
    }
    start..end.min(json.len())
}

fn skip_blanks(json: &[u8], from: usize) -> usize {
    from + json[from.min(json.len())..].iter().take_while(|it| it.is_ascii_whitespace()).count()
}

const fn is_of_number(byte: u8) -> bool {
    matches!(byte, b'0'..=b'9' | b'-' | b'+' | b'.' | b'e' | b'E')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_masked_in_topics_that_contain_them_and_nothing_else_changes() {
        let mask = Mask {
            holds: BTreeMap::from([
                ("sms".to_owned(), TEXTS),
                ("reply".to_owned(), Holds::Values(vec!["otp"])),
                ("dead".to_owned(), Holds::Anything),
            ]),
            digits_min: 4,
        };
        let check = |topic: &str, value: &str, expected: Option<&str>| {
            let masked =
                mask.payload(topic, value.as_bytes()).map(|it| String::from_utf8(it).expect("UTF-8"));
            assert_eq!(masked.as_deref(), expected, "{topic}: {value}");
        };
        check(
            "sms",
            r#"{"mobileNumber":"9123456789","message":"Your \u20b9 \u0009 OTP is 012345. Call 100.","expiryTime":1735689900000}"#,
            Some(
                r#"{"mobileNumber":"9123456789","message":"Your \u20b9 \u0009 OTP is ******. Call 100.","expiryTime":1735689900000}"#,
            ),
        );
        check(
            "sms",
            r#"{"email":{"subject":"12345 \"67890\"","body" : "1234567890","tenantId":"pb.12345"}}"#,
            Some(r#"{"email":{"subject":"***** \"*****\"","body" : "**********","tenantId":"pb.12345"}}"#),
        );
        check(
            "reply",
            r#"{"otp":{"otp":"123456","identity":"9123456789","a":["otp","123456"]},"OTP" : 1234 }"#,
            Some(r#"{"otp":{"otp":"******","identity":"9123456789","a":["otp","123456"]},"OTP" : 1111 }"#),
        );
        check("reply", r#"{"otp":"12"#, Some(r#"{"otp":"**"#));
        check("reply", r#"{"otp":"#, Some(r#"{"otp":"#));
        check("dead", r#"{"otp":{"otp":"123456""#, Some(r#"{"otp":{"otp":"******""#));
        check("lifecycle", r#"{"otp":"123456"}"#, None);
        assert!(mask.hides_header("reply", "otp"));
        assert!(!mask.hides_header("reply", "ce_id") && !mask.hides_header("sms", "otp"));
    }
}
