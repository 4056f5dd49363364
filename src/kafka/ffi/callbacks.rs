//! Callbacks from librdkafka: rebalances and delivery reports go to closures; log lines and errors go to the log.

use std::cell::RefCell;
use std::ffi::{CStr, CString, c_char, c_int, c_void};
use std::ptr::NonNull;
use std::rc::Rc;
use std::time::Duration;

use rdkafka::config::NativeClientConfig;
use rdkafka::error::RDKafkaErrorCode;
use rdkafka_sys as sys;

use super::super::{broker_clock, outage};
use super::{Handle, Partitions, RawCode, text};

/// The two kinds of rebalance callbacks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Reassignment {
    Assign,
    Revoke,
}

/// Called with the client, the kind of rebalance and its partitions.
pub(crate) type OnRebalance = Box<dyn FnMut(&Handle, Reassignment, Partitions)>;
/// Called with a record's opaque value, its offset and its error.
pub(crate) type OnDelivery = Box<dyn FnMut(usize, i64, Option<RDKafkaErrorCode>) + Send>;
/// Called with the code and the text of an error of the client.
pub(crate) type OnError = Box<dyn FnMut(c_int, &str)>;

/// The callbacks of a client. librdkafka demands that a rebalance callback calls `assign` or `unassign`.
#[derive(Default)]
pub(crate) struct Callbacks {
    pub rebalance: Option<RefCell<OnRebalance>>,
    pub delivery: Option<RefCell<OnDelivery>>,
    pub error: Option<RefCell<OnError>>,
}

/// Registers the callbacks that are present. They must outlive the client that is created from the configuration.
pub(super) fn register(callbacks: &Rc<Callbacks>, config: &NativeClientConfig) {
    let config = config.ptr();
    // SAFETY: the configuration is alive. The functions match librdkafka's prototypes and expect this opaque value.
    unsafe {
        sys::rd_kafka_conf_set_opaque(config, Rc::as_ptr(callbacks).cast_mut().cast());
        sys::rd_kafka_conf_set_log_cb(config, Some(on_log));
        sys::rd_kafka_conf_set_error_cb(config, Some(on_error));
        if callbacks.rebalance.is_some() {
            sys::rd_kafka_conf_set_rebalance_cb(config, Some(on_rebalance));
        }
        if callbacks.delivery.is_some() {
            sys::rd_kafka_conf_set_dr_msg_cb(config, Some(on_delivery));
        }
    }
}

unsafe extern "C" fn on_rebalance(
    client: *mut sys::rd_kafka_t,
    code: RawCode,
    partitions: *mut sys::rd_kafka_topic_partition_list_t,
    opaque: *mut c_void,
) {
    let reassignment = if code == RawCode::RD_KAFKA_RESP_ERR__ASSIGN_PARTITIONS {
        Reassignment::Assign
    } else {
        Reassignment::Revoke
    };
    // SAFETY: `opaque` is the client's `Callbacks`, which live as long as the client. librdkafka owns the list, so we copy
    // it.
    let (callbacks, partitions) = unsafe {
        let copy = sys::rd_kafka_topic_partition_list_copy(partitions);
        (&*opaque.cast::<Callbacks>(), NonNull::new(copy).map(Partitions))
    };
    if let (Some(call), Some(client)) = (&callbacks.rebalance, NonNull::new(client)) {
        let partitions = partitions.unwrap_or_else(|| Partitions::new(0));
        (call.borrow_mut())(&Handle(client), reassignment, partitions);
    }
}

unsafe extern "C" fn on_delivery(
    _client: *mut sys::rd_kafka_t,
    message: *const sys::rd_kafka_message_t,
    opaque: *mut c_void,
) {
    // SAFETY: as in `on_rebalance`; the message lives during the call.
    let (callbacks, message) = unsafe { (&*opaque.cast::<Callbacks>(), &*message) };
    if let Some(call) = &callbacks.delivery {
        let error = (message.err != RawCode::RD_KAFKA_RESP_ERR_NO_ERROR).then(|| message.err.into());
        if error.is_none()
            && let Some((appended_ms, latency)) = append_time(message)
        {
            broker_clock::delivered(appended_ms, latency);
        }
        (call.borrow_mut())(message._private as usize, message.offset, error);
    }
}

/// The append time of a delivered record, and the time from its sending to its delivery report. `None`: its topic keeps the
/// producer's time.
fn append_time(message: &sys::rd_kafka_message_t) -> Option<(i64, Duration)> {
    use sys::rd_kafka_timestamp_type_t as Kind;
    let mut kind = Kind::RD_KAFKA_TIMESTAMP_NOT_AVAILABLE;
    // SAFETY: the message is alive.
    let (appended_ms, latency_us) = unsafe {
        (sys::rd_kafka_message_timestamp(message, &mut kind), sys::rd_kafka_message_latency(message))
    };
    let latency = Duration::from_micros(u64::try_from(latency_us).ok()?);
    (kind == Kind::RD_KAFKA_TIMESTAMP_LOG_APPEND_TIME).then_some((appended_ms, latency))
}

unsafe extern "C" fn on_error(
    client: *mut sys::rd_kafka_t,
    code: c_int,
    reason: *const c_char,
    opaque: *mut c_void,
) {
    // SAFETY: librdkafka passes a C string that lives during the call. For `opaque` see `on_rebalance`.
    let (callbacks, reason) = unsafe { (&*opaque.cast::<Callbacks>(), text(reason)) };
    // SAFETY: the client lives during the call.
    outage::client_error(code, &reason, &|name| unsafe { property(client, name) });
    if let Some(call) = &callbacks.error {
        (call.borrow_mut())(code, &reason);
    }
}

/// The value of a property. `None`: it has none, or is longer than a path or a certificate.
///
/// # Safety
/// The client is alive.
unsafe fn property(client: *const sys::rd_kafka_t, name: &str) -> Option<String> {
    let name = CString::new(name).ok()?;
    let mut value = vec![0u8; 32 * 1024];
    let mut size = value.len();
    // SAFETY: the caller's promise. librdkafka writes at most `size` bytes, with a final zero.
    let result = unsafe {
        let config = sys::rd_kafka_conf(client.cast_mut());
        sys::rd_kafka_conf_get(config, name.as_ptr(), value.as_mut_ptr().cast(), &mut size)
    };
    if result != sys::rd_kafka_conf_res_t::RD_KAFKA_CONF_OK {
        return None;
    }
    let value = CStr::from_bytes_until_nul(&value).ok()?;
    Some(value.to_string_lossy().into_owned()).filter(|value| !value.is_empty())
}

unsafe extern "C" fn on_log(
    _: *const sys::rd_kafka_t,
    level: c_int,
    facility: *const c_char,
    line: *const c_char,
) {
    // SAFETY: as in `on_error`.
    let (facility, line) = unsafe { (text(facility), text(line)) };
    match (level, facility.as_str()) {
        // Every client gets the properties of producers and consumers; librdkafka warns about the other kind's.
        (_, "CONFWARN") => tracing::debug!(target: "librdkafka", facility, line),
        // One line per attempt of each client. `on_error` gets the same errors.
        (_, "FAIL" | "REQTMOUT") => tracing::debug!(target: "librdkafka", facility, line),
        // The transactional call reports the same error, and its cause is logged with the topic and the remedy.
        (_, "TXNERR" | "ADDPARTS" | "ADDOFFSETS") => {
            tracing::debug!(target: "librdkafka", facility, line);
        }
        (7.., _) => tracing::debug!(target: "librdkafka", facility, line),
        (..=6, _) => {
            let (detail, line) = line.split_once("]: ").unwrap_or(("", &line));
            match level {
                ..=3 => tracing::error!(target: "librdkafka", facility, line, detail),
                4 => tracing::warn!(target: "librdkafka", facility, line, detail),
                5.. => tracing::info!(target: "librdkafka", facility, line, detail),
            }
        }
    }
}
