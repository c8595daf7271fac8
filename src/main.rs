//! The `posthaste` program: arguments, settings, then one of the commands.

use std::process::ExitCode;

/// A request makes some hundred short-lived allocations, many of them too large for the caches of the C library's
/// allocator.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    posthaste::cli::run()
}
