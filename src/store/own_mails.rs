//! Posthaste's own mails, in the tables of all others.
//!
//! They are stored in the transaction of what they tell of, and belong to no project: whoever may read mails there would
//! read links that let their finder in.

use sqlx::PgExecutor;

use crate::domain::id::{DeliveryId, MailId};

/// A mail of ours to one person.
#[derive(Debug)]
pub struct OwnMail<'a> {
    /// Names the mail.
    pub id: MailId,
    /// Who it is from.
    pub from_address: &'a str,
    /// Who gets it.
    pub to_address: &'a str,
    /// The subject.
    pub subject: &'a str,
    /// The content, packed.
    pub body: &'a [u8],
}

/// Stores a mail with its body, and its delivery, which is due at once.
pub async fn insert(db: impl PgExecutor<'_>, mail: &OwnMail<'_>) -> sqlx::Result<()> {
    sqlx::query!(
        r#"
        WITH stored_mail AS (
            INSERT INTO mails (id, project_id, key_id, test, on_ambiguous, status, pending, from_address, to_address,
                               subject, missing_variables)
            VALUES ($1, '00000000-0000-0000-0000-000000000000', '00000000-0000-0000-0000-000000000000', false, 'retry',
                    'queued', 1, $3, $4, $5, '{}')
        ),
        stored_body AS (
            INSERT INTO mail_bodies (mail_id, content) VALUES ($1, $6)
        ),
        stored_delivery AS (
            INSERT INTO deliveries (id, project_id, mail_id, position, hold, due_at)
            VALUES ($2, '00000000-0000-0000-0000-000000000000', $1, 0, false, now())
        )
        INSERT INTO mail_changes (project_id, accepted) VALUES ('00000000-0000-0000-0000-000000000000', 1)
        "#,
        mail.id as _,
        DeliveryId::generate() as _,
        mail.from_address,
        mail.to_address,
        mail.subject,
        mail.body,
    )
    .execute(db)
    .await
    .map(drop)
}
