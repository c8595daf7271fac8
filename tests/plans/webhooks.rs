//! To tell one webhook something reads about a page of rows, however much waits for it and for others.

use posthaste::domain::id::{MailId, ProjectId, WebhookDeliveryId, WebhookId};
use posthaste::store::erasing::webhook_deliveries::{self as erasing, Parts};
use posthaste::store::webhook_deliveries::log::{self, Page, Span};
use posthaste::store::webhook_deliveries::queue::{self, Change, ClaimBounds, Turn};
use posthaste::store::{events, mails, webhooks};
use sqlx::PgConnection;
use uuid::Uuid;

use super::database::TestDatabase;
use super::{
    A_FEW, GROWN, RUNS_BEFORE_A_PLAN_IS_KEPT, account_key, grow, one_connection, rows_read,
};

/// Uses each statement of telling webhooks, for one of them.
async fn tell(db: &mut PgConnection, project: ProjectId, webhook: WebhookId) {
    let waiting = queue::waiting(&mut *db, Uuid::nil(), 64).await.unwrap();
    let mut turns: Vec<_> =
        waiting.into_iter().map(|webhook| Turn { webhook, running: 0 }).collect();
    turns.push(Turn { webhook, running: 0 });
    let bounds = ClaimBounds { lease_seconds: 60.0, per_endpoint: 4, limit: 64 };
    let token = Uuid::new_v4();
    let claimed = queue::claim(&mut *db, token, &turns, &[project], bounds).await.unwrap();
    let change = Change {
        id: claimed.first().map_or_else(WebhookDeliveryId::generate, |claimed| claimed.id),
        token,
        webhook,
        succeeded: false,
        failed: true,
        delay_seconds: Some(5.0),
        status_code: Some(500),
        duration: Some(1),
        answer: None,
        trouble: None,
    };
    queue::record(&mut *db, &[change]).await.unwrap();
    log::list(&mut *db, project, webhook, 50, 0).await.unwrap();
    log::forget(&mut *db, Uuid::nil().into(), 100).await.unwrap();
    webhooks::for_work(&mut *db, &[webhook]).await.unwrap();
    log::of_mail(&mut *db, project, MailId::generate(), 50, 0).await.unwrap();
    log::count_of_mail(&mut *db, project, MailId::generate()).await.unwrap();
    webhooks::list(&mut *db, project, None).await.unwrap();
    webhooks::disable(&mut *db, &[(webhook, "reason")]).await.unwrap();
    let mail = MailId::generate();
    events::find(&mut *db, &[mail], &[mail.as_uuid().into()]).await.unwrap();
    mails::for_telling(&mut *db, &[mail]).await.unwrap();
    let now = chrono::Utc::now();
    let span = Span { from: now, to: now };
    let page = Page { after: mail, end: MailId::generate(), mails: 100, told: 100 };
    log::repeat_span(&mut *db, project, webhook, span, page).await.unwrap();
    log::repeat_payloads(&mut *db, project, webhook, span, 100).await.unwrap();
    queue::end_of_gone(&mut *db, &[webhook, WebhookId::generate()], 100).await.unwrap();
    let parts = Parts { local: "ada", domain: "example.org" };
    erasing::that_may_name(&mut *db, project, (mail.as_uuid(), mail.as_uuid()), parts)
        .await
        .unwrap();
    erasing::end_of_batch(&mut *db, Uuid::max(), 100).await.unwrap();
}

#[tokio::test]
async fn telling_one_webhook_costs_the_same_whatever_waits_for_others() {
    let test = TestDatabase::create().await;
    let pool = one_connection(&test).await;
    let mut connection = pool.acquire().await.unwrap();
    let (project, _) = account_key(&mut connection).await;
    for _ in 0..RUNS_BEFORE_A_PLAN_IS_KEPT {
        tell(&mut connection, project, WebhookId::generate()).await;
    }
    grow(&mut connection, project).await;
    // One has twenty thousand waiting, ten thousand have two.
    sqlx::query(
        "WITH webhook AS (
             INSERT INTO webhooks (id, project_id, url, secret, events, metadata)
             SELECT gen_random_uuid(), id, '', '', '{}', '{}' FROM projects LIMIT $1 / 2 RETURNING id, project_id
         ),
         busy AS (SELECT id, project_id FROM webhook ORDER BY id LIMIT 1)
         INSERT INTO webhook_deliveries (project_id, webhook_id, type, due_at)
         SELECT project_id, id, 'email.sent', now() - random() * interval '1 hour'
         FROM (SELECT busy.* FROM busy, generate_series(1, $1)
               UNION ALL SELECT webhook.* FROM webhook, generate_series(1, 2)) AS each",
    )
    .bind(GROWN)
    .execute(&mut *connection)
    .await
    .unwrap();

    let mut transaction = sqlx::Connection::begin(&mut *connection).await.unwrap();
    let before = rows_read(&mut transaction).await;
    tell(&mut transaction, project, WebhookId::generate()).await;
    let read = rows_read(&mut transaction).await - before;
    assert!(read < A_FEW, "{read} rows were read to tell 64 webhooks");
}
