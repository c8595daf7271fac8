//! A password that was forgotten.

use std::net::IpAddr;
use std::sync::Arc;

use super::People;
use super::sign_in::too_many;
use crate::domain::address::EmailAddress;
use crate::domain::token::Token;
use crate::domain::user::{LinkPurpose, SignInAddress};
use crate::error::Result;
use crate::service::failure_limit::network;
use crate::service::{commit, unavailable};
use crate::store;
use crate::store::one_time_links::NewLink;

impl People {
    /// Sends a link to whoever has this address. It answers before it looks, and the same to everybody, so that neither
    /// the words nor the time tell who is there.
    pub fn ask_for_reset(self: &Arc<Self>, email: &EmailAddress, from: IpAddr) -> Result<()> {
        let now = self.clock.now();
        let name = format!("reset {}", network(from));
        self.limits.by_network.take(&name, now).map_err(too_many)?;
        let email = SignInAddress::from(email);
        // Not told, since the answer may depend on what others asked for this address, but on nothing else of it.
        if self.limits.mails.take(email.as_str(), now).is_err() {
            return Ok(());
        }
        let people = Arc::clone(self);
        self.background.spawn(async move {
            if let Err(error) = people.send_reset(&email).await {
                tracing::warn!(cause = %error.for_log(), "Could not write the mail for a new password");
            }
        });
        Ok(())
    }

    async fn send_reset(&self, email: &SignInAddress) -> Result<()> {
        let found =
            store::credentials::find_by_email(&self.db, email).await.map_err(unavailable)?;
        let Some((user, _)) = found else { return Ok(()) };
        let token = Token::generate();
        let digest = token.digest();
        let mut new =
            NewLink::new(LinkPurpose::PasswordReset, user.account, &digest, "password reset");
        new.user = Some(user.id);

        let mut transaction = self.db.begin().await.map_err(unavailable)?;
        store::one_time_links::insert(&mut *transaction, &new).await.map_err(unavailable)?;
        let link = self.own_mails.link(&token);
        let text = format!(
            "Somebody, probably you, asked for a new password for Posthaste. Choose it here:\n\n{link}\n\nThe link is \
             good once, for an hour. If it was not you, do nothing: your password stays as it is.\n"
        );
        let subject = "Choose a new password for Posthaste";
        if !self.own_mails.write(&mut transaction, user.account, email, subject, text).await? {
            tracing::warn!(
                "A new password was asked for, and there is no address to send mail from: set SYSTEM_FROM, or make a \
                 link with `posthaste users reset-link`"
            );
            return Ok(());
        }
        commit(transaction).await
    }
}
