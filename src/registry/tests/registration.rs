//! Registration at a registry that answers as Confluent's does. Apicurio's own answers are tested on a real one.

use std::sync::Mutex;

use super::super::client::Client;
use super::super::registration::{Standing, Subject, Trouble, compare, register};
use super::super::wait;
use super::server::{Answer, Server};
use super::{SCHEMA, refusal, settings};

/// What a registry has of the subject `sms-value`.
#[derive(Clone, Copy, Default)]
struct Has {
    ours: bool,
    latest: Option<&'static str>,
    level: Option<&'static str>,
    refuses: bool,
}

/// A registry that has this.
fn served(has: Has) -> Server {
    let level = Mutex::new(has.level);
    Server::start(move |asked| {
        let refused = |status, code| Answer::Json(status, refusal(code));
        let json = |text: &str| Answer::Json(200, text.to_owned());
        match asked.line.as_str() {
            "POST /subjects/sms-value" if has.ours => json(r#"{"subject":"sms-value","id":5,"version":1}"#),
            "POST /subjects/sms-value" if has.latest.is_some() => refused(404, 40403),
            "POST /subjects/sms-value" | "GET /subjects/sms-value/versions/latest"
                if has.latest.is_none() =>
            {
                refused(404, 40401)
            }
            "GET /subjects/sms-value/versions/latest" => {
                let schema = has.latest.expect("it has one");
                Answer::Json(
                    200,
                    format!(r#"{{"subject":"sms-value","id":4,"version":1,"schema":{schema:?}}}"#),
                )
            }
            "GET /config/sms-value" => match *level.lock().expect("no panic") {
                Some(level) => Answer::Json(200, format!(r#"{{"compatibilityLevel":{level:?}}}"#)),
                None => refused(404, 40408),
            },
            "PUT /config/sms-value" => {
                assert_eq!(asked.body, r#"{"compatibility":"BACKWARD"}"#);
                *level.lock().expect("no panic") = Some("BACKWARD");
                json(r#"{"compatibility":"BACKWARD"}"#)
            }
            "POST /subjects/sms-value/versions" if has.refuses => refused(409, 409),
            "POST /subjects/sms-value/versions" => json(r#"{"id":6}"#),
            "POST /compatibility/subjects/sms-value/versions/latest" => {
                json(&format!(r#"{{"is_compatible":{},"messages":["why"]}}"#, !has.refuses))
            }
            line => panic!("nobody asks {line}"),
        }
    })
}

fn subject() -> Subject {
    Subject::of_topic("sms", SCHEMA)
}

const LOOK_UP: &str = "POST /subjects/sms-value";
const LEVEL: &str = "GET /config/sms-value";
const SET_LEVEL: &str = "PUT /config/sms-value";
const REGISTER: &str = "POST /subjects/sms-value/versions";
const LATEST: &str = "GET /subjects/sms-value/versions/latest";
/// A schema whose field has another type.
const OTHER: &str = r#"{"type":"record","name":"A","fields":[{"name":"a","type":"long"}]}"#;

/// What the registry has, whether we may write, what comes of it, and the requests.
type Row<'a> = (Has, bool, Result<u32, Trouble>, &'a [&'a str]);

#[test]
fn a_schema_is_registered_under_a_level_and_only_if_that_is_allowed() {
    let missing = || Trouble::Missing { subject: "sms-value".to_owned() };
    let incompatible = |level: &str| Trouble::Incompatible {
        subject: "sms-value".to_owned(),
        level: level.to_owned(),
        fields: vec!["`a` has another type".to_owned()],
        message: "no 409".to_owned(),
    };
    let has = Has::default();
    let other = Has { latest: Some(OTHER), ..has };
    let rows: Vec<Row<'_>> = vec![
        (has, true, Ok(6), &[LOOK_UP, LEVEL, SET_LEVEL, REGISTER]),
        (has, false, Err(missing()), &[LOOK_UP]),
        (Has { level: Some("FULL"), ..other }, true, Ok(6), &[LOOK_UP, LEVEL, REGISTER]),
        (Has { level: Some("NONE"), ..other }, true, Ok(6), &[LOOK_UP, LEVEL, SET_LEVEL, REGISTER]),
        (other, false, Err(missing()), &[LOOK_UP]),
        (Has { ours: true, ..other }, true, Ok(5), &[LOOK_UP, LEVEL, SET_LEVEL]),
        (Has { ours: true, level: Some("BACKWARD"), ..other }, true, Ok(5), &[LOOK_UP, LEVEL]),
        (Has { ours: true, ..other }, false, Ok(5), &[LOOK_UP]),
        (
            Has { refuses: true, ..other },
            true,
            Err(incompatible("BACKWARD")),
            &[LOOK_UP, LEVEL, SET_LEVEL, REGISTER, LATEST],
        ),
        (
            Has { refuses: true, level: Some("FULL"), ..other },
            true,
            Err(incompatible("FULL")),
            &[LOOK_UP, LEVEL, REGISTER, LATEST],
        ),
    ];
    for (at, (has, may_write, expected, requests)) in rows.into_iter().enumerate() {
        let server = served(has);
        let client = Client::new(&settings(std::slice::from_ref(&server.url), &[])).expect("usable settings");
        let said = wait(register(&client, &subject(), may_write)).expect("an event queue");
        assert_eq!(
            (said, server.lines()),
            (expected, requests.iter().map(|it| (*it).to_owned()).collect()),
            "row {at}"
        );
    }
}

#[test]
fn a_comparison_says_what_differs_and_writes_nothing() {
    let has = Has::default();
    let other = Has { latest: Some(OTHER), ..has };
    let standing = |id: Option<u32>, level: Option<&str>, objections: &[&str]| Standing {
        id,
        level: level.map(str::to_owned),
        objections: objections.iter().map(|it| (*it).to_owned()).collect(),
    };
    for (has, expected) in [
        (has, standing(None, None, &[])),
        (Has { ours: true, level: Some("FULL"), ..other }, standing(Some(5), Some("FULL"), &[])),
        (Has { level: Some("NONE"), ..other }, standing(None, None, &[])),
        (
            Has { refuses: true, level: Some("BACKWARD"), ..other },
            standing(None, Some("BACKWARD"), &["`a` has another type", "why"]),
        ),
    ] {
        let server = served(has);
        let client = Client::new(&settings(std::slice::from_ref(&server.url), &[])).expect("usable settings");
        assert_eq!(wait(compare(&client, &subject())).expect("an event queue"), Ok(expected));
        let writes = server.lines().into_iter().filter(|line| line.starts_with("PUT") || line == REGISTER);
        assert_eq!(writes.collect::<Vec<_>>(), [""; 0]);
    }
}

#[test]
fn trouble_names_subject_field_and_remedy() {
    let subject = || "sms-value".to_owned();
    let reason = || "r".to_owned();
    let fields = vec!["`a` is gone".to_owned(), "`b` is gone".to_owned()];
    for (trouble, expected) in [
        (Trouble::Unavailable { subject: subject(), reason: reason() }, &["subject sms-value: r"][..]),
        (Trouble::Missing { subject: subject() }, &["sms-value", "`otp-stream schemas register`"]),
        (
            Trouble::Refused { subject: subject(), reason: reason() },
            &["sms-value: the registry refuses the schema: r"],
        ),
        (
            Trouble::Incompatible { subject: subject(), level: "FULL".to_owned(), fields, message: reason() },
            &["sms-value", "level FULL: `a` is gone, `b` is gone;", "a name of its own", "says: r"],
        ),
    ] {
        let text = trouble.to_string();
        assert!(expected.iter().all(|part| text.contains(part)), "{text}");
    }
}
