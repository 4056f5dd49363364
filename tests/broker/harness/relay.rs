//! A door to another port that can be shut: a server that is away, without its end.

use std::io;
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicU16, Ordering};

/// Lives as long as the test program.
pub(crate) struct Relay {
    port: u16,
    /// 0: shut.
    target: Arc<AtomicU16>,
}

impl Relay {
    /// A door that is shut.
    pub(crate) fn shut() -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).expect("a port");
        let port = listener.local_addr().expect("an address").port();
        let target = Arc::new(AtomicU16::new(0));
        let to = target.clone();
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let to = to.load(Ordering::Relaxed);
                // A connection that is dropped here gets no answer.
                if let Ok(server) = TcpStream::connect(("127.0.0.1", to)) {
                    std::thread::spawn(move || pass(&stream, &server));
                }
            }
        });
        Self { port, target }
    }

    pub(crate) fn port(&self) -> u16 {
        self.port
    }

    pub(crate) fn open(&self, target: u16) {
        self.target.store(target, Ordering::Relaxed);
    }
}

fn pass(client: &TcpStream, server: &TcpStream) {
    let copy = |mut from: TcpStream, mut to: TcpStream| {
        drop(io::copy(&mut from, &mut to));
        drop(to.shutdown(std::net::Shutdown::Write));
    };
    let clone = |stream: &TcpStream| stream.try_clone().expect("a second handle");
    let (request, answer) = ((clone(client), clone(server)), (clone(server), clone(client)));
    let back = std::thread::spawn(move || copy(answer.0, answer.1));
    copy(request.0, request.1);
    drop(back.join());
}
