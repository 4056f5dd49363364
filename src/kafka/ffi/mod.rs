//! librdkafka's C interface, made safe; the one folder that may hold `unsafe`.
//!
//! Adds no policy: one call of ours is one call of librdkafka's. Callbacks run only inside calls that serve a client's
//! queue, on the calling thread, so a [`Client`] with callbacks needs no lock and stays on its thread. A panic inside a
//! callback ends the process.

mod callbacks;
mod client;
mod describe;
mod lists;
mod message;

use std::ffi::{CStr, c_char, c_int, c_void};
use std::ptr;
use std::time::Duration;

use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka_sys as sys;
use rdkafka_sys::rd_kafka_resp_err_t as RawCode;

pub use callbacks::{Callbacks, OnDelivery, OnRebalance, Reassignment};
pub use client::{Client, Handle, Kind, LogEnd, SharedClient};
pub use describe::{TopicFacts, describe_topics};
pub use lists::{GroupMetadata, Partitions};
pub use message::Message;

/// What librdkafka said: a code, its text and the flags of transactional calls.
#[derive(Clone, Debug)]
pub struct Failure {
    pub code: RDKafkaErrorCode,
    pub text: String,
    pub fatal: bool,
    pub retriable: bool,
    pub abortable: bool,
}

impl Failure {
    pub fn of_code(code: RDKafkaErrorCode) -> Self {
        Self { code, text: code.to_string(), fatal: false, retriable: false, abortable: false }
    }

    fn check_code(code: RawCode) -> Result<(), Self> {
        if code == RawCode::RD_KAFKA_RESP_ERR_NO_ERROR { Ok(()) } else { Err(Self::of_code(code.into())) }
    }

    /// Takes the error, if any.
    fn check(error: *mut sys::rd_kafka_error_t) -> Result<(), Self> {
        if error.is_null() {
            return Ok(());
        }
        // SAFETY: a non-null error of a librdkafka call is ours until we destroy it, once, here.
        unsafe {
            let failure = Self {
                code: sys::rd_kafka_error_code(error).into(),
                text: text(sys::rd_kafka_error_string(error)),
                fatal: sys::rd_kafka_error_is_fatal(error) != 0,
                retriable: sys::rd_kafka_error_is_retriable(error) != 0,
                abortable: sys::rd_kafka_error_txn_requires_abort(error) != 0,
            };
            sys::rd_kafka_error_destroy(error);
            Err(failure)
        }
    }
}

fn parts(bytes: Option<&[u8]>) -> (*const c_void, usize) {
    bytes.map_or((ptr::null(), 0), |it| (it.as_ptr().cast(), it.len()))
}

/// # Safety
/// `data` is null or points to `len` bytes that live for `'a`.
unsafe fn bytes<'a>(data: *const c_void, len: usize) -> Option<&'a [u8]> {
    // SAFETY: the caller's promise.
    (!data.is_null()).then(|| unsafe { std::slice::from_raw_parts(data.cast(), len) })
}

/// # Safety
/// `data` is null or points to `len` values that live for `'a`.
unsafe fn slice<'a, T>(data: *const T, len: usize) -> &'a [T] {
    if data.is_null() || len == 0 {
        return &[];
    }
    // SAFETY: the caller's promise.
    unsafe { std::slice::from_raw_parts(data, len) }
}

/// # Safety
/// `string` is null or a C string.
unsafe fn text(string: *const c_char) -> String {
    if string.is_null() {
        return String::new();
    }
    // SAFETY: the caller's promise.
    unsafe { CStr::from_ptr(string) }.to_string_lossy().into_owned()
}

/// Milliseconds, rounded up, so that a short wait does not become none.
fn millis(timeout: Duration) -> c_int {
    let ms = timeout.as_micros().div_ceil(1000);
    c_int::try_from(ms).unwrap_or(c_int::MAX)
}

/// What is wrong with a configuration, without the value where it may be a secret.
pub fn config_error(error: &KafkaError) -> String {
    let (key, text) = refused_key(error);
    if key.is_empty() { text } else { format!("{key}: {text}") }
}

/// The property that librdkafka refuses (empty if it is none in particular), and why, without a secret.
pub fn refused_key(error: &KafkaError) -> (String, String) {
    const SECRETS: [&str; 4] = ["password", "secret", "key", "pem"];
    match error {
        KafkaError::ClientConfig(_, _, key, _) if SECRETS.iter().any(|it| key.contains(it)) => {
            (key.clone(), "librdkafka refuses the value".to_owned())
        }
        KafkaError::ClientConfig(_, description, key, _) => (key.clone(), description.clone()),
        other => (String::new(), other.to_string()),
    }
}
