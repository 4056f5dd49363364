//! The worker: it is asked without waiting, asks until there is an answer, and remembers.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use otp_codec::Lookup;

use super::super::registration::{Subject, Trouble};
use super::super::worker::{Registration, Worker};
use super::server::{Answer, Server};
use super::{SCHEMA, found, refusal, settings};

const LIMIT: Duration = Duration::from_secs(20);

fn worker(server: &Server, subjects: Vec<Subject>, keys: &[&str]) -> Worker {
    Worker::start(&settings(std::slice::from_ref(&server.url), keys), subjects).expect("usable settings")
}

#[expect(clippy::disallowed_methods, reason = "waits for another thread")]
fn begin() -> Instant {
    Instant::now()
}

/// Asks until `is_there`.
fn until<T>(ask: impl Fn() -> T, is_there: impl Fn(&T) -> bool) -> T {
    let begin = begin();
    loop {
        let said = ask();
        if is_there(&said) {
            return said;
        }
        assert!(begin.elapsed() < LIMIT, "nothing came");
        std::thread::sleep(Duration::from_micros(500));
    }
}

fn answer(worker: &Worker, id: u32) -> Lookup {
    until(|| worker.schema_of(id), |said| *said != Lookup::Pending)
}

#[test]
fn an_id_is_asked_for_once_and_remembered() {
    let server = Server::start(|asked| match asked.line.as_str() {
        "GET /schemas/ids/1" => Answer::Json(200, found("")),
        "GET /schemas/ids/2" => Answer::Json(200, found(",\"schemaType\":\"JSON\"")),
        _ => Answer::Json(404, refusal(40403)),
    });
    let worker = worker(&server, Vec::new(), &[]);
    assert_eq!(worker.schema_of(1), Lookup::Pending, "nobody waits");
    for _ in 0..3 {
        assert_eq!(answer(&worker, 1), Lookup::Found(SCHEMA.into()));
        assert!(matches!(answer(&worker, 2), Lookup::Unreadable(_)));
        assert_eq!(answer(&worker, 3), Lookup::NotFound);
    }
    assert_eq!(server.lines(), ["GET /schemas/ids/1", "GET /schemas/ids/2", "GET /schemas/ids/3"]);
    assert_eq!((worker.outage(), worker.registration()), (None, Registration::Done([].into())));
}

#[test]
fn an_unavailable_registry_is_asked_again_and_what_is_known_goes_on() {
    let count = AtomicUsize::new(0);
    let server = Server::start(move |asked| match asked.line.as_str() {
        "GET /schemas/ids/1" => Answer::Json(200, found("")),
        _ if count.fetch_add(1, Ordering::Relaxed) < 2 => Answer::Json(500, refusal(50001)),
        _ => Answer::Json(404, refusal(40403)),
    });
    let worker = worker(&server, Vec::new(), &[]);
    assert_eq!(answer(&worker, 1), Lookup::Found(SCHEMA.into()));
    assert_eq!(worker.schema_of(2), Lookup::Pending);
    let outage = until(|| worker.outage(), Option::is_some).expect("an outage");
    assert!(outage.contains("it answered 500"), "{outage}");
    assert_eq!(worker.schema_of(1), Lookup::Found(SCHEMA.into()));
    let begin = begin();
    assert_eq!(answer(&worker, 2), Lookup::NotFound);
    assert!(begin.elapsed() > Duration::from_millis(2_000), "it paused for one second, then for two");
    assert_eq!(worker.outage(), None);
}

/// An id that the registry cannot answer holds up no other.
#[test]
fn one_bad_id_holds_up_no_other() {
    let server = Server::start(|asked| match asked.line.as_str() {
        "GET /schemas/ids/1" => Answer::Json(500, refusal(50001)),
        _ => Answer::Json(200, found("")),
    });
    let worker = worker(&server, Vec::new(), &[]);
    let ids = 1..=10;
    ids.clone().for_each(|id| assert_eq!(worker.schema_of(id), Lookup::Pending));
    ids.skip(1).for_each(|id| assert_eq!(answer(&worker, id), Lookup::Found(SCHEMA.into())));
    assert_eq!(worker.schema_of(1), Lookup::Pending);
}

#[test]
fn more_ids_than_it_keeps_get_their_answers_all_the_same() {
    let server = Server::always(Answer::Json(200, found("")));
    let worker = worker(&server, Vec::new(), &[]);
    until(
        || (0..1_100).filter(|id| worker.schema_of(*id) == Lookup::Pending).count(),
        // The last ones push the first ones out, for ever.
        |_| server.asked().len() > 1_100,
    );
    assert_eq!(answer(&worker, 5_000), Lookup::Found(SCHEMA.into()));
}

#[test]
fn invented_ids_push_out_no_schema() {
    let server = Server::start(|asked| match asked.line.as_str() {
        "GET /schemas/ids/1" => Answer::Json(200, found("")),
        _ => Answer::Json(404, refusal(40403)),
    });
    let worker = worker(&server, Vec::new(), &[]);
    assert_eq!(answer(&worker, 1), Lookup::Found(SCHEMA.into()));
    for id in 2..1_500 {
        assert_eq!(answer(&worker, id), Lookup::NotFound);
    }
    assert_eq!(worker.schema_of(1), Lookup::Found(SCHEMA.into()));
    assert_eq!(worker.schema_of(2), Lookup::Pending, "it is forgotten, and asked again");
}

#[test]
fn subjects_are_registered_as_soon_as_the_registry_answers() {
    let count = AtomicUsize::new(0);
    let server = Server::start(move |asked| match asked.line.as_str() {
        _ if count.fetch_add(1, Ordering::Relaxed) == 0 => Answer::Json(503, String::new()),
        "POST /subjects/a-value" => Answer::Json(200, r#"{"id":5}"#.to_owned()),
        "GET /config/a-value" => Answer::Json(200, r#"{"compatibilityLevel":"FULL"}"#.to_owned()),
        line => panic!("nobody asks {line}"),
    });
    let worker = worker(&server, vec![Subject::of_topic("a", SCHEMA)], &[]);
    let waiting = until(|| worker.registration(), |it| *it != Registration::Waiting(None));
    let Registration::Waiting(Some(reason)) = waiting else { panic!("{waiting:?}") };
    assert!(reason.contains("subject a-value") && reason.contains("it answered 503"), "{reason}");
    let done = until(|| worker.registration(), |it| !matches!(it, Registration::Waiting(_)));
    assert_eq!(done, Registration::Done([("a-value".to_owned(), 5)].into()));
    assert_eq!(worker.outage(), None);
}

#[test]
fn every_subject_in_trouble_is_told() {
    let server = Server::start(|asked| match asked.line.as_str() {
        "POST /subjects/b-value" => Answer::Json(200, r#"{"id":5}"#.to_owned()),
        _ => Answer::Json(404, refusal(40401)),
    });
    let subjects = ["a", "b", "c"].map(|topic| Subject::of_topic(topic, SCHEMA)).to_vec();
    let worker = worker(&server, subjects, &["auto_register=false"]);
    let said = until(|| worker.registration(), |it| !matches!(it, Registration::Waiting(_)));
    let missing = |subject: &str| Trouble::Missing { subject: subject.to_owned() };
    assert_eq!(said, Registration::Refused(vec![missing("a-value"), missing("c-value")]));
}

#[test]
fn its_end_waits_for_no_answer_and_no_pause() {
    for answer in [Answer::Silence, Answer::Json(500, String::new())] {
        let server = Server::always(answer);
        let worker = worker(&server, Vec::new(), &["request_timeout_ms=5000"]);
        assert_eq!(worker.schema_of(1), Lookup::Pending);
        until(|| server.asked().len(), |count| *count > 0);
        let begin = begin();
        drop(worker);
        assert!(begin.elapsed() < Duration::from_millis(500), "{:?}", begin.elapsed());
    }
}
