//! The `posthaste` program: arguments, settings, then one of the commands.

use std::process::ExitCode;

fn main() -> ExitCode {
    posthaste::cli::run()
}
