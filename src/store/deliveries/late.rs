//! What has come between a mail that was accepted long ago and its recipients.

use sqlx::PgExecutor;

use crate::domain::id::{DeliveryId, MailId};

/// A delivery that is about to be attempted.
#[derive(Debug)]
pub struct DueRow {
    /// The delivery.
    pub delivery: DeliveryId,
    /// Its mail.
    pub mail: MailId,
    /// The recipient, in the form in which addresses are compared.
    pub address: String,
}

/// Why a delivery that was due must not be attempted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Obstacle {
    /// The recipient wants no mail of this project, or none of this kind.
    Suppressed,
    /// The project is no more.
    ProjectDeleted,
}

/// Which of these deliveries must not be attempted by what is known now. Test mail, and mail that asked to be sent all
/// the same, is not held to suppressions, as when it was accepted.
pub async fn obstacles(
    db: impl PgExecutor<'_>,
    due: &[DueRow],
) -> sqlx::Result<Vec<(DeliveryId, Obstacle)>> {
    let deliveries: Vec<DeliveryId> = due.iter().map(|due| due.delivery).collect();
    let mails: Vec<MailId> = due.iter().map(|due| due.mail).collect();
    let addresses: Vec<&str> = due.iter().map(|due| due.address.as_str()).collect();
    let rows = sqlx::query!(
        r#"
        SELECT due.delivery_id AS "delivery!: DeliveryId", deleted AS "deleted!"
        FROM UNNEST($1::uuid[], $2::uuid[], $3::text[]) AS due (delivery_id, mail_id, address)
        -- OFFSET 0 makes each a look-up: in one, they may be planned to read all of a table.
        CROSS JOIN LATERAL (
            SELECT coalesce((SELECT deleted_at IS NOT NULL FROM projects WHERE id = mails.project_id), false) AS deleted,
                   NOT test AND NOT coalesce((details->>'bypassSuppressions')::boolean, false)
                   AND EXISTS (SELECT FROM suppressions
                               WHERE suppressions.project_id = mails.project_id
                                 AND suppressions.address = due.address
                                 AND suppressions.group_id
                                     = ANY (ARRAY['GLOBAL', details->>'unsubscribeGroupId'])
                               OFFSET 0) AS suppressed
            FROM mails
            WHERE id = due.mail_id
            OFFSET 0
        ) AS mail
        WHERE deleted OR suppressed
        "#,
        deliveries as _,
        mails as _,
        addresses as _,
    )
    .fetch_all(db)
    .await?;
    let obstacle = |deleted| if deleted { Obstacle::ProjectDeleted } else { Obstacle::Suppressed };
    Ok(rows.into_iter().map(|row| (row.delivery, obstacle(row.deleted))).collect())
}
