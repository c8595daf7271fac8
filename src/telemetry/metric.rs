//! The names of our metrics: an interface, since people's dashboards and alerts use them.

use anyhow::Context;
use metrics::{Unit, describe_counter, describe_gauge, describe_histogram};
use metrics_exporter_prometheus::{Matcher, PrometheusBuilder};

/// Requests answered, by `route` (the pattern, not the path), `method` and `status`.
pub const HTTP_REQUESTS: &str = "posthaste_http_requests_total";

/// Time from a request's head to the head of its answer, in seconds, by `route` and `method`.
pub const HTTP_REQUEST_DURATION: &str = "posthaste_http_request_duration_seconds";

/// Mails stored.
pub const MAILS_ACCEPTED: &str = "posthaste_mails_accepted_total";

/// Attempts at deliveries, by `outcome`.
pub const DELIVERIES: &str = "posthaste_deliveries_total";

/// Deliveries that wait or are on their way.
pub const QUEUE_DEPTH: &str = "posthaste_queue_depth";

/// Open connections to the relay.
pub const SMTP_CONNECTIONS: &str = "posthaste_smtp_connections";

/// Mails stored by one commit.
pub const COMMIT_BATCH_SIZE: &str = "posthaste_commit_batch_size";

/// Requests refused because their key went too fast.
pub const RATE_LIMITED: &str = "posthaste_rate_limited_total";

/// Requests refused for want of a good key.
pub const AUTHENTICATION_FAILURES: &str = "posthaste_authentication_failures_total";

/// Requests to webhooks, by `outcome`.
pub const WEBHOOK_ATTEMPTS: &str = "posthaste_webhook_attempts_total";
/// Bounces and complaints that came in, by `learnt`.
pub const REPORTS: &str = "posthaste_reports_total";

/// One while the relay counts as down, and otherwise zero.
pub const CIRCUIT_OPEN: &str = "posthaste_circuit_open";

/// Panics after which a loop began again, by `loop`.
pub const LOOP_PANICS: &str = "posthaste_loop_panics_total";

/// From a cached answer to a stuck database, in seconds.
const DURATION_BUCKETS: [f64; 13] =
    [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0];

/// From a lone request to a full batch, in mails.
const BATCH_BUCKETS: [f64; 10] = [1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0, 128.0, 256.0, 512.0];

/// A recorder with our buckets, and no listener of its own.
pub(super) fn builder() -> anyhow::Result<PrometheusBuilder> {
    PrometheusBuilder::new()
        .set_buckets_for_metric(Matcher::Full(HTTP_REQUEST_DURATION.to_owned()), &DURATION_BUCKETS)
        .and_then(|builder| {
            let matcher = Matcher::Full(COMMIT_BATCH_SIZE.to_owned());
            builder.set_buckets_for_metric(matcher, &BATCH_BUCKETS)
        })
        .context("the buckets of a metric are empty")
}

/// Tells Prometheus what the metrics are.
pub(super) fn describe() {
    describe_counter!(HTTP_REQUESTS, "Requests answered");
    describe_histogram!(HTTP_REQUEST_DURATION, Unit::Seconds, "Time to the head of the answer");
    describe_counter!(MAILS_ACCEPTED, "Mails stored");
    describe_counter!(DELIVERIES, "Attempts at deliveries by outcome");
    describe_gauge!(QUEUE_DEPTH, "Deliveries that wait or are on their way");
    describe_gauge!(SMTP_CONNECTIONS, "Open connections to the relay");
    describe_histogram!(COMMIT_BATCH_SIZE, "Mails stored by one commit");
    describe_counter!(RATE_LIMITED, "Requests refused because their key went too fast");
    describe_counter!(AUTHENTICATION_FAILURES, "Requests refused for want of a good key");
    describe_counter!(REPORTS, "Bounces and complaints that came in, by what was learnt");
    describe_counter!(WEBHOOK_ATTEMPTS, "Requests to webhooks by outcome");
    describe_gauge!(CIRCUIT_OPEN, "One while the relay counts as down");
    describe_counter!(LOOP_PANICS, "Panics after which a loop began again");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn metrics_are_rendered_under_the_names_that_were_promised() {
        let recorder = builder().unwrap().build_recorder();
        metrics::with_local_recorder(&recorder, || {
            describe();
            metrics::counter!(HTTP_REQUESTS, "route" => "/v1/mails/send", "method" => "POST", "status" => "200")
                .increment(1);
            metrics::histogram!(HTTP_REQUEST_DURATION).record(0.003);
            metrics::histogram!(COMMIT_BATCH_SIZE).record(3.0);
        });
        let text = recorder.handle().render();
        let request =
            r#"posthaste_http_requests_total{route="/v1/mails/send",method="POST",status="200"} 1"#;
        assert!(text.contains(request), "{text}");
        assert!(
            text.contains(r#"posthaste_http_request_duration_seconds_bucket{le="0.005"} 1"#),
            "{text}"
        );
        assert!(text.contains(r#"posthaste_commit_batch_size_bucket{le="2"} 0"#), "{text}");
    }
}
