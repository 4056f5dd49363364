//! Which stream threads have a transaction open, for whoever ends the process.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// Shared by the stream threads and the thread that waits for their end.
#[derive(Clone)]
pub(crate) struct OpenTransactions(Arc<[AtomicBool]>);

/// One stream thread's part.
pub(super) struct OpenTransaction {
    all: OpenTransactions,
    number: usize,
}

impl OpenTransactions {
    pub(crate) fn new(threads: usize) -> Self {
        Self((0..threads).map(|_| AtomicBool::new(false)).collect())
    }

    pub(crate) fn is_any(&self) -> bool {
        self.0.iter().any(|is_open| is_open.load(Ordering::Relaxed))
    }

    pub(super) fn of(&self, number: usize) -> OpenTransaction {
        OpenTransaction { all: self.clone(), number }
    }
}

impl OpenTransaction {
    pub(super) fn set(&self, is_open: bool) {
        self.all.0[self.number].store(is_open, Ordering::Relaxed);
    }
}

impl Drop for OpenTransaction {
    fn drop(&mut self) {
        self.set(false);
    }
}
