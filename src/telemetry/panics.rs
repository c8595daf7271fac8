//! What is said about a panic.

use std::any::Any;
use std::backtrace::{Backtrace, BacktraceStatus};
use std::panic::{self, PanicHookInfo};

/// Logs panics for the rest of the process's life, in place of the standard library's lines on standard error.
///
/// Those quote the message, and a message may quote anything: a slice that cuts a letter in two prints the whole text,
/// an `unwrap` the whole error.
pub(super) fn install() {
    panic::set_hook(Box::new(report));
}

fn report(panic: &PanicHookInfo<'_>) {
    let backtrace = Backtrace::capture();
    let is_captured = backtrace.status() == BacktraceStatus::Captured;
    tracing::error!(
        panic.location = panic.location().map(tracing::field::display),
        panic.message = message(panic.payload()),
        thread.name = std::thread::current().name(),
        backtrace = is_captured.then(|| tracing::field::display(&backtrace)),
        "A thread or task panicked"
    );
}

/// The message, if it stands in the program as it is. One that was put together may hold what came from outside.
fn message(payload: &(dyn Any + Send)) -> &'static str {
    payload.downcast_ref().copied().unwrap_or("(withheld, as it may quote a request)")
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use tracing_subscriber::filter::{LevelFilter, Targets};

    use crate::config::values::LogFormat;
    use crate::telemetry::install_logs;

    #[test]
    fn a_panic_is_logged_without_what_it_quotes() {
        let this = std::env::current_exe().unwrap();
        let arguments = ["--ignored", "--exact", "--nocapture", "telemetry::panics::tests::panics"];
        let output =
            Command::new(this).args(arguments).env_remove("RUST_BACKTRACE").output().unwrap();
        let text =
            String::from_utf8(output.stderr).unwrap() + &String::from_utf8(output.stdout).unwrap();

        assert!(output.status.success(), "{text}");
        assert!(!text.contains("ada@"), "{text}");
        assert_eq!(text.matches("A thread or task panicked").count(), 3, "{text}");
        assert_eq!(text.matches("panic.location=src/telemetry/panics.rs:").count(), 3, "{text}");
        assert_eq!(text.matches("(withheld, as it may quote a request)").count(), 2, "{text}");
        assert!(text.contains("the literal of a panic"), "{text}");
    }

    #[test]
    #[ignore = "the test above starts it in a process of its own"]
    fn panics() {
        let level = Targets::new().with_default(LevelFilter::INFO);
        install_logs(LogFormat::Pretty, level).unwrap();
        let address = String::from("ada@éxample.org");
        let panics: [Box<dyn FnOnce() + Send>; 3] = [
            Box::new(|| panic!("the literal of a panic")),
            Box::new({
                let address = address.clone();
                move || drop(address[..5].to_owned())
            }),
            Box::new(move || {
                address.parse::<u16>().map_err(|_| address).unwrap();
            }),
        ];
        for panic in panics {
            assert!(std::thread::spawn(panic).join().is_err());
        }
    }
}
