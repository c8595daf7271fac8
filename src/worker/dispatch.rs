//! Tells webhooks what is due.

use std::sync::Arc;
use std::time::{Duration, Instant};

use chrono::Utc;
use http_body_util::Full;
use hyper::Request;
use hyper::header::{HeaderName, HeaderValue};
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::error::Result;
use crate::outbound::{Client, Limits};
use crate::service::backoff::Backoff;
use crate::service::restart;
use crate::service::webhooks::dispatch::{Attempt, Dispatch, Found, Job, KEPT_ANSWER};
use crate::webhook::{payload, request};

/// Between looks at the queue when nothing was due.
const IDLE: Duration = Duration::from_secs(1);

/// Between looks at the queue while the database is away, at most.
const LONGEST_PAUSE: Duration = Duration::from_secs(15);

/// Requests being made at once.
const AT_ONCE: usize = 256;

/// Bounds of one request. An answer's body says nothing that matters, but a server may be surprised when nobody reads it.
const LIMITS: Limits = Limits {
    time: Duration::from_secs(10),
    body_time: Duration::from_secs(1),
    body_bytes: 64 * 1024,
};

/// Tells webhooks until asked to stop.
#[derive(Clone)]
pub struct DispatchWorker {
    dispatch: Dispatch,
    client: Client,
    places: Arc<Semaphore>,
    tasks: TaskTracker,
}

impl DispatchWorker {
    /// A worker for one node. Its requests run on `tasks`, which the stop waits for.
    pub fn new(dispatch: Dispatch, client: Client, tasks: TaskTracker) -> Self {
        Self { dispatch, client, places: Arc::new(Semaphore::new(AT_ONCE)), tasks }
    }

    /// Tells what is due.
    pub async fn run(self, stop: CancellationToken) {
        let tell = move || {
            let (worker, stop) = (self.clone(), stop.clone());
            async move { worker.tell_what_is_due(&stop).await }
        };
        restart::whenever_it_panics("webhooks", tell).await;
    }

    async fn tell_what_is_due(&self, stop: &CancellationToken) {
        let mut backoff = Backoff::new(IDLE, LONGEST_PAUSE);
        let mut is_idle = true;
        while !stop.is_cancelled() {
            let pause = match self.claim_and_start().await {
                Ok((found, is_round)) => {
                    backoff.reset();
                    is_idle &= found == 0;
                    // Everybody has had a turn, and nobody has anything that may be told or ended now.
                    let pause = if is_round && is_idle { IDLE } else { Duration::ZERO };
                    is_idle |= is_round;
                    pause
                }
                Err(error) => {
                    let pause = backoff.after_failure();
                    tracing::warn!(cause = %error.for_log(), "Could not look for what webhooks are to be told; looking again in {pause:.1?}");
                    pause
                }
            };
            if !pause.is_zero() {
                stop.run_until_cancelled(tokio::time::sleep(pause)).await;
            }
        }
    }

    async fn claim_and_start(&self) -> Result<(usize, bool)> {
        // Places first: what is claimed begins at once, well within its lease.
        let free = self.places.available_permits();
        if free == 0 {
            return Ok((0, true));
        }
        let Found { jobs, ended, is_round } = self.dispatch.claim(free).await?;
        let found = jobs.len() + ended;
        for job in jobs {
            let Ok(place) = Arc::clone(&self.places).acquire_owned().await else { break };
            let worker = self.clone();
            self.tasks.spawn(async move {
                worker.tell(job).await;
                drop(place);
            });
        }
        Ok((found, is_round))
    }

    async fn tell(&self, job: Job) {
        let began = Instant::now();
        let attempt = match self.client.send(job.url.as_url(), signed(&job), LIMITS).await {
            Ok(answer) => {
                let mut body = answer.body;
                body.truncate(KEPT_ANSWER);
                Attempt::Answered { status: answer.status, body, took: began.elapsed() }
            }
            Err(error) => Attempt::Unanswered { why: error.to_string(), took: began.elapsed() },
        };
        let outcome = match &attempt {
            Attempt::Answered { status: 200..300, .. } => "delivered",
            Attempt::Answered { .. } => "refused",
            Attempt::Unanswered { .. } => "unanswered",
        };
        metrics::counter!("posthaste_webhook_attempts_total", "outcome" => outcome).increment(1);
        let id = job.lease.id;
        tracing::debug!(webhook_delivery.id = %id, attempt = job.lease.attempt, outcome, "Told a webhook");
        match self.dispatch.record(&job.lease, attempt).await {
            Ok(true) => {}
            Ok(false) => {
                tracing::warn!(webhook_delivery.id = %id, "Lost the lease of a webhook's delivery before its end was recorded");
            }
            Err(error) => {
                tracing::error!(webhook_delivery.id = %id, cause = %error.for_log(), "Could not record what a webhook was told");
            }
        }
    }
}

fn signed(job: &Job) -> Request<Full<hyper::body::Bytes>> {
    let body = payload::write(&job.telling);
    let headers = request::headers(&job.telling, job.lease.id, &job.secret, &body, Utc::now());
    let mut request = Request::new(Full::from(body));
    *request.method_mut() = hyper::Method::POST;
    for (name, value) in headers {
        // Each value is made of ids, digits and names of ours.
        if let Ok(value) = HeaderValue::try_from(value) {
            request.headers_mut().insert(HeaderName::from_static(name), value);
        }
    }
    request
}
