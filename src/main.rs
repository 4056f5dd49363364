//! The binary: everything is in the library.

use std::process::ExitCode;

/// Each record costs librdkafka a dozen small allocations; the system's allocator spends more time on them than all else.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    // Its first act is to install the signal handlers.
    otp_stream::main()
}
