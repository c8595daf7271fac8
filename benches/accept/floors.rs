//! The least that any server of this kind would do, behind the same framework, on the same machine.

use std::net::SocketAddr;

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use posthaste::domain::draft::Draft;
use posthaste::domain::id::{DeliveryId, MailId};
use posthaste::domain::packing;
use posthaste::http::mails::request::SendMailRequest;
use sqlx::PgPool;
use sqlx::postgres::PgPoolOptions;
use tokio::net::TcpListener;
use tokio::sync::{mpsc, oneshot};
use uuid::Uuid;

/// As many as the server stores in one statement.
const BATCH: usize = 128;

/// Reads a mail and answers.
pub const PARSE: &str = "floor-parse";

/// Reads a mail, stores the rows that the server stores, and answers.
pub const STORE: &str = "floor-store";

/// A mail that waits to be stored.
struct Waiting {
    draft: Draft,
    body: Vec<u8>,
    answer: oneshot::Sender<()>,
}

/// Runs a floor until it is killed.
pub async fn run(name: &str, address: SocketAddr, database: &str) {
    let router = match name {
        STORE => {
            let pool = PgPoolOptions::new().max_connections(2).connect(database).await.unwrap();
            Router::new().route("/v1/mails/send", post(store)).with_state(writers(&pool))
        }
        _ => Router::new().route("/v1/mails/send", post(parse)),
    };
    let listener = TcpListener::bind(address).await.unwrap();
    let listener = axum::serve::ListenerExt::tap_io(listener, |stream| {
        let _ = stream.set_nodelay(true);
    });
    axum::serve(listener, router).await.unwrap();
}

async fn parse(bytes: Bytes) -> Response {
    if read(&bytes).is_some() { answered(MailId::generate()) } else { refused() }
}

async fn store(State(writers): State<mpsc::Sender<Waiting>>, bytes: Bytes) -> Response {
    let Some(draft) = read(&bytes) else { return refused() };
    let (answer, stored) = oneshot::channel();
    let body = packing::pack_bytes(&bytes);
    let handed_in = writers.send(Waiting { draft, body, answer }).await;
    if handed_in.is_err() || stored.await.is_err() {
        return refused();
    }
    answered(MailId::generate())
}

fn read(bytes: &[u8]) -> Option<Draft> {
    serde_json::from_slice::<SendMailRequest>(bytes).ok()?.try_into().ok()
}

fn answered(id: MailId) -> Response {
    let body = format!(r#"{{"success":true,"data":{{"emailId":"{id}"}}}}"#);
    ([(header::CONTENT_TYPE, "application/json")], body).into_response()
}

fn refused() -> Response {
    StatusCode::INTERNAL_SERVER_ERROR.into_response()
}

/// Two writers that take turns at the queue: while one statement is on its way, the other takes what waits.
fn writers(pool: &PgPool) -> mpsc::Sender<Waiting> {
    let (sender, receiver) = mpsc::channel(4 * BATCH);
    let receiver = std::sync::Arc::new(tokio::sync::Mutex::new(receiver));
    let project = Uuid::now_v7();
    for _ in 0..2 {
        let (pool, receiver) = (pool.clone(), std::sync::Arc::clone(&receiver));
        tokio::spawn(async move {
            let mut batch = Vec::with_capacity(BATCH);
            while receiver.lock().await.recv_many(&mut batch, BATCH).await > 0 {
                write(&pool, project, &batch).await;
                for waiting in batch.drain(..) {
                    let _ = waiting.answer.send(());
                }
            }
        });
    }
    sender
}

async fn write(pool: &PgPool, project: Uuid, batch: &[Waiting]) {
    let ids: Vec<Uuid> = batch.iter().map(|_| MailId::generate().as_uuid()).collect();
    let deliveries: Vec<Uuid> = batch.iter().map(|_| DeliveryId::generate().as_uuid()).collect();
    let from: Vec<String> = batch
        .iter()
        .flat_map(|waiting| &waiting.draft.from)
        .map(|from| from.address.to_string())
        .collect();
    let to: Vec<String> =
        batch.iter().map(|waiting| waiting.draft.to[0].address.to_string()).collect();
    let subjects: Vec<&str> = batch.iter().map(|waiting| waiting.draft.subject.as_str()).collect();
    let bodies: Vec<&[u8]> = batch.iter().map(|waiting| waiting.body.as_slice()).collect();
    sqlx::query(
        "WITH mail AS (
             SELECT * FROM UNNEST($1::uuid[], $2::uuid[], $3::text[], $4::text[], $5::text[], $6::bytea[])
                           AS mail (id, delivery_id, from_address, to_address, subject, content)
         ),
         stored_mail AS (
             INSERT INTO mails (id, project_id, key_id, test, on_ambiguous, status, pending, from_address, to_address,
                                subject, missing_variables)
             SELECT id, $7, $7, false, 'retry', 'queued', 1, from_address, to_address, subject, '{}' FROM mail
         ),
         stored_body AS (INSERT INTO mail_bodies (mail_id, content) SELECT id, content FROM mail)
         INSERT INTO deliveries (id, project_id, mail_id, position, hold, due_at)
         SELECT delivery_id, $7, id, 0, false, now() FROM mail",
    )
    .bind(ids)
    .bind(deliveries)
    .bind(from)
    .bind(to)
    .bind(subjects)
    .bind(bodies)
    .bind(project)
    .execute(pool)
    .await
    .unwrap();
}
