//! What the program says about itself: log lines on standard error, and metrics.
//!
//! No key, password, address or subject may stand in a log line at any level. Our own lines see to that themselves.
//! Those of other crates are held to [`LevelFilter::INFO`] and some to less, whatever `LOG_LEVEL` says: at finer levels
//! SMTP clients print envelopes, HTTP and HTTP/2 print headers, and database drivers print what the server tells them.
//! (sqlx prints statements without their values; lettre prints nothing without its `tracing` feature.) Panics are logged
//! without what they quote.

pub mod metric;
mod panics;

use std::io::{self, IsTerminal};

use anyhow::Context;
use metrics_exporter_prometheus::PrometheusHandle;
use tracing::Subscriber;
use tracing_subscriber::filter::{FilterExt, LevelFilter, Targets};
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::layer::{Layer, SubscriberExt};
use tracing_subscriber::util::SubscriberInitExt;

use crate::config::values::LogFormat;

/// Sends log lines, and panics as such, to standard error for the rest of the process's life; to be called once.
pub fn install_logs(format: LogFormat, level: Targets) -> anyhow::Result<()> {
    let color = io::stderr().is_terminal();
    subscriber(format, level, color, io::stderr)
        .try_init()
        .context("another logger was installed before")?;
    panics::install();
    Ok(())
}

/// Collects metrics for the rest of the process's life; to be called once. The handle renders them; its
/// `run_upkeep` must be called every few seconds, or histograms grow.
pub fn install_metrics() -> anyhow::Result<PrometheusHandle> {
    let handle = metric::builder()?.install_recorder().context("another recorder was installed")?;
    metric::describe();
    Ok(handle)
}

fn subscriber<W>(
    format: LogFormat,
    level: Targets,
    color: bool,
    writer: W,
) -> impl Subscriber + Send + Sync
where
    W: for<'a> MakeWriter<'a> + Send + Sync + 'static,
{
    let lines = tracing_subscriber::fmt::layer()
        .with_writer(writer)
        .with_ansi(color)
        .log_internal_errors(false);
    let lines = match format {
        LogFormat::Pretty => lines.boxed(),
        LogFormat::Json => lines.json().flatten_event(true).boxed(),
    };
    tracing_subscriber::registry().with(lines.with_filter(level.and(ceiling())))
}

/// The finest level at which each crate is heard at all.
fn ceiling() -> Targets {
    Targets::new()
        .with_default(LevelFilter::INFO)
        .with_target("posthaste", LevelFilter::TRACE)
        .with_target("sqlx", LevelFilter::WARN)
        // What migrations and triggers say may quote rows.
        .with_target("sqlx::postgres::notice", LevelFilter::OFF)
        // The value of a parameter that it does not know: a misspelt `password`.
        .with_target("sqlx_postgres::options", LevelFilter::OFF)
        // The message of a panic; see `panics`.
        .with_target("tower_http::catch_panic", LevelFilter::OFF)
        .with_target("lettre", LevelFilter::WARN)
        .with_target("hyper", LevelFilter::WARN)
        .with_target("h2", LevelFilter::WARN)
        .with_target("rustls", LevelFilter::WARN)
}

#[cfg(test)]
mod tests {
    use std::io::Write;
    use std::sync::{Arc, Mutex};

    use super::*;

    #[derive(Clone, Default)]
    struct Lines(Arc<Mutex<Vec<u8>>>);

    impl Write for Lines {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().write(bytes)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    fn logged(format: LogFormat, level: &str, log: impl FnOnce()) -> String {
        let lines = Lines::default();
        let writer = lines.clone();
        let subscriber = subscriber(format, level.parse().unwrap(), false, move || writer.clone());
        tracing::subscriber::with_default(subscriber, log);
        let bytes = lines.0.lock().unwrap().clone();
        String::from_utf8(bytes).unwrap()
    }

    #[test]
    fn other_peoples_details_are_not_logged_at_any_level() {
        let everything = "trace,sqlx=trace,sqlx::query=trace,lettre=trace,hyper=trace,h2::codec=trace,rustls=trace";
        let text = logged(LogFormat::Pretty, everything, || {
            tracing::debug!(target: "sqlx::query", "a");
            tracing::info!(target: "sqlx::postgres::notice", "b");
            tracing::debug!(target: "lettre::transport::smtp", "c");
            tracing::debug!(target: "h2::codec::framed_write", "d");
            tracing::trace!(target: "hyper::proto::h1", "e");
            tracing::debug!(target: "somebody_else", "f");
        });
        assert_eq!(text, "");
    }

    #[test]
    fn a_misspelt_password_in_a_database_url_is_not_logged() {
        let text = logged(LogFormat::Json, "trace,sqlx_postgres::options::parse=trace", || {
            let url = "postgres://db/posthaste?passwrod=hunter2";
            drop(url.parse::<sqlx::postgres::PgConnectOptions>().unwrap());
        });
        assert_eq!(text, "");
    }

    #[test]
    fn warnings_that_quote_rows_or_values_are_not_logged() {
        let text = logged(LogFormat::Pretty, "trace", || {
            tracing::warn!(target: "sqlx::postgres::notice", "a");
            tracing::error!(target: "tower_http::catch_panic", "Service panicked: b");
        });
        assert_eq!(text, "");
    }

    #[test]
    fn our_own_lines_obey_the_level() {
        let log = || {
            tracing::debug!(target: "posthaste::worker", "Claimed");
            tracing::debug!(target: "posthaste::http", "Answered");
            tracing::warn!(target: "somebody_else", "Wrong");
        };
        let text = logged(LogFormat::Pretty, "info,posthaste::worker=debug", log);
        assert!(text.contains("Claimed") && text.contains("Wrong") && !text.contains("Answered"));
        assert_eq!(logged(LogFormat::Pretty, "off", log), "");
    }

    #[test]
    fn json_is_one_object_a_line() {
        let text = logged(LogFormat::Json, "info", || {
            tracing::info!(target: "posthaste", port = 8080, "Listening\non \"all\"");
        });
        let line: serde_json::Value = serde_json::from_str(&text).unwrap();
        assert_eq!(line["message"], "Listening\non \"all\"");
        assert_eq!(line["port"], 8080);
        assert_eq!(line["level"], "INFO");
    }
}
