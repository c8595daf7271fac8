//! The mails that Posthaste writes itself.

use sqlx::PgConnection;

use crate::domain::address::{EmailAddress, Mailbox};
use crate::domain::id::{AccountId, MailId};
use crate::domain::mail::Content;
use crate::domain::packing;
use crate::domain::subject::Subject;
use crate::domain::token::Token;
use crate::domain::user::SignInAddress;
use crate::error::{Error, Result};
use crate::service::unavailable;
use crate::store;
use crate::store::own_mails::OwnMail;

/// Who our mails are from, and where their links lead.
#[derive(Clone, Debug)]
pub struct OwnMails {
    from: Option<Mailbox>,
    public_url: String,
}

impl OwnMails {
    /// Mails from this address; none are written without one. `public_url` has no slash at its end.
    pub fn new(from: Option<Mailbox>, public_url: String) -> Self {
        Self { from, public_url }
    }

    /// The link of a token. It stands behind the `#`, so that no server's log and no `Referer` ever has it.
    pub fn link(&self, token: &Token) -> String {
        link(&self.public_url, token)
    }

    /// Where people look after keys.
    pub(in crate::service) fn dashboard(&self) -> String {
        format!("{}/dashboard", self.public_url)
    }

    /// Stores a mail about an account in the transaction of what it tells of; `false` if there is no address to send it
    /// from. It is signed where the account may send from our domain.
    pub(in crate::service) async fn write(
        &self,
        db: &mut PgConnection,
        account: AccountId,
        to: &SignInAddress,
        subject: &str,
        text: String,
    ) -> Result<bool> {
        let Some(from) = &self.from else { return Ok(false) };
        let broken =
            |what: &str| Error::Internal(anyhow::anyhow!("a mail of our own has no {what}"));
        let address: EmailAddress = to.as_str().parse().map_err(|_| broken("recipient"))?;
        let domain = from.address.domain();
        let signed_by = store::domains::verified_of_account(&mut *db, account, domain)
            .await
            .map_err(unavailable)?;
        let content = Content {
            from: from.clone(),
            to: vec![Mailbox::new(address, None)],
            cc: Vec::new(),
            bcc: Vec::new(),
            reply_to: Vec::new(),
            subject: Subject::parse(subject).map_err(|_| broken("subject"))?,
            // Plain text: names that people chose stay text in it, and every program makes links of URLs.
            html: None,
            text: Some(text),
            headers: Vec::new(),
            attachments: Vec::new(),
            signed_by,
            personal: None,
        };
        let mail = OwnMail {
            id: MailId::generate(),
            from_address: &from.address.to_string(),
            to_address: to.as_str(),
            subject,
            body: &packing::pack(&content),
        };
        store::own_mails::insert(db, &mail).await.map_err(unavailable)?;
        tracing::info!(mail.id = %mail.id, "Wrote a mail of our own");
        Ok(true)
    }
}

/// The link of a token under a base without a slash at its end.
pub fn link(public_url: &str, token: &Token) -> String {
    format!("{public_url}/dashboard/welcome#{}", token.reveal())
}
