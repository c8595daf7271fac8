//! Telling people that the server switched a webhook off.

use sqlx::PgPool;

use super::origin;
use crate::error::Result;
use crate::service::people::OwnMails;
use crate::service::{commit, unavailable};
use crate::store;

/// Webhooks in one transaction.
const TOGETHER: i64 = 20;

/// Writes to the owners and admins of accounts.
#[derive(Clone)]
pub struct Owners {
    db: PgPool,
    own_mails: OwnMails,
}

impl Owners {
    /// Told by `own_mails`.
    pub fn new(db: PgPool, own_mails: OwnMails) -> Self {
        Self { db, own_mails }
    }

    /// Writes about every webhook that was switched off since the last time: a mail is stored in the transaction that
    /// notes it, so that each is told of once, whatever stops in between.
    pub async fn tell(&self) -> Result<()> {
        loop {
            let mut transaction = self.db.begin().await.map_err(unavailable)?;
            let untold = store::webhooks::take_untold(&mut *transaction, TOGETHER)
                .await
                .map_err(unavailable)?;
            for webhook in &untold {
                let text = format!(
                    "The webhook at {} of the project {} was switched off. {}\n\nWhat happens to mails is not told to it \
                     any more. Once the endpoint is well, switch it on again and replay what it missed: {}\n",
                    origin(&webhook.url),
                    webhook.project_name,
                    webhook.reason,
                    self.own_mails.dashboard(),
                );
                let responsible = store::users::responsible(&mut *transaction, webhook.account)
                    .await
                    .map_err(unavailable)?;
                for address in &responsible {
                    self.own_mails
                        .write(
                            &mut transaction,
                            webhook.account,
                            address,
                            "A webhook was switched off",
                            text.clone(),
                        )
                        .await?;
                }
            }
            commit(transaction).await?;
            if untold.is_empty() {
                return Ok(());
            }
        }
    }
}
