//! The binary: everything is in the library.

use std::process::ExitCode;

/// librdkafka and RocksDB allocate through it, too: a request is a few dozen small allocations.
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

fn main() -> ExitCode {
    otp_stream::cli::main()
}
