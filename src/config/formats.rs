//! `[formats]`: the format of the values of each shared topic; and what Avro needs.

use otp_topology::deployment::{CallerSettings, Format};
use serde::Deserialize;

use super::findings::Findings;
use super::schema_registry::SchemaRegistry;

/// By the keys of `[kafka.topics]`.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Formats {
    pub sms: Format,
    pub email: Format,
    pub validation_result: Format,
    pub lifecycle: Format,
    pub signal: Format,
    #[serde(default)]
    dead_letter: Format,
    #[serde(default)]
    user_directory: Format,
    #[serde(default)]
    otp_policy: Format,
    #[serde(default)]
    message_template: Format,
    #[serde(default)]
    client_registry: Format,
    #[serde(default)]
    otp_admin: Format,
}

/// A topic that is never in Avro: key, format, and why.
type JsonOnly = (&'static str, Format, &'static str);

impl Formats {
    /// The format of a shared topic, by its key under `[kafka.topics]`.
    pub(crate) fn of(&self, key: &str) -> Format {
        self.free().into_iter().find(|(name, _)| *name == key).map_or(Format::Json, |(_, format)| format)
    }

    /// The topics that may be in Avro.
    fn free(&self) -> [(&'static str, Format); 5] {
        [
            ("sms", self.sms),
            ("email", self.email),
            ("validation_result", self.validation_result),
            ("lifecycle", self.lifecycle),
            ("signal", self.signal),
        ]
    }

    fn json_only(&self) -> [JsonOnly; 6] {
        const OPERATORS: &str = "operators write it, as JSON, and must be able to without a schema registry";
        [
            (
                "dead_letter",
                self.dead_letter,
                "its value is empty or the bytes of a record that could not be read",
            ),
            ("user_directory", self.user_directory, "the feed of the directory writes it, as JSON"),
            ("otp_policy", self.otp_policy, OPERATORS),
            ("message_template", self.message_template, OPERATORS),
            ("client_registry", self.client_registry, OPERATORS),
            ("otp_admin", self.otp_admin, OPERATORS),
        ]
    }

    pub(super) fn check(
        &self,
        callers: &[CallerSettings],
        registry: &SchemaRegistry,
        found: &mut Findings<'_>,
    ) {
        for (name, _, why) in self.json_only().into_iter().filter(|(_, format, _)| *format == Format::Avro) {
            found.add(format!("formats.{name}"), format!("{why}, never Avro"), "leave it out");
        }
        if registry.urls.is_empty() {
            for key in avro_keys(self, callers) {
                found.add(
                    key,
                    "Avro needs a schema registry, and none is named",
                    "name its address in schema_registry.urls, or write \"json\"",
                );
            }
        }
    }
}

/// The keys that choose Avro, as in `formats.sms` and `callers[0].reply_format`.
pub(super) fn avro_keys(formats: &Formats, callers: &[CallerSettings]) -> Vec<String> {
    let shared = formats.free().into_iter().map(|(name, format)| (format!("formats.{name}"), format));
    let own = callers.iter().enumerate().flat_map(|(at, caller)| {
        [("request_format", caller.request_format), ("reply_format", caller.reply_format)]
            .map(|(field, format)| (format!("callers[{at}].{field}"), format))
    });
    shared.chain(own).filter(|(_, format)| *format == Format::Avro).map(|(key, _)| key).collect()
}
