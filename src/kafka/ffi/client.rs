//! Clients and the calls they take.

use std::ffi::{CStr, CString, c_int, c_void};
use std::marker::PhantomData;
use std::mem::ManuallyDrop;
use std::ptr::{self, NonNull};
use std::rc::Rc;
use std::time::Duration;

use rdkafka::ClientConfig;
use rdkafka_sys as sys;

use super::{Callbacks, Failure, GroupMetadata, Message, Partitions, callbacks, millis, parts, text};

/// A client as its callbacks see it: everything but serving queues.
pub struct Handle(pub(super) NonNull<sys::rd_kafka_t>);

/// A client of the cluster, with the topics whose handles it holds.
pub struct Client {
    handle: Handle,
    topics: Vec<NonNull<sys::rd_kafka_topic_t>>,
    callbacks: Rc<Callbacks>,
}

/// What a question for the offset of a time may ask for instead.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(i64)]
pub enum LogEnd {
    Start = -2,
    End = -1,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Consumer,
    Producer,
}

impl Client {
    /// Creates a client, and handles for `topics`, which are numbered in this order.
    ///
    /// # Errors
    /// The text says which property librdkafka refuses, or what else is missing.
    pub fn new(
        kind: Kind,
        config: &ClientConfig,
        topics: &[CString],
        callbacks: Callbacks,
    ) -> Result<Self, String> {
        let native = config.create_native_config().map_err(|error| super::config_error(&error))?;
        let callbacks = Rc::new(callbacks);
        let kind = match kind {
            Kind::Consumer => sys::rd_kafka_type_t::RD_KAFKA_CONSUMER,
            Kind::Producer => sys::rd_kafka_type_t::RD_KAFKA_PRODUCER,
        };
        let mut reason = [0u8; 512];
        callbacks::register(&callbacks, &native);
        // SAFETY: the configuration is valid, and librdkafka's once the client exists. The callbacks live in the client
        // that is returned, and are dropped after the native client.
        let client =
            unsafe { sys::rd_kafka_new(kind, native.ptr(), reason.as_mut_ptr().cast(), reason.len()) };
        let Some(client) = NonNull::new(client) else {
            let reason = CStr::from_bytes_until_nul(&reason).map(CStr::to_string_lossy);
            return Err(reason.map_or_else(|_| "unknown".into(), Into::into));
        };
        let _taken = ManuallyDrop::new(native);
        let mut client = Self { handle: Handle(client), topics: Vec::with_capacity(topics.len()), callbacks };
        for name in topics {
            // SAFETY: the client lives, the name is copied; a topic without own settings takes the client's.
            let topic =
                unsafe { sys::rd_kafka_topic_new(client.handle.raw(), name.as_ptr(), ptr::null_mut()) };
            client.topics.push(NonNull::new(topic).ok_or("invalid topic name")?);
        }
        Ok(client)
    }

    pub fn handle(&self) -> &Handle {
        &self.handle
    }

    /// Serves the client's own queue (deliveries, errors) for at most `timeout`.
    pub fn serve(&self, timeout: Duration) {
        // SAFETY: the client lives.
        unsafe { sys::rd_kafka_poll(self.handle.raw(), millis(timeout)) };
    }

    /// Sends what lingers, and serves deliveries until nothing is outstanding or `timeout` is over.
    pub fn flush(&self, timeout: Duration) {
        // SAFETY: the client lives. What is left shows in `outstanding`.
        unsafe { sys::rd_kafka_flush(self.handle.raw(), millis(timeout)) };
    }

    /// Records and reports that a producer has not come to the end of.
    pub fn outstanding(&self) -> usize {
        // SAFETY: the client lives.
        unsafe { sys::rd_kafka_outq_len(self.handle.raw()) as usize }
    }

    /// Sends what is a consumer's own queue to the group's, so that `poll` serves both.
    ///
    /// # Errors
    /// The client is no consumer.
    pub fn poll_serves_all(&self) -> Result<(), Failure> {
        // SAFETY: the client lives.
        Failure::check_code(unsafe { sys::rd_kafka_poll_set_consumer(self.handle.raw()) })
    }

    /// The next record or error; rebalance callbacks run in here. `None`: nothing within `timeout`, or a callback ran.
    pub fn poll(&self, timeout: Duration) -> Option<Message<'_>> {
        // SAFETY: the client lives; a returned message is ours until `Message` destroys it.
        let message = unsafe { sys::rd_kafka_consumer_poll(self.handle.raw(), millis(timeout)) };
        NonNull::new(message).map(|raw| Message { raw, client: PhantomData })
    }

    /// As [`Client::poll`], and up to `max` records or errors that are there already: a fraction of the cost of one poll
    /// for each. Empty: nothing within `timeout`.
    pub fn poll_many(&self, timeout: Duration, max: usize) -> Vec<Message<'_>> {
        let mut messages = Vec::with_capacity(max + 1);
        messages.extend(self.poll(timeout));
        if messages.is_empty() {
            return messages;
        }
        let mut more: Vec<*mut sys::rd_kafka_message_t> = vec![ptr::null_mut(); max];
        // SAFETY: the client lives, and its queue's handle is given back; at most `max` messages are put into the array,
        // and are ours until `Message` destroys them.
        let count = unsafe {
            let queue = sys::rd_kafka_queue_get_consumer(self.handle.raw());
            let count = sys::rd_kafka_consume_batch_queue(queue, 0, more.as_mut_ptr(), max);
            sys::rd_kafka_queue_destroy(queue);
            usize::try_from(count).unwrap_or(0)
        };
        let more = more.into_iter().take(count).filter_map(NonNull::new);
        messages.extend(more.map(|raw| Message { raw, client: PhantomData }));
        messages
    }

    /// The number of the topic whose handle a message carries.
    pub fn topic_of(&self, message: &Message<'_>) -> Option<usize> {
        // SAFETY: the message is ours; only its pointer is compared. Since we hold our topics' handles, librdkafka
        // cannot give their addresses to others.
        let topic = unsafe { message.raw.as_ref().rkt };
        self.topics.iter().position(|it| it.as_ptr() == topic)
    }

    /// Hands a copy of a record to the client. `opaque` comes back with its delivery.
    ///
    /// # Errors
    /// The client's queue is full, or the transaction does not take it.
    pub fn produce<'h>(
        &self,
        topic: usize,
        partition: i32,
        key: Option<&[u8]>,
        value: Option<&[u8]>,
        headers: (usize, impl Iterator<Item = (&'h [u8], Option<&'h [u8]>)>),
        opaque: usize,
    ) -> Result<(), Failure> {
        let (key, key_len) = parts(key);
        let (value, value_len) = parts(value);
        let headers = native_headers(headers);
        // SAFETY: client and topic live; MSG_F_COPY copies key and value; the argument list is tag and values as
        // rd_kafka_producev documents, ended by VTYPE_END. The headers are librdkafka's if it succeeds, else ours.
        unsafe {
            use sys::rd_kafka_vtype_t as tag;
            let code = sys::rd_kafka_producev(
                self.handle.raw(),
                tag::RD_KAFKA_VTYPE_RKT,
                self.topics[topic].as_ptr(),
                tag::RD_KAFKA_VTYPE_PARTITION,
                partition,
                tag::RD_KAFKA_VTYPE_MSGFLAGS,
                sys::RD_KAFKA_MSG_F_COPY as c_int,
                tag::RD_KAFKA_VTYPE_KEY,
                key,
                key_len,
                tag::RD_KAFKA_VTYPE_VALUE,
                value,
                value_len,
                tag::RD_KAFKA_VTYPE_HEADERS,
                headers,
                tag::RD_KAFKA_VTYPE_OPAQUE,
                opaque as *mut c_void,
                tag::RD_KAFKA_VTYPE_END,
            );
            let result = Failure::check_code(code);
            if result.is_err() && !headers.is_null() {
                sys::rd_kafka_headers_destroy(headers);
            }
            result
        }
    }

    /// Drops what waits and what is in flight.
    pub fn purge(&self) {
        let what = sys::RD_KAFKA_PURGE_F_QUEUE | sys::RD_KAFKA_PURGE_F_INFLIGHT;
        // SAFETY: the client lives; the flags are valid.
        unsafe { sys::rd_kafka_purge(self.handle.raw(), what) };
    }

    /// Leaves the group; rebalance callbacks run in here.
    pub fn close(&self) {
        // SAFETY: the client lives; closing twice is allowed.
        unsafe { sys::rd_kafka_consumer_close(self.handle.raw()) };
    }
}

impl Drop for Client {
    fn drop(&mut self) {
        // SAFETY: handles first, then the client, then (as fields) the callbacks it points to. No callback runs in
        // here: a consumer is not closed, and what a producer holds is gone without being served.
        unsafe {
            for topic in &self.topics {
                sys::rd_kafka_topic_destroy(topic.as_ptr());
            }
            sys::rd_kafka_destroy_flags(
                self.handle.raw(),
                sys::RD_KAFKA_DESTROY_F_NO_CONSUMER_CLOSE as c_int,
            );
        }
        debug_assert!(Rc::strong_count(&self.callbacks) == 1);
    }
}

/// A consumer's client without callbacks, for questions from any thread.
pub struct SharedClient(Client);

// SAFETY: librdkafka's calls are thread safe; the empty callbacks are never touched and their `Rc` is never cloned.
unsafe impl Send for SharedClient {}
// SAFETY: as above; it gives out no more than the handle.
unsafe impl Sync for SharedClient {}

impl SharedClient {
    /// # Errors
    /// As [`Client::new`].
    pub fn new(config: &ClientConfig) -> Result<Self, String> {
        Client::new(Kind::Consumer, config, &[], Callbacks::default()).map(Self)
    }

    pub fn handle(&self) -> &Handle {
        self.0.handle()
    }
}

// SAFETY (all of `Handle`): the client outlives every reference to its handle, and librdkafka's calls are thread safe.
impl Handle {
    fn raw(&self) -> *mut sys::rd_kafka_t {
        self.0.as_ptr()
    }

    pub fn subscribe(&self, topics: &Partitions) -> Result<(), Failure> {
        Failure::check_code(unsafe { sys::rd_kafka_subscribe(self.raw(), topics.0.as_ptr()) })
    }

    pub fn assign(&self, partitions: &Partitions) -> Result<(), Failure> {
        Failure::check_code(unsafe { sys::rd_kafka_assign(self.raw(), partitions.0.as_ptr()) })
    }

    pub fn unassign(&self) -> Result<(), Failure> {
        Failure::check_code(unsafe { sys::rd_kafka_assign(self.raw(), ptr::null()) })
    }

    pub fn assignment_lost(&self) -> bool {
        unsafe { sys::rd_kafka_assignment_lost(self.raw()) != 0 }
    }

    /// The result per partition is in the list.
    pub fn pause(&self, partitions: &mut Partitions) -> Result<(), Failure> {
        Failure::check_code(unsafe { sys::rd_kafka_pause_partitions(self.raw(), partitions.0.as_ptr()) })
    }

    pub fn resume(&self, partitions: &mut Partitions) -> Result<(), Failure> {
        Failure::check_code(unsafe { sys::rd_kafka_resume_partitions(self.raw(), partitions.0.as_ptr()) })
    }

    pub fn seek(&self, partitions: &mut Partitions, timeout: Duration) -> Result<(), Failure> {
        let raw = partitions.0.as_ptr();
        Failure::check(unsafe { sys::rd_kafka_seek_partitions(self.raw(), raw, millis(timeout)) })
    }

    /// Fills in the group's committed offsets; stable ones if the client reads committed.
    pub fn committed(&self, partitions: &mut Partitions, timeout: Duration) -> Result<(), Failure> {
        let raw = partitions.0.as_ptr();
        Failure::check_code(unsafe { sys::rd_kafka_committed(self.raw(), raw, millis(timeout)) })
    }

    pub fn group_metadata(&self) -> Option<GroupMetadata> {
        NonNull::new(unsafe { sys::rd_kafka_consumer_group_metadata(self.raw()) }).map(GroupMetadata)
    }

    /// Start and end of a partition, as far as the client's isolation level lets it see.
    pub fn watermarks(&self, topic: &CStr, partition: i32, timeout: Duration) -> Result<(i64, i64), Failure> {
        let (mut start, mut end) = (-1, -1);
        let (name, ms) = (topic.as_ptr(), millis(timeout));
        Failure::check_code(unsafe {
            sys::rd_kafka_query_watermark_offsets(self.raw(), name, partition, &mut start, &mut end, ms)
        })?;
        Ok((start, end))
    }

    /// Replaces each [`LogEnd`], which stands for the offset in the list, by the offset that it has.
    pub fn log_ends(&self, partitions: &mut Partitions, timeout: Duration) -> Result<(), Failure> {
        let raw = partitions.0.as_ptr();
        Failure::check_code(unsafe { sys::rd_kafka_offsets_for_times(self.raw(), raw, millis(timeout)) })
    }

    pub fn cluster_id(&self, timeout: Duration) -> Option<String> {
        unsafe {
            let id = sys::rd_kafka_clusterid(self.raw(), millis(timeout));
            let copy = (!id.is_null()).then(|| text(id));
            sys::rd_kafka_mem_free(self.raw(), id.cast());
            copy
        }
    }

    /// The first fatal error of the client.
    pub fn fatal(&self) -> Option<Failure> {
        let mut reason = [0u8; 512];
        let code = unsafe { sys::rd_kafka_fatal_error(self.raw(), reason.as_mut_ptr().cast(), reason.len()) };
        let mut failure = Failure::check_code(code).err()?;
        failure.fatal = true;
        if let Ok(reason) = CStr::from_bytes_until_nul(&reason) {
            failure.text = reason.to_string_lossy().into_owned();
        }
        Some(failure)
    }

    /// Makes the call that serves the queue return after the callback that calls this.
    pub fn yield_now(&self) {
        unsafe { sys::rd_kafka_yield(self.raw()) }
    }

    pub fn init_transactions(&self, timeout: Duration) -> Result<(), Failure> {
        Failure::check(unsafe { sys::rd_kafka_init_transactions(self.raw(), millis(timeout)) })
    }

    pub fn begin_transaction(&self) -> Result<(), Failure> {
        Failure::check(unsafe { sys::rd_kafka_begin_transaction(self.raw()) })
    }

    pub fn send_offsets(
        &self,
        offsets: &Partitions,
        group: &GroupMetadata,
        timeout: Duration,
    ) -> Result<(), Failure> {
        let (offsets, group) = (offsets.0.as_ptr(), group.0.as_ptr());
        Failure::check(unsafe {
            sys::rd_kafka_send_offsets_to_transaction(self.raw(), offsets, group, millis(timeout))
        })
    }

    /// Flushes, serving deliveries on this thread, and commits.
    pub fn commit_transaction(&self, timeout: Duration) -> Result<(), Failure> {
        Failure::check(unsafe { sys::rd_kafka_commit_transaction(self.raw(), millis(timeout)) })
    }

    pub fn abort_transaction(&self, timeout: Duration) -> Result<(), Failure> {
        Failure::check(unsafe { sys::rd_kafka_abort_transaction(self.raw(), millis(timeout)) })
    }
}

/// Headers in librdkafka's form; null for none.
fn native_headers<'h>(
    (count, headers): (usize, impl Iterator<Item = (&'h [u8], Option<&'h [u8]>)>),
) -> *mut sys::rd_kafka_headers_t {
    if count == 0 {
        return ptr::null_mut();
    }
    // SAFETY: the new headers are ours; names and values are copied with the lengths given.
    unsafe {
        let native = sys::rd_kafka_headers_new(count);
        for (name, value) in headers {
            let (value, value_len) = parts(value);
            sys::rd_kafka_header_add(
                native,
                name.as_ptr().cast(),
                name.len() as isize,
                value,
                value_len as isize,
            );
        }
        native
    }
}
