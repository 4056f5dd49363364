//! A server for tests: answers each request as a function says, and remembers the requests.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// A request as it came.
#[derive(Clone, Debug)]
pub(super) struct Asked {
    /// As in `GET /schemas/ids/1`, without a query.
    pub line: String,
    pub authorization: Option<String>,
    pub body: String,
}

/// What the server does with a request.
#[derive(Clone, Debug)]
pub(super) enum Answer {
    /// Status and JSON.
    Json(u16, String),
    /// Status line, headers and body.
    Raw(String),
    /// JSON after a while.
    Late(Duration, String),
    /// A success whose body has no end.
    Endless,
    /// Nothing, until the client gives up.
    Silence,
}

pub(super) struct Server {
    pub url: String,
    asked: Arc<Mutex<Vec<Asked>>>,
}

impl Server {
    /// Serves until the test ends. Each connection has its own thread.
    pub(super) fn start(answer: impl Fn(&Asked) -> Answer + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let url = format!("http://{}", listener.local_addr().expect("an address"));
        let asked = Arc::new(Mutex::new(Vec::new()));
        let (own, answer) = (Arc::clone(&asked), Arc::new(answer));
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let (own, answer) = (Arc::clone(&own), Arc::clone(&answer));
                std::thread::spawn(move || serve(&stream, &own, &*answer));
            }
        });
        Self { url, asked }
    }

    pub(super) fn always(answer: Answer) -> Self {
        Self::start(move |_| answer.clone())
    }

    pub(super) fn asked(&self) -> Vec<Asked> {
        self.asked.lock().expect("no panic").clone()
    }

    pub(super) fn lines(&self) -> Vec<String> {
        self.asked().into_iter().map(|it| it.line).collect()
    }
}

fn serve(stream: &TcpStream, asked: &Mutex<Vec<Asked>>, answer: &dyn Fn(&Asked) -> Answer) {
    let mut reader = BufReader::new(stream);
    while let Some(request) = read(&mut reader) {
        asked.lock().expect("no panic").push(request.clone());
        if write(stream, answer(&request)).is_none() {
            return;
        }
    }
}

fn read(reader: &mut BufReader<&TcpStream>) -> Option<Asked> {
    let mut line = String::new();
    reader.read_line(&mut line).ok().filter(|read| *read > 0)?;
    let line = line.rsplit_once(" HTTP/").expect("a request line").0;
    let line = line.split('?').next().unwrap_or_default().to_owned();
    let (mut authorization, mut length) = (None, 0);
    loop {
        let mut header = String::new();
        reader.read_line(&mut header).ok()?;
        let Some((name, value)) = header.trim_end().split_once(": ") else { break };
        match name.to_lowercase().as_str() {
            "authorization" => authorization = Some(value.to_owned()),
            "content-length" => length = value.parse().expect("a number"),
            _ => {}
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body).ok()?;
    Some(Asked { line, authorization, body: String::from_utf8(body).expect("UTF-8") })
}

/// `None`: the connection is over.
fn write(mut stream: &TcpStream, answer: Answer) -> Option<()> {
    // In one piece: otherwise the kernel holds the second one back for 40 ms.
    let mut json = |status: u16, body: &str| {
        let head = "Content-Type: application/json\r\nContent-Length";
        let text = format!("HTTP/1.1 {status} X\r\n{head}: {}\r\n\r\n{body}", body.len());
        stream.write_all(text.as_bytes()).ok()
    };
    match answer {
        Answer::Json(status, body) => json(status, &body),
        Answer::Late(wait, body) => {
            std::thread::sleep(wait);
            json(200, &body)
        }
        Answer::Raw(text) => {
            stream.write_all(text.as_bytes()).ok()?;
            None
        }
        Answer::Endless => {
            stream.write_all(b"HTTP/1.1 200 X\r\nTransfer-Encoding: chunked\r\n\r\n").ok()?;
            let chunk = format!("10000\r\n{}\r\n", "1".repeat(0x10000));
            while stream.write_all(chunk.as_bytes()).is_ok() {}
            None
        }
        Answer::Silence => {
            std::thread::sleep(Duration::from_secs(5));
            None
        }
    }
}
