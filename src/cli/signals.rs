//! SIGTERM and SIGINT, from the first line of the program to its last.
//!
//! Without a handler the kernel keeps both from a process with the number 1, as in a container. So the handlers come before
//! everything else, and every command ends:
//!
//! ```text
//! at once   until something needs an end   the signal ends the process; status 128 + its number, and 0 of a `run` that
//!                                          does not serve yet
//! orderly   `run` while it serves, `demo`  the first signal asks to stop; the second ends the process
//!                                          │
//!                                          ├─ no transaction is open: the process ends after a second and a half at most
//!                                          └─ one is open: it may take ten seconds; then the next start settles it
//! ```
//!
//! A call of librdkafka that waits for a silent broker cannot be interrupted. So the end of the process never waits for one: a
//! thread of its own ends it. That loses nothing, because a crash at the same moment would not either.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI32, Ordering};
use std::time::{Duration, Instant};

use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::iterator::Signals as Incoming;
use signal_hook::{flag, low_level};

/// How long the process may go on without an open transaction.
const IDLE_MAX: Duration = Duration::from_millis(1_500);
/// How long it may take in all.
const ALL_MAX: Duration = Duration::from_millis(9_500);
const POLL_INTERVAL: Duration = Duration::from_millis(20);
/// Added to a signal's number, this is the status of a process that it ended.
const SIGNALLED: u8 = 128;

/// The handlers of this process.
pub(super) struct Signals {
    /// The next signal ends the process with its own status.
    ends_at_once: Arc<AtomicBool>,
    /// The same with status 0.
    ends_well: Arc<AtomicBool>,
}

/// Whether a signal asked for an orderly end.
#[derive(Clone, Default)]
pub(super) struct Stop(Arc<AtomicI32>);

/// The status of a process that a signal has ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Status {
    /// 0: to be stopped is what it is for.
    Done,
    /// 128 and the signal's number.
    Signalled,
}

impl Signals {
    /// Call this before anything else, even before arguments are read.
    ///
    /// # Errors
    /// The system refuses.
    pub(super) fn install() -> io::Result<Self> {
        let ends_well = Arc::new(AtomicBool::new(false));
        let ends_at_once = Arc::new(AtomicBool::new(true));
        // A signal between the installation of a handler and its actions would be lost, so both wait until all are there.
        mask(libc::SIG_BLOCK)?;
        for signal in [SIGTERM, SIGINT] {
            // They run in the order in which they are registered.
            let status = i32::from(Status::Signalled.of(signal));
            flag::register_conditional_shutdown(signal, status, ends_at_once.clone())?;
            flag::register_conditional_shutdown(signal, 0, ends_well.clone())?;
            flag::register(signal, ends_at_once.clone())?;
        }
        mask(libc::SIG_UNBLOCK)?;
        Ok(Self { ends_at_once, ends_well })
    }

    /// Until the command takes over, a signal ends the process with status 0.
    pub(super) fn end_well(&self) {
        self.ends_well.store(true, Ordering::SeqCst);
        self.ends_at_once.store(false, Ordering::SeqCst);
    }

    /// From here on a signal asks for an orderly end. `is_open` says whether a transaction is open; then the process may take
    /// longer. If it does not end by itself, it is ended with `status`.
    ///
    /// # Errors
    /// The system refuses.
    pub(super) fn take_over(
        &self,
        status: Status,
        is_open: impl Fn() -> bool + Send + 'static,
    ) -> io::Result<Stop> {
        let stop = Stop::default();
        let mut incoming = Incoming::new([SIGTERM, SIGINT])?;
        let asked = stop.clone();
        std::thread::Builder::new().name("signals".to_owned()).spawn(move || {
            let Some(signal) = incoming.forever().next() else { return };
            asked.0.store(signal, Ordering::SeqCst);
            end_in_time(status.of(signal), is_open);
        })?;
        self.ends_at_once.store(false, Ordering::SeqCst);
        self.ends_well.store(false, Ordering::SeqCst);
        Ok(stop)
    }
}

impl Stop {
    pub(super) fn is_asked(&self) -> bool {
        self.signal().is_some()
    }

    /// The signal that asked.
    pub(super) fn signal(&self) -> Option<i32> {
        Some(self.0.load(Ordering::SeqCst)).filter(|signal| *signal != 0)
    }
}

impl Status {
    pub(super) fn of(self, signal: i32) -> u8 {
        match self {
            Self::Done => 0,
            Self::Signalled => SIGNALLED + u8::try_from(signal).expect("there are fewer signals"),
        }
    }
}

/// Holds both signals back from this thread, or lets them through.
#[expect(unsafe_code, reason = "a system call that std does not have")]
fn mask(how: libc::c_int) -> io::Result<()> {
    // SAFETY: any bytes are a `sigset_t`. The calls read and write nothing else.
    let error = unsafe {
        let mut signals: libc::sigset_t = std::mem::zeroed();
        libc::sigemptyset(&raw mut signals);
        libc::sigaddset(&raw mut signals, SIGTERM);
        libc::sigaddset(&raw mut signals, SIGINT);
        libc::pthread_sigmask(how, &raw const signals, std::ptr::null_mut())
    };
    if error == 0 { Ok(()) } else { Err(io::Error::from_raw_os_error(error)) }
}

/// Ends the process, unless it ends by itself before its time is over.
fn end_in_time(status: u8, is_open: impl Fn() -> bool) {
    let begun = now();
    let mut idle_since = begun;
    loop {
        std::thread::sleep(POLL_INTERVAL);
        let now = now();
        if is_open() {
            idle_since = now;
        }
        if now - begun >= ALL_MAX {
            tracing::error!("the open transaction did not end in time; the next start settles it");
            low_level::exit(1);
        }
        if now - idle_since >= IDLE_MAX {
            tracing::warn!(
                "the clients of the brokers did not end in time; no transaction is open, so nothing is left to settle"
            );
            low_level::exit(i32::from(status));
        }
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "measures how long the end of the process takes; decides nothing else"
)]
fn now() -> Instant {
    Instant::now()
}
