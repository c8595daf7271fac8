//! To take a template reads a few rows, however many there are of other projects.

use posthaste::domain::id::ProjectId;
use posthaste::domain::template::TemplateId;
use posthaste::store::templates::{self, TemplateFilter, TemplateOrder};
use posthaste::store::{senders, template_versions};
use sqlx::PgConnection;
use uuid::Uuid;

use super::database::TestDatabase;
use super::{A_FEW, GROWN, RUNS_BEFORE_A_PLAN_IS_KEPT, account_key, one_connection, rows_read};

/// Uses each statement about templates, for one of them.
async fn use_one(db: &mut PgConnection, project: ProjectId, id: TemplateId) {
    templates::chosen(&mut *db, project, id, None).await.unwrap();
    templates::find(&mut *db, project, id, None).await.unwrap();
    templates::find(&mut *db, project, id, Some(1)).await.unwrap();
    if let Some(template) = templates::lock(&mut *db, project, id).await.unwrap() {
        templates::update(&mut *db, &template).await.unwrap();
    }
    template_versions::list(&mut *db, project, id).await.unwrap();
    template_versions::forget_old(&mut *db, project, id).await.unwrap();
    let filter = TemplateFilter { query: Some("word".into()), ..TemplateFilter::default() };
    templates::search(&mut *db, project, &filter, TemplateOrder::Name, (20, 0)).await.unwrap();
    templates::count(&mut *db, project, &filter).await.unwrap();
    templates::delete(&mut *db, project, id).await.unwrap();
    senders::delete(&mut *db, project, Uuid::nil().into()).await.unwrap();
}

#[tokio::test]
async fn one_template_costs_the_same_however_many_others_have() {
    let test = TestDatabase::create().await;
    let pool = one_connection(&test).await;
    let mut connection = pool.acquire().await.unwrap();
    let (project, _) = account_key(&mut connection).await;
    for _ in 0..RUNS_BEFORE_A_PLAN_IS_KEPT {
        use_one(&mut connection, project, TemplateId::generate()).await;
    }
    // A thousand projects with twenty templates each, and three versions of every one.
    sqlx::query(
        "WITH project AS (
             INSERT INTO projects (id, account_id, name)
             SELECT gen_random_uuid(), $2, '' FROM generate_series(1, $1 / 20) RETURNING id
         ),
         sender AS (
             INSERT INTO senders (id, project_id, email_key, email, name, reply_to)
             SELECT gen_random_uuid(), id, '', 'shop@example.com', '', '' FROM project RETURNING id, project_id
         ),
         template AS (
             INSERT INTO templates (id, project_id, name, description, type, builder, sender_id, latest_version,
                                    published_version)
             SELECT gen_random_uuid(), project_id, 'word', '', 'marketing', 'code', id, 3, 1
             FROM sender, generate_series(1, 20)
             RETURNING id
         )
         INSERT INTO template_versions (template_id, version, subject, preview_text, variables, created_by)
         SELECT id, version, '', '', '{}', '' FROM template, generate_series(1, 3) AS version",
    )
    .bind(GROWN)
    .bind(project.as_uuid())
    .execute(&mut *connection)
    .await
    .unwrap();
    let (id, owner): (Uuid, Uuid) =
        sqlx::query_as("SELECT id, project_id FROM templates ORDER BY id LIMIT 1")
            .fetch_one(&mut *connection)
            .await
            .unwrap();

    let mut transaction = sqlx::Connection::begin(&mut *connection).await.unwrap();
    let before = rows_read(&mut transaction).await;
    use_one(&mut transaction, owner.into(), id.into()).await;
    let read = rows_read(&mut transaction).await - before;
    assert!(read < A_FEW, "{read} rows were read for one template");
}
