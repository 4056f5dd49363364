//! What an answer means, which address is asked, and who says that it asks.

use std::time::Duration;

use super::super::client::{Client, SchemaAnswer};
use super::super::fault::Fault;
use super::super::rest::Verdict;
use super::super::wait;
use super::server::{Answer, Server};
use super::{SCHEMA, found, nobody, refusal, settings};

fn client(urls: &[String], keys: &[&str]) -> Client {
    Client::new(&settings(urls, keys)).expect("usable settings")
}

fn schema_of(client: &Client, id: u32) -> Result<SchemaAnswer, Fault> {
    wait(client.schema_of(id)).expect("an event queue")
}

#[test]
fn only_the_registrys_own_words_are_definite() {
    let found_text = || Ok(SchemaAnswer::Found(SCHEMA.to_owned()));
    let unreadable = |what: &str| Ok(SchemaAnswer::Unreadable(what.to_owned()));
    let no = |reason: &'static str| Err(reason);
    let json = |status: u16, text: &str| Answer::Json(status, text.to_owned());
    let raw = |text: &str| Answer::Raw(text.to_owned());
    let rows: Vec<(Answer, Result<SchemaAnswer, &str>)> = vec![
        (json(200, &found("")), found_text()),
        (json(200, &found(",\"schemaType\":\"AVRO\",\"references\":[],\"new\":1")), found_text()),
        (Answer::Late(Duration::from_millis(100), found("")), found_text()),
        (json(200, &found(",\"schemaType\":\"PROTOBUF\"")), unreadable("schema 7 is not of the type AVRO")),
        (
            json(200, &found(",\"references\":[{\"name\":\"b\",\"subject\":\"b\",\"version\":1}]")),
            unreadable("schema 7 refers to other schemas, which this service does not read"),
        ),
        (json(404, &refusal(40403)), Ok(SchemaAnswer::NotFound)),
        // About something else than the schema.
        (json(404, &refusal(40401)), no("no 40401 (error code 40401)")),
        (json(422, &refusal(42201)), no("no 42201")),
        // The code of another status, or none.
        (
            json(400, &refusal(40403)),
            no("it answered 400 with something that is no answer of a schema registry"),
        ),
        (json(200, &refusal(40403)), no("another form than expected")),
        (json(404, "{\"message\":\"HTTP 404 Not Found\"}"), no("answered 404 with something")),
        (json(404, "{\"error_code\":\"40403\",\"message\":\"x\"}"), no("answered 404 with something")),
        (json(404, "<html>not found</html>"), no("answered 404 with something")),
        (json(404, ""), no("answered 404 with something")),
        (json(200, "<html>welcome</html>"), no("answered 200 with something")),
        (json(200, "{}"), no("another form than expected")),
        (json(200, "[]"), no("another form than expected")),
        (json(200, "{\"schema\":7}"), no("another form than expected")),
        (json(200, &"[".repeat(100_000)), no("answered 200 with something")),
        (json(500, &refusal(50001)), no("it answered 500")),
        (json(500, &refusal(40403)), no("it answered 500")),
        (json(503, "<html>"), no("it answered 503")),
        (json(401, &refusal(40101)), no("it does not accept username and password, or the token")),
        (json(403, &refusal(40301)), no("it answered 403: the user may not do that")),
        (json(429, ""), no("too many requests")),
        (json(404, &found(&" ".repeat(3 << 20))), no("longer than 2097152 bytes")),
        (json(200, &found(&" ".repeat(3 << 20))), no("longer than 2097152 bytes")),
        (Answer::Endless, no("longer than 2097152 bytes")),
        (Answer::Silence, no("no answer in time")),
        (Answer::Late(Duration::from_secs(2), found("")), no("no answer in time")),
        (raw("HTTP/1.1 200 X\r\nContent-Length: 90\r\n\r\n{\"schema\""), no("its answer ended early")),
        (raw("HTTP/1.1 200 X\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n"), no("its answer ended early")),
        (raw("220 smtp ready\r\n"), no("no connection")),
        (raw(""), no("no connection")),
    ];
    for (answer, expected) in rows {
        let server = Server::always(answer.clone());
        let said = schema_of(&client(std::slice::from_ref(&server.url), &[]), 7);
        assert_eq!(server.lines(), ["GET /schemas/ids/7"], "{answer:?}");
        match (said, expected) {
            (Ok(said), Ok(expected)) => assert_eq!(said, expected, "{answer:?}"),
            (Err(Fault::Unavailable(reason)), Err(expected)) => {
                assert!(reason.starts_with(&server.url) && reason.contains(expected), "{answer:?}: {reason}");
                assert!(reason.len() < 700, "{reason}");
            }
            (said, expected) => panic!("{answer:?}: {said:?} instead of {expected:?}"),
        }
    }
}

#[test]
fn a_redirect_is_not_followed() {
    let target = Server::always(Answer::Json(200, found("")));
    for status in [301, 302, 307, 308] {
        let head = format!(
            "HTTP/1.1 {status} X\r\nLocation: {}/schemas/ids/7\r\nContent-Length: 0\r\n\r\n",
            target.url
        );
        let server = Server::always(Answer::Raw(head));
        let said = schema_of(&client(&[server.url], &["token=CANARY"]), 7).expect_err("no answer");
        assert!(said.to_string().contains("a redirect, which is not followed"), "{said}");
    }
    assert!(target.asked().is_empty(), "it got a token: {:?}", target.asked());
}

#[test]
fn the_next_address_is_asked_until_one_is_definite() {
    let bad = Server::always(Answer::Json(500, refusal(50001)));
    let good = Server::start(|asked| match asked.line.as_str() {
        "GET /schemas/ids/7" => Answer::Json(200, found("")),
        _ => Answer::Json(404, refusal(40403)),
    });
    let spare = Server::always(Answer::Json(200, found("")));
    let urls = [nobody(), format!("{}/", bad.url), good.url.clone(), spare.url.clone()];
    let client = client(&urls, &[]);
    assert_eq!(schema_of(&client, 7), Ok(SchemaAnswer::Found(SCHEMA.to_owned())));
    assert_eq!(schema_of(&client, 8), Ok(SchemaAnswer::NotFound), "the one that answered is asked first");
    assert_eq!((bad.asked().len(), good.asked().len(), spare.asked().len()), (1, 2, 0));
}

#[test]
fn the_reasons_of_all_addresses_are_told() {
    let (bad, nobody) = (Server::always(Answer::Json(500, refusal(50001))), nobody());
    let said =
        schema_of(&client(&[bad.url.clone(), nobody.clone()], &[]), 7).expect_err("no answer").to_string();
    let expected = format!("{}: it answered 500; {nobody}: no connection: Connection refused", bad.url);
    assert!(said.starts_with(&expected), "{said}");
}

#[test]
fn every_request_says_who_asks_and_no_text_says_the_secret() {
    let rows: &[(&[&str], &str)] = &[
        (&["username=alice", "password=CANARY"], "Basic YWxpY2U6Q0FOQVJZ"),
        (&["username=alice"], "Basic YWxpY2U6"),
        (&["token=CANARY"], "Bearer CANARY"),
    ];
    for (keys, expected) in rows {
        let server = Server::start(|asked| Answer::Json(401, format!("{:?}", asked.authorization)));
        let settings = settings(std::slice::from_ref(&server.url), keys);
        assert!(!format!("{settings:?}").contains("CANARY"), "{settings:?}");
        let client = Client::new(&settings).expect("usable settings");
        let faults = wait(async {
            [
                client.schema_of(7).await.expect_err("refused"),
                client.id_of("s", SCHEMA).await.expect_err("refused"),
                client.register("s", SCHEMA).await.expect_err("refused"),
                client.latest("s").await.expect_err("refused"),
                client.level("s").await.expect_err("refused"),
                client.set_level("s", "FULL").await.expect_err("refused"),
                client.check("s", SCHEMA).await.expect_err("refused"),
            ]
        });
        for fault in faults.expect("an event queue") {
            let said = format!("{fault} {fault:?}");
            assert!(said.contains("it does not accept username") && !said.contains("CANARY"), "{said}");
        }
        assert_eq!(server.asked().len(), 7);
        for asked in server.asked() {
            assert_eq!(asked.authorization.as_deref(), Some(*expected), "{}", asked.line);
        }
    }
}

#[test]
fn a_check_tells_the_registrys_reasons_and_a_subject_without_schemas_takes_all() {
    let verdict = |is_compatible: bool, messages: &[&str]| {
        Ok(Verdict { is_compatible, messages: messages.iter().map(|it| (*it).to_owned()).collect() })
    };
    for (status, body, expected) in [
        (200, "{\"is_compatible\":true}".to_owned(), verdict(true, &[])),
        (200, "{\"is_compatible\":false}".to_owned(), verdict(false, &[])),
        (200, "{\"is_compatible\":false,\"messages\":[\"b\"]}".to_owned(), verdict(false, &["b"])),
        (404, refusal(40401), verdict(true, &[])),
        (404, refusal(40402), verdict(true, &[])),
        (422, refusal(42201), Err(Fault::Refused { code: 42201, message: "no 42201".to_owned() })),
    ] {
        let server = Server::always(Answer::Json(status, body));
        let client = client(std::slice::from_ref(&server.url), &[]);
        assert_eq!(wait(client.check("s", SCHEMA)).expect("an event queue"), expected);
        assert_eq!(server.lines(), ["POST /compatibility/subjects/s/versions/latest"]);
    }
}

#[test]
fn a_file_of_certificates_that_cannot_be_used_is_named() {
    let key_file = concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.toml");
    for (file, expected) in
        [("/nonexistent.pem", "cannot be read"), (key_file, "Cargo.toml has no certificate")]
    {
        let settings = settings(&[nobody()], &[&format!("ca_file={file}")]);
        let Err(error) = Client::new(&settings) else { panic!("{file} is no certificate") };
        let said = error.to_string();
        assert!(said.starts_with("schema_registry.ca_file: /") && said.contains(expected), "{said}");
    }
}
