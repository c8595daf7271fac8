//! Whose turn it is to be checked, and what checks found.

use chrono::TimeDelta;
use sqlx::PgExecutor;
use sqlx::types::Json;

use super::row::Row;
use super::seconds;
use crate::domain::id::{AccountId, DomainId, ProjectId};
use crate::domain::sending_domain::{Findings, SendingDomain, Step};

/// Takes a turn at checking a domain now; `false` if somebody took one less than `pause` ago, or if it is gone.
pub async fn ask(
    db: impl PgExecutor<'_>,
    project: ProjectId,
    id: DomainId,
    pause: TimeDelta,
) -> sqlx::Result<bool> {
    let asked = sqlx::query!(
        r#"
        UPDATE domains
        SET asked_at = now()
        WHERE project_id IS NOT DISTINCT FROM $1 AND id = $2 AND coalesce(deleted_at, 'infinity') = 'infinity'
          AND coalesce(asked_at, '-infinity') <= now() - make_interval(secs => $3)
        "#,
        project as _,
        id as _,
        seconds(pause),
    )
    .execute(db)
    .await?;
    Ok(asked.rows_affected() == 1)
}

/// Takes domains whose time has come, of every account, for `turn`: until then no other node looks at them.
pub async fn claim_due(
    db: impl PgExecutor<'_>,
    turn: TimeDelta,
    limit: i64,
) -> sqlx::Result<Vec<SendingDomain>> {
    let rows = sqlx::query_as!(
        Row,
        r#"
        UPDATE domains
        SET next_check_at = now() + make_interval(secs => $1)
        WHERE id = ANY (ARRAY(
            SELECT id FROM domains
            WHERE next_check_at <= now() AND deleted_at IS NULL
            ORDER BY next_check_at
            LIMIT $2
            FOR UPDATE SKIP LOCKED
        ))
        RETURNING id AS "id: DomainId", account_id AS "account_id: AccountId", project_id AS "project_id: ProjectId",
                  name, ownership_token, selector, rsa_public, ed25519_public, findings AS "findings: Json<Findings>",
                  verified_at, lost_at, misses, created_at, last_checked_at, next_check_at
        "#,
        seconds(turn),
        limit,
    )
    .fetch_all(db)
    .await?;
    Ok(rows.into_iter().map(Row::into).collect())
}

/// Writes down what a check found and where it leads.
pub async fn record_check(
    db: impl PgExecutor<'_>,
    project: ProjectId,
    id: DomainId,
    findings: &Findings,
    step: &Step,
) -> sqlx::Result<()> {
    sqlx::query!(
        r#"
        UPDATE domains
        SET findings = $3, verified_at = $4, lost_at = $5, misses = $6, next_check_at = $7, last_checked_at = now()
        WHERE project_id IS NOT DISTINCT FROM $1 AND id = $2
        "#,
        project as _,
        id as _,
        Json(findings) as _,
        step.verified_at,
        step.lost_at,
        step.misses,
        step.next_check_at,
    )
    .execute(db)
    .await
    .map(drop)
}
