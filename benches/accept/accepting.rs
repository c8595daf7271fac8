//! How many mails a second are accepted, at what cost, and how soon.

use std::time::{Duration, Instant};

use posthaste::domain::api_key::{ApiKeyToken, KeyMode, KeyType};
use posthaste::domain::id::MailId;

use crate::bed::{Bed, Server};
use crate::floors;
use crate::load::{Answers, Load, Requests, answer, connect, quantile};
use crate::mail;
use crate::table::{self, Aims};

/// What is measured in turns, so that a machine that others use too is as busy for one as for the other.
const ROUNDS: u64 = 3;

/// How long each turn lasts.
const TURN: Duration = Duration::from_secs(3);

/// Requests of turns that follow each other have other numbers, so that idempotency keys are always new.
const APART: u64 = 10_000_000;

/// Lone requests, and as many lone statements.
const LONE: u64 = 1500;

/// What honest clients ask for beside a flood, in requests a second.
const HONEST: f64 = 1000.0;

/// Runs a load beside this runtime.
pub async fn run(load: Load) -> Answers {
    tokio::task::spawn_blocking(move || load.run()).await.unwrap()
}

/// The server as an accepting node, beside its floors.
pub async fn measure(bed: &Bed, tokens: &[ApiKeyToken], bytes: usize, aims: &mut Aims) {
    let sends = mail::sends(tokens, bytes);
    let server = bed.serve(&[("ROLE", "api".into())]).await;
    let (parse, store) = (bed.floor(floors::PARSE).await, bed.floor(floors::STORE).await);

    // Every key is looked up once before anything is measured.
    let warming = Load { lasting: TURN / 2, ..Load::full(server.address, TURN, 0, &sends) };
    run(warming).await;
    let mut turns: [Vec<[f64; 5]>; 3] = Default::default();
    for round in 0..ROUNDS {
        for (place, floor) in [&parse, &store, &server].into_iter().enumerate() {
            let first = APART * (1 + round * 3) + APART * u64::try_from(place).unwrap_or_default();
            turns[place].push(turn(bed, floor, first, &sends).await);
        }
        bed.settle().await;
    }
    let [parse_only, bare, ours] = turns.map(|turns| typical(&turns));
    table::heading("accepting, 64 connections");
    table::load("parse and answer, nothing stored", parse_only);
    table::load("bare batched writer, no keys, no limits", bare);
    table::load("POST /v1/mails/send, everything on", ours);
    aims.aim("accepts/s against the bare batched writer", ours[0] / bare[0], ">= 0.8");
    let per_thousand = |figures: [f64; 5]| figures[3] + figures[4];
    aims.aim(
        "CPU of an accept against the bare writer's",
        per_thousand(ours) / per_thousand(bare),
        "",
    );
    drop((parse, store));

    lone(bed, &server, &sends, aims).await;
    flood(&server, &sends, aims).await;
    table::figure("peak memory of the accepting server, MiB", server.peak_memory());
}

/// Requests a second, p50 and p99 in ms, CPU seconds per 1000 of the server and of Postgres.
async fn turn(bed: &Bed, server: &Server, first: u64, sends: &Requests) -> [f64; 5] {
    let before = bed.used(server);
    let answers = run(Load::full(server.address, TURN, first, sends)).await;
    let cpu = bed.used(server).per_thousand_since(before, answers.good);
    assert_eq!(answers.refused, 0, "requests were refused");
    [answers.rate(), answers.quantile(0.5), answers.quantile(0.99), cpu.0, cpu.1]
}

/// The median of each figure.
fn typical(turns: &[[f64; 5]]) -> [f64; 5] {
    std::array::from_fn(|figure| {
        let mut figures: Vec<f64> = turns.iter().map(|turn| turn[figure]).collect();
        figures.sort_unstable_by(f64::total_cmp);
        figures[figures.len() / 2]
    })
}

/// One request at a time, in turns with one statement at a time.
async fn lone(bed: &Bed, server: &Server, sends: &Requests, aims: &mut Aims) {
    sqlx::query("CREATE TABLE lone (id uuid PRIMARY KEY, body bytea NOT NULL)")
        .execute(&bed.pool)
        .await
        .unwrap();
    let mut connection = bed.pool.acquire().await.unwrap();
    let mut stream = connect([127, 0, 0, 1].into(), server.address).await.unwrap();
    let (mut request, mut buffer) = (Vec::new(), Vec::new());
    let (mut requests, mut statements) = (Vec::new(), Vec::new());
    for number in 0..LONE {
        request.clear();
        sends(APART * 50 + number, &mut request);
        let began = Instant::now();
        tokio::io::AsyncWriteExt::write_all(&mut stream, &request).await.unwrap();
        assert_eq!(answer(&mut stream, &mut buffer).await.unwrap(), 200);
        requests.push(u32::try_from(began.elapsed().as_micros()).unwrap());

        let began = Instant::now();
        sqlx::query("INSERT INTO lone VALUES ($1, $2)")
            .bind(MailId::generate().as_uuid())
            .bind(&request)
            .execute(&mut *connection)
            .await
            .unwrap();
        statements.push(u32::try_from(began.elapsed().as_micros()).unwrap());
    }
    requests.sort_unstable();
    statements.sort_unstable();
    let (request, statement) = (quantile(&requests, 0.5), quantile(&statements, 0.5));
    table::heading("a lone request, p50");
    table::figure("one INSERT and its commit, ms", statement);
    table::figure("one accepted mail, ms", request);
    aims.aim("against one INSERT and its commit", request / statement, "<= 1.3");
}

/// Honest clients that ask for a fixed rate, alone and beside as many bad keys as one client's connections carry.
async fn flood(server: &Server, sends: &Requests, aims: &mut Aims) {
    let honest = |first| Load {
        pace: Some(HONEST),
        ..Load::full(server.address, TURN, APART * first, sends)
    };
    let strangers: Vec<ApiKeyToken> =
        (0..5000).map(|_| ApiKeyToken::generate(KeyType::Project, KeyMode::Live)).collect();
    let bad = Load {
        from: [127, 0, 0, 66].into(),
        connections: 16,
        ..Load::full(server.address, TURN, 0, &mail::floods(&strangers))
    };
    let alone = run(honest(60)).await;
    let (beside, flood) = tokio::join!(run(honest(61)), run(bad));
    assert_eq!(
        (alone.refused, beside.refused, flood.good),
        (0, 0, 0),
        "the wrong ones were refused"
    );
    table::heading("beside a flood of bad keys");
    let refused = f64::from(u32::try_from(flood.refused).unwrap()) / flood.took.as_secs_f64();
    table::figure("bad keys refused a second", refused);
    table::figure("honest p99 alone, ms", alone.quantile(0.99));
    table::figure("honest p99 beside it, ms", beside.quantile(0.99));
    aims.aim(
        "honest rate beside it, of the rate asked for",
        beside.rate() / alone.rate(),
        ">= 0.9",
    );
}
