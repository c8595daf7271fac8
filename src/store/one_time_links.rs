//! The table `one_time_links`.

use chrono::{DateTime, Utc};
use sqlx::PgExecutor;

use crate::domain::caller::Role;
use crate::domain::id::{AccountId, OneTimeLinkId, UserId};
use crate::domain::user::{Invitation, LinkPurpose, SignInAddress};

/// A link that is made.
#[derive(Debug)]
pub struct NewLink<'a> {
    /// Names it.
    pub id: OneTimeLinkId,
    /// SHA-256 of its token.
    pub token_digest: &'a [u8],
    /// The account that it leads into.
    pub account: AccountId,
    /// What for.
    pub purpose: LinkPurpose,
    /// Whose password is forgotten.
    pub user: Option<UserId>,
    /// Who is invited, as what.
    pub invited: Option<(&'a SignInAddress, Role)>,
    /// Who invited, if that was a person.
    pub inviter: Option<UserId>,
    /// Who made it, in words.
    pub created_by: &'a str,
    /// From then on it is good for nothing.
    pub expires_at: DateTime<Utc>,
}

impl<'a> NewLink<'a> {
    /// A link that is good for as long as its purpose says, for nobody in particular.
    pub fn new(
        purpose: LinkPurpose,
        account: AccountId,
        token_digest: &'a [u8],
        created_by: &'a str,
    ) -> Self {
        Self {
            id: OneTimeLinkId::generate(),
            token_digest,
            account,
            purpose,
            user: None,
            invited: None,
            inviter: None,
            created_by,
            expires_at: Utc::now() + purpose.lifetime(),
        }
    }
}

/// A link that is good.
#[derive(Clone, Debug)]
pub struct Link {
    /// Names it.
    pub id: OneTimeLinkId,
    /// The account that it leads into.
    pub account: AccountId,
    /// What for.
    pub purpose: LinkPurpose,
    /// Whose password is forgotten.
    pub user: Option<UserId>,
    /// Who is invited, as what.
    pub invited: Option<(SignInAddress, Role)>,
}

struct Row {
    id: OneTimeLinkId,
    account_id: AccountId,
    purpose: String,
    user_id: Option<UserId>,
    email: Option<String>,
    role: Option<String>,
}

impl Row {
    fn read(self) -> sqlx::Result<Link> {
        let role = self.role.map(|name| name.parse::<Role>()).transpose();
        let role = role.map_err(sqlx::Error::decode)?;
        Ok(Link {
            id: self.id,
            account: self.account_id,
            purpose: LinkPurpose::named(&self.purpose)
                .ok_or_else(|| sqlx::Error::decode("one_time_links.purpose cannot be read"))?,
            user: self.user_id,
            invited: self.email.map(SignInAddress::stored).zip(role),
        })
    }
}

/// Makes a link.
pub async fn insert(db: impl PgExecutor<'_>, new: &NewLink<'_>) -> sqlx::Result<()> {
    sqlx::query!(
        r#"
        INSERT INTO one_time_links (id, token_digest, account_id, purpose, user_id, email, role, inviter_id, created_by,
                                    expires_at)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)
        "#,
        new.id as _,
        new.token_digest,
        new.account as _,
        new.purpose.as_str(),
        new.user as _,
        new.invited.map(|(email, _)| email.as_str()),
        new.invited.map(|(_, role)| role.as_str()),
        new.inviter as _,
        new.created_by,
        new.expires_at,
    )
    .execute(db)
    .await
    .map(drop)
}

/// Looks at a link that is good by the digest of its token, and leaves it so.
pub async fn find(db: impl PgExecutor<'_>, digest: &[u8]) -> sqlx::Result<Option<Link>> {
    let row = sqlx::query_as!(
        Row,
        r#"
        SELECT id AS "id: OneTimeLinkId", account_id AS "account_id: AccountId", purpose, user_id AS "user_id: UserId",
               email, role
        FROM one_time_links
        WHERE token_digest = $1 AND expires_at > now()
        "#,
        digest,
    )
    .fetch_optional(db)
    .await?;
    row.map(Row::read).transpose()
}

/// Uses a link up; nothing if somebody else was faster, or it has expired.
pub async fn consume(db: impl PgExecutor<'_>, digest: &[u8]) -> sqlx::Result<Option<Link>> {
    let row = sqlx::query_as!(
        Row,
        r#"
        DELETE FROM one_time_links
        WHERE token_digest = $1 AND expires_at > now()
        RETURNING id AS "id: OneTimeLinkId", account_id AS "account_id: AccountId", purpose,
                  user_id AS "user_id: UserId", email, role
        "#,
        digest,
    )
    .fetch_optional(db)
    .await?;
    row.map(Row::read).transpose()
}

/// Ends all set-up links of an account.
pub async fn delete_set_up(db: impl PgExecutor<'_>, account: AccountId) -> sqlx::Result<()> {
    sqlx::query!(
        "DELETE FROM one_time_links WHERE account_id = $1 AND purpose = 'set_up'",
        account as _,
    )
    .execute(db)
    .await
    .map(drop)
}

/// Ends all links by which a person could choose another password.
pub async fn delete_resets(db: impl PgExecutor<'_>, user: UserId) -> sqlx::Result<()> {
    sqlx::query!(
        "DELETE FROM one_time_links WHERE user_id = $1 AND purpose = 'password_reset'",
        user as _,
    )
    .execute(db)
    .await
    .map(drop)
}

/// Ends all invitations that a person made.
pub async fn delete_invitations_by(
    db: impl PgExecutor<'_>,
    account: AccountId,
    inviter: UserId,
) -> sqlx::Result<()> {
    sqlx::query!(
        "DELETE FROM one_time_links WHERE account_id = $1 AND inviter_id = $2 AND purpose = 'invitation'",
        account as _,
        inviter as _,
    )
    .execute(db)
    .await
    .map(drop)
}

/// Ends all invitations of an address; answers the roles that they were for.
pub async fn delete_invitations_of(
    db: impl PgExecutor<'_>,
    account: AccountId,
    email: &SignInAddress,
) -> sqlx::Result<Vec<String>> {
    sqlx::query_scalar!(
        r#"
        DELETE FROM one_time_links
        WHERE account_id = $1 AND purpose = 'invitation' AND email = $2
        RETURNING role AS "role!"
        "#,
        account as _,
        email.as_str(),
    )
    .fetch_all(db)
    .await
}

struct InvitationRow {
    id: OneTimeLinkId,
    email: String,
    role: String,
    created_by: String,
    created_at: DateTime<Utc>,
    expires_at: DateTime<Utc>,
}

impl InvitationRow {
    fn read(self) -> sqlx::Result<Invitation> {
        Ok(Invitation {
            id: self.id,
            email: SignInAddress::stored(self.email),
            role: self.role.parse().map_err(sqlx::Error::decode)?,
            created_by: self.created_by,
            created_at: self.created_at,
            expires_at: self.expires_at,
        })
    }
}

/// The invitations of an account that are good, newest first.
pub async fn invitations(
    db: impl PgExecutor<'_>,
    account: AccountId,
    before: Option<OneTimeLinkId>,
    limit: i64,
) -> sqlx::Result<Vec<Invitation>> {
    let rows = sqlx::query_as!(
        InvitationRow,
        r#"
        SELECT id AS "id: OneTimeLinkId", email AS "email!", role AS "role!", created_by, created_at, expires_at
        FROM one_time_links
        WHERE account_id = $1 AND purpose = 'invitation' AND expires_at > now()
          AND id < coalesce($2, 'ffffffff-ffff-ffff-ffff-ffffffffffff'::uuid)
        ORDER BY id DESC
        LIMIT $3
        "#,
        account as _,
        before as _,
        limit,
    )
    .fetch_all(db)
    .await?;
    rows.into_iter().map(InvitationRow::read).collect()
}

/// Ends an invitation; answers whom it was for, or nothing if there is none.
pub async fn delete_invitation(
    db: impl PgExecutor<'_>,
    account: AccountId,
    id: OneTimeLinkId,
) -> sqlx::Result<Option<Invitation>> {
    let row = sqlx::query_as!(
        InvitationRow,
        r#"
        DELETE FROM one_time_links
        WHERE account_id = $1 AND id = $2 AND purpose = 'invitation' AND expires_at > now()
        RETURNING id AS "id: OneTimeLinkId", email AS "email!", role AS "role!", created_by, created_at, expires_at
        "#,
        account as _,
        id as _,
    )
    .fetch_optional(db)
    .await?;
    row.map(InvitationRow::read).transpose()
}

/// Forgets links that were made before this one; says how many.
pub async fn forget_before(
    db: impl PgExecutor<'_>,
    before: OneTimeLinkId,
    limit: i64,
) -> sqlx::Result<u64> {
    let forgotten = sqlx::query!(
        r#"
        DELETE FROM one_time_links
        WHERE id = ANY (ARRAY(SELECT id FROM one_time_links WHERE id < $1 ORDER BY id LIMIT $2))
        "#,
        before as _,
        limit,
    )
    .execute(db)
    .await?;
    Ok(forgotten.rows_affected())
}
