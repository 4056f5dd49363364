//! The HTTP port, tested through a real socket.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::sync::Arc;

use super::super::health::{Health, TaskState, ThreadState};
use super::{HttpError, Metrics, Server, SocketAddr};

fn serve() -> (Server, Arc<Health>) {
    let health = Arc::new(Health::new(2));
    let server = Server::start("127.0.0.1:0", Arc::new(Metrics::new()), Arc::clone(&health));
    (server.expect("a free port"), health)
}

/// Status line, head and body of one response.
fn get(address: SocketAddr, request: &str) -> (String, String, String) {
    let mut stream = TcpStream::connect(address).expect("it listens");
    stream
        .write_all(format!("{request}\r\nHost: x\r\nConnection: close\r\n\r\n").as_bytes())
        .expect("it reads");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).expect("it answers");
    let (head, body) = answer.split_once("\r\n\r\n").expect("a head and a body");
    let (status, head) = head.split_once("\r\n").expect("a status line");
    (status.to_owned(), head.to_lowercase(), body.to_owned())
}

#[test]
fn pages_depend_on_path_and_method() {
    let (server, _health) = serve();
    let check = |request: &str, status: &str, in_head: &str, in_body: &str| {
        let (actual, head, body) = get(server.address(), request);
        assert_eq!(actual, format!("HTTP/1.1 {status}"), "{request}");
        assert!(head.contains(in_head), "{request}: {head}");
        assert!(body.contains(in_body), "{request}: {body}");
    };
    check("GET /metrics HTTP/1.1", "200 OK", "text/plain; version=0.0.4", "otp_stream_ready 0\n");
    check("GET /metrics?x=1 HTTP/1.1", "200 OK", "", "otp_stream_build_info{version=");
    check("GET /metrics HTTP/1.1", "200 OK", "", "process_resident_memory_bytes");
    check("GET /metrics HTTP/1.1", "200 OK", "", "otp_stream_tasks{state=\"restoring\"} 0\n");
    check("HEAD /livez HTTP/1.1", "200 OK", "content-length: 5", "");
    check("GET /livez HTTP/1.1", "200 OK", "", "live\n");
    check("GET /readyz HTTP/1.1", "503 Service Unavailable", "application/json", "\"ready\":false");
    check("GET / HTTP/1.1", "404 Not Found", "", "/readyz");
    check("POST /metrics HTTP/1.1", "405 Method Not Allowed", "allow: get, head", "");
    check("nonsense", "400 Bad Request", "", "");
}

#[test]
fn readiness_follows_threads_and_tasks() {
    let (server, health) = serve();
    let check = |ready: u16, live: u16, expected: &str| {
        let (status, _, body) = get(server.address(), "GET /readyz HTTP/1.1");
        assert!(status.contains(&ready.to_string()), "{status}: {body}");
        assert!(body.contains(expected), "{expected} in: {body}");
        let (status, ..) = get(server.address(), "GET /livez HTTP/1.1");
        assert!(status.contains(&live.to_string()), "{status}: {body}");
    };
    check(503, 200, r#"{"thread":0,"state":"starting","tasks":[]}"#);
    health.set_thread(0, ThreadState::Running);
    check(503, 200, r#"{"thread":1,"state":"starting","tasks":[]}"#);
    health.set_thread(1, ThreadState::Running);
    check(200, 200, r#"{"ready":true,"live":true,"failing":[],"causes":[],"#);
    health.set_tasks(1, vec![(1, TaskState::Running), (3, TaskState::Restoring)]);
    check(503, 200, r#"[{"partition":1,"state":"running"},{"partition":3,"state":"restoring"}]"#);
    let reason = || "the changelog is shorter than the store".to_owned();
    health.set_tasks(1, vec![(1, TaskState::Running), (3, TaskState::Failed { reason: reason() })]);
    check(503, 200, r#""state":"failed","reason":"the changelog is shorter than the store""#);
    health.set_tasks(1, vec![(1, TaskState::Running)]);
    check(200, 200, r#"[{"partition":1,"state":"running"}]"#);
    health.set_thread(0, ThreadState::Dead { reason: reason() });
    check(503, 503, r#""state":"dead""#);
}

#[test]
fn a_stopped_server_frees_its_port_and_a_taken_port_is_an_error() {
    let (server, health) = serve();
    let address = server.address();
    let taken = Server::start(&address.to_string(), Arc::new(Metrics::new()), Arc::clone(&health));
    let text = taken.map(|_| ()).map_err(|err: HttpError| err.to_string()).expect_err("taken");
    assert!(text.starts_with(&format!("http.listen = \"{address}\": cannot listen there")), "{text}");
    assert!(text.contains("choose a free address"), "{text}");
    let _idle = TcpStream::connect(address).expect("it listens");
    server.stop();
    Server::start(&address.to_string(), Arc::new(Metrics::new()), health).expect("free again");
}
