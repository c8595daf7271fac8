//! How many mails a second are accepted and delivered, at what cost, and how soon they arrive.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use posthaste::domain::api_key::ApiKeyToken;

use crate::accepting::run;
use crate::bed::{Bed, Server};
use crate::load::{Answers, Load, Requests, quantile};
use crate::mail;
use crate::sink::Sink;
use crate::table::{self, Aims};

/// How long mails come in.
const LASTING: Duration = Duration::from_secs(6);

/// How long the last of them may take to arrive.
const DELIVERED_WITHIN: Duration = Duration::from_mins(1);

/// Mails that are timed on their way.
const TIMED: usize = 4000;

/// Mails a second when nothing else goes on.
const PACE: f64 = 250.0;

/// What is said of WAL is said of mails of this size.
const FOUR_KILOBYTES: usize = 4096;

/// The server with a relay behind it.
pub async fn measure(bed: &Bed, tokens: &[ApiKeyToken], bytes: usize, aims: &mut Aims) {
    let began = Instant::now();
    let sink = Sink::start(began, TIMED);
    let url = format!("smtp://{}?tls=none", sink.address);
    let server = bed.serve(&[("SMTP_URL", url), ("REQUIRE_VERIFIED_DOMAINS", "off".into())]).await;
    let sends = mail::sends(tokens, bytes);
    let warming =
        Load { pace: Some(1000.0), ..Load::full(server.address, LASTING / 4, 9_000_000, &sends) };
    let warmed = run(warming).await;
    wait_for(&sink, warmed.good).await;

    table::heading("accept to relay, paced");
    paced(&server, &sink, began, &sends, aims).await;

    table::heading("accepted and delivered, 64 connections");
    bed.settle().await;
    let (answers, delivered, cpu, _) = whole_lives(bed, &server, &sink, 20_000_000, &sends).await;
    table::load(
        "accepted",
        [answers.rate(), answers.quantile(0.5), answers.quantile(0.99), cpu.0, cpu.1],
    );
    table::figure("delivered a second, to the last one", delivered);
    aims.aim("CPU-s per 1000, accept to delivered", cpu.0 + cpu.1, "<= 0.16");

    let larger = mail::sends(tokens, FOUR_KILOBYTES);
    bed.settle().await;
    let (_, delivered, cpu, wal) = whole_lives(bed, &server, &sink, 30_000_000, &larger).await;
    table::figure("the same with 4 KB, delivered a second", delivered);
    table::figure("the same with 4 KB, CPU-s per 1000", cpu.0 + cpu.1);
    table::figure("of it stored as content, bytes", bed.content_size().await);
    aims.aim("WAL bytes of a 4 KB mail, whole life", wal, "<= 3277");
    table::figure("peak memory of the server, MiB", server.peak_memory());
}

async fn paced(server: &Server, sink: &Sink, began: Instant, sends: &Requests, aims: &mut Aims) {
    let before = sink.mails();
    let sent: Arc<Vec<AtomicU64>> =
        Arc::new(std::iter::repeat_with(AtomicU64::default).take(TIMED).collect());
    let timed: Requests = Arc::new({
        let (sent, sends) = (Arc::clone(&sent), Arc::clone(sends));
        move |number, request| {
            sends(number, request);
            if let Some(place) = usize::try_from(number).ok().and_then(|number| sent.get(number)) {
                let now = u64::try_from(began.elapsed().as_micros()).unwrap_or(u64::MAX);
                place.store(now, Ordering::Release);
            }
        }
    });
    let load =
        Load { pace: Some(PACE), connections: 8, ..Load::full(server.address, LASTING, 0, &timed) };
    let answers = run(load).await;
    wait_for(sink, before + answers.good).await;
    let mut latencies: Vec<u32> = (0..TIMED)
        .filter_map(|number| {
            let arrived = sink.arrival(number)?;
            u32::try_from(arrived.saturating_sub(sent[number].load(Ordering::Acquire))).ok()
        })
        .collect();
    latencies.sort_unstable();
    table::figure("mails timed", f64::from(u32::try_from(latencies.len()).unwrap()));
    table::figure("accepted, p50, ms", answers.quantile(0.5));
    aims.aim("at the relay, p50, ms", quantile(&latencies, 0.5), "<= 1.5");
    aims.aim("at the relay, p99, ms", quantile(&latencies, 0.99), "<= 6");
}

/// Answers, deliveries a second, CPU seconds per 1000, and bytes of WAL a mail, until the last one is off the queue.
async fn whole_lives(
    bed: &Bed,
    server: &Server,
    sink: &Sink,
    first: u64,
    sends: &Requests,
) -> (Answers, f64, (f64, f64), f64) {
    let (before, wal, mails) = (bed.used(server), bed.wal().await, sink.mails());
    let began = Instant::now();
    let answers = run(Load::full(server.address, LASTING, first, sends)).await;
    assert_eq!(answers.refused, 0, "requests were refused");
    wait_for(sink, mails + answers.good).await;
    let took = began.elapsed();
    while bed.queued().await > 0 {
        assert!(began.elapsed() < LASTING + DELIVERED_WITHIN, "the queue does not empty");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    let cpu = bed.used(server).per_thousand_since(before, answers.good);
    let count = f64::from(u32::try_from(answers.good).unwrap());
    let wal = (bed.wal().await - wal) / count;
    (answers, count / took.as_secs_f64(), cpu, wal)
}

async fn wait_for(sink: &Sink, mails: u64) {
    let deadline = Instant::now() + DELIVERED_WITHIN;
    while sink.mails() < mails {
        assert!(Instant::now() < deadline, "{} of {mails} mails arrived", sink.mails());
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
}
