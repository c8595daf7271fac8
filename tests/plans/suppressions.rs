//! Who gets no mail, and what recipients do with theirs, is found by an index however much there is.

use chrono::Utc;
use posthaste::domain::engagement::{Engagement, Seen};
use posthaste::domain::id::{MailId, ProjectId};
use posthaste::domain::link_token::Place;
use posthaste::domain::suppression::{GroupCode, Reason};
use posthaste::store::suppressions::{self, Filter, Stretch};
use posthaste::store::{engagements, events, suppression_groups};
use sqlx::PgConnection;

use super::database::TestDatabase;
use super::{
    A_FEW, GROWN, RUNS_BEFORE_A_PLAN_IS_KEPT, account_key, grow, one_connection, read_of, rows_read,
};

/// Uses each statement about one address, one group and one mail.
async fn use_all(db: &mut PgConnection, project: ProjectId, mail: MailId) {
    let (group, address) = (GroupCode::generate(), "nobody@example.org");
    let addresses = [address.to_owned()];
    suppressions::add(&mut *db, project, &group, &addresses, Reason::Bounce, None).await.unwrap();
    suppressions::reason(&mut *db, project, address).await.unwrap();
    suppressions::choices(&mut *db, project, &group, address).await.unwrap();
    suppressions::take_back(&mut *db, project, &group, address).await.unwrap();
    suppressions::remove(&mut *db, project, Some(&group), &addresses).await.unwrap();
    suppressions::remove(&mut *db, project, None, &addresses).await.unwrap();
    let stretch = Stretch { skipped: 0, limit: 20 };
    for filter in [
        Filter::default(),
        Filter { group: Some(group.clone()), ..Filter::default() },
        Filter { address: Some(address.into()), ..Filter::default() },
        Filter { from: Some(Utc::now()), ..Filter::default() },
    ] {
        suppressions::list(&mut *db, project, &filter, stretch).await.unwrap();
    }
    suppression_groups::is_active(&mut *db, project, &group).await.unwrap();
    suppression_groups::find(&mut *db, project, &group).await.unwrap();
    events::append(&mut *db, project, mail, 0, "unsubscribed").await.unwrap();
    let now = Utc::now();
    let seen = Seen {
        place: Place { mail, position: 0 },
        link: Some("https://example.com".into()),
        automated: false,
    };
    let engagement = Engagement { times: 1, first: now, last: now };
    engagements::record(&mut *db, &[(seen, engagement)], 10).await.unwrap();
    engagements::of_mail(&mut *db, project, mail).await.unwrap();
}

#[tokio::test]
async fn one_address_costs_the_same_however_many_are_suppressed() {
    let test = TestDatabase::create().await;
    let pool = one_connection(&test).await;
    let mut connection = pool.acquire().await.unwrap();
    let (project, _) = account_key(&mut connection).await;
    for _ in 0..RUNS_BEFORE_A_PLAN_IS_KEPT {
        use_all(&mut connection, project, MailId::generate()).await;
    }
    grow(&mut connection, project).await;
    sqlx::query(
        "INSERT INTO engagements (mail_id, position, type, automated, link, times, first_at, last_at)
         SELECT id, 0, 'opened', false, '', 1, now(), now() FROM mails LIMIT $1",
    )
    .bind(GROWN)
    .execute(&mut *connection)
    .await
    .unwrap();
    let mail: uuid::Uuid = sqlx::query_scalar("SELECT id FROM mails LIMIT 1")
        .fetch_one(&mut *connection)
        .await
        .unwrap();

    let mut transaction = sqlx::Connection::begin(&mut *connection).await.unwrap();
    let before = rows_read(&mut transaction).await;
    use_all(&mut transaction, project, mail.into()).await;
    let read = rows_read(&mut transaction).await - before;
    assert!(read < A_FEW, "{read} rows were read: {:?}", read_of(&mut transaction).await);
}
