//! The HTTP port: `/metrics`, `/livez` and `/readyz`, served by a thread of its own.
//!
//! Takes no requests for one-time passwords: those come through Kafka.

use std::convert::Infallible;
use std::io;
use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use http_body_util::Full;
use hyper::body::{Bytes, Incoming};
use hyper::header::{ALLOW, CACHE_CONTROL, CONTENT_TYPE};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::TcpStream;
use tokio::sync::watch;
use tokio::task::JoinSet;

use super::health::Health;
use super::metrics::Metrics;

/// Most open connections. Scrapes and probes need a few.
const CONNECTIONS_MAX: usize = 64;
/// Longest time for a client to send the head of its request.
const HEAD_READ_MS_MAX: u64 = 10_000;
/// Longest time for open responses after the server stops.
const STOP_MS_MAX: u64 = 1_000;

/// The port cannot be opened: the address is invalid, taken, or not an address of this machine.
#[derive(Debug, thiserror::Error)]
#[error(
    "http.listen = \"{listen}\": cannot listen there ({source}); choose a free address, as in --set http.listen=127.0.0.1:0"
)]
pub(crate) struct HttpError {
    listen: String,
    source: io::Error,
}

/// A running server. Dropping it stops it.
#[derive(Debug)]
pub(crate) struct Server {
    address: SocketAddr,
    stop: watch::Sender<bool>,
    thread: Option<JoinHandle<()>>,
}

struct Pages {
    metrics: Arc<Metrics>,
    health: Arc<Health>,
}

impl Server {
    /// Opens the port and serves it until stopped.
    ///
    /// # Errors
    /// See [`HttpError`].
    pub(crate) fn start(listen: &str, metrics: Arc<Metrics>, health: Arc<Health>) -> Result<Self, HttpError> {
        let failed = |source: io::Error| HttpError { listen: listen.to_owned(), source };
        let listener = TcpListener::bind(listen).map_err(failed)?;
        listener.set_nonblocking(true).map_err(failed)?;
        let address = listener.local_addr().map_err(failed)?;
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_io()
            .enable_time()
            .build()
            .map_err(failed)?;
        let (stop, stopped) = watch::channel(false);
        let pages = Arc::new(Pages { metrics, health });
        let thread = std::thread::Builder::new()
            .name("http".to_owned())
            .spawn(move || {
                if let Err(err) = runtime.block_on(serve(listener, pages, stopped)) {
                    tracing::error!(error = %err, "the HTTP port stopped serving");
                }
            })
            .map_err(failed)?;
        Ok(Self { address, stop, thread: Some(thread) })
    }

    /// The address it listens on. The port is the real one even if `listen` named port 0.
    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// Closes the port. Waits for open responses for at most a second.
    pub(crate) fn stop(mut self) {
        self.close();
    }

    fn close(&mut self) {
        self.stop.send_replace(true);
        if let Some(thread) = self.thread.take()
            && thread.join().is_err()
        {
            tracing::error!("the HTTP thread panicked");
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.close();
    }
}

async fn serve(
    listener: TcpListener,
    pages: Arc<Pages>,
    mut stopped: watch::Receiver<bool>,
) -> io::Result<()> {
    let listener = tokio::net::TcpListener::from_std(listener)?;
    let mut connections = JoinSet::new();
    loop {
        while connections.try_join_next().is_some() {}
        tokio::select! {
            _ = stopped.changed() => break,
            Some(_) = connections.join_next(), if connections.len() >= CONNECTIONS_MAX => {}
            accepted = listener.accept(), if connections.len() < CONNECTIONS_MAX => match accepted {
                Ok((stream, _)) => {
                    connections.spawn(respond(stream, Arc::clone(&pages), stopped.clone()));
                }
                Err(err) => {
                    tracing::warn!(error = %err, "cannot accept a connection to the HTTP port");
                    tokio::time::sleep(Duration::from_millis(50)).await;
                }
            },
        }
    }
    drop(listener);
    let all_done = async { while connections.join_next().await.is_some() {} };
    if tokio::time::timeout(Duration::from_millis(STOP_MS_MAX), all_done).await.is_err() {
        tracing::debug!("some HTTP responses were cut off");
    }
    Ok(())
}

async fn respond(stream: TcpStream, pages: Arc<Pages>, mut stopped: watch::Receiver<bool>) {
    let service = service_fn(move |request: Request<Incoming>| {
        let response = pages.page(request.method(), request.uri().path());
        async move { Ok::<_, Infallible>(response) }
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(Duration::from_millis(HEAD_READ_MS_MAX))
        .max_buf_size(16 * 1024)
        .serve_connection(TokioIo::new(stream), service);
    let mut connection = std::pin::pin!(connection);
    let outcome = tokio::select! {
        outcome = connection.as_mut() => outcome,
        _ = stopped.changed() => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    if let Err(err) = outcome {
        tracing::debug!(error = %err, "an HTTP connection ended early");
    }
}

impl Pages {
    fn page(&self, method: &Method, path: &str) -> Response<Full<Bytes>> {
        if method != Method::GET && method != Method::HEAD {
            let mut response = text(StatusCode::METHOD_NOT_ALLOWED, "only GET and HEAD\n");
            response.headers_mut().insert(ALLOW, "GET, HEAD".parse().expect("a constant header"));
            return response;
        }
        match path {
            "/metrics" => {
                let body = self.metrics.render(&self.health);
                page(StatusCode::OK, prometheus::TEXT_FORMAT, body)
            }
            "/livez" => match self.health.report().live {
                true => text(StatusCode::OK, "live\n"),
                false => {
                    text(StatusCode::SERVICE_UNAVAILABLE, "a stream thread is dead or stuck, see /readyz\n")
                }
            },
            "/readyz" => {
                let report = self.health.report();
                let status = match report.ready {
                    true => StatusCode::OK,
                    false => StatusCode::SERVICE_UNAVAILABLE,
                };
                let mut body = serde_json::to_vec(&report).expect("a health report always serializes");
                body.push(b'\n');
                page(status, "application/json", body)
            }
            _ => text(StatusCode::NOT_FOUND, "not found; there are /metrics, /livez and /readyz\n"),
        }
    }
}

fn text(status: StatusCode, body: &'static str) -> Response<Full<Bytes>> {
    page(status, "text/plain; charset=utf-8", body.as_bytes().to_vec())
}

fn page(status: StatusCode, content_type: &str, body: Vec<u8>) -> Response<Full<Bytes>> {
    Response::builder()
        .status(status)
        .header(CONTENT_TYPE, content_type)
        .header(CACHE_CONTROL, "no-store")
        .body(Full::new(Bytes::from(body)))
        .expect("constant headers")
}

#[cfg(test)]
mod tests;
