//! Inviting people.

use serde_json::json;

use super::links::already_there;
use super::team::{may_give, rank_again};
use super::{People, lock};
use crate::domain::address::EmailAddress;
use crate::domain::audit::{Doer, NewAuditEntry};
use crate::domain::caller::{Caller, Role};
use crate::domain::id::{AccountId, OneTimeLinkId};
use crate::domain::token::Token;
use crate::domain::user::{Invitation, LinkPurpose, SignInAddress};
use crate::error::{Error, Result};
use crate::service::{commit, unavailable};
use crate::store;
use crate::store::one_time_links::NewLink;

/// An invitation that was just made.
#[derive(Debug)]
pub struct Invited {
    /// The invitation.
    pub invitation: Invitation,
    /// Its link, for the inviter to pass on: the only time that it can be seen.
    pub link: String,
    /// Whether a mail with the link is on its way.
    pub mailed: bool,
}

impl People {
    /// Invites somebody in this role, in place of earlier invitations of the same address.
    pub async fn invite(
        &self,
        caller: &Caller,
        email: &EmailAddress,
        role: Role,
    ) -> Result<Invited> {
        let account = caller.account;
        let email = SignInAddress::from(email);
        let doer = Doer::of(caller);
        let token = Token::generate();
        let digest = token.digest();
        let mut new = NewLink::new(LinkPurpose::Invitation, account, &digest, &doer.label);
        new.invited = Some((&email, role));
        new.inviter = caller.person().map(|person| person.id);
        self.limits.mails.take(email.as_str(), self.clock.now()).map_err(|retry_after| {
            let message = "This address was written to several times within minutes. Wait, or pass the last link on.";
            Error::RateLimited { retry_after, message: message.into() }
        })?;

        let mut transaction = self.db.begin().await.map_err(unavailable)?;
        lock(&mut transaction, account).await?;
        let caller = rank_again(&mut transaction, caller).await?;
        may_give(&caller, role)?;
        let found = store::credentials::find_by_email(&mut *transaction, &email).await;
        if found.map_err(unavailable)?.is_some_and(|(user, _)| user.account == account) {
            return Err(already_there());
        }
        // Of two invitations the mightier one would count, whatever its maker thought better of since.
        let replaced =
            store::one_time_links::delete_invitations_of(&mut *transaction, account, &email).await;
        for role in replaced.map_err(unavailable)? {
            may_give(&caller, role.parse().unwrap_or(Role::Owner))?;
        }
        store::one_time_links::insert(&mut *transaction, &new).await.map_err(unavailable)?;
        let link = self.own_mails.link(&token);
        let account_name = store::accounts::name(&mut *transaction, account).await;
        let account_name = account_name.map_err(unavailable)?.unwrap_or_default();
        let text = format!(
            "You are invited to join “{account_name}” on Posthaste as {role}. Choose a password here:\n\n{link}\n\nThe \
             link is good once, for seven days. If you do not know what this is about, do nothing.\n",
            role = role.as_str(),
        );
        let subject = "You are invited to Posthaste";
        let mailed = self.own_mails.write(&mut transaction, account, &email, subject, text).await?;
        let entry = entry(account, doer.clone(), "user.invited", new.id, &email, role);
        store::audit_log::insert(&mut *transaction, &entry).await.map_err(unavailable)?;
        commit(transaction).await?;
        tracing::info!(invitation.id = %new.id, "Invited somebody as {}", role.as_str());
        let invitation = Invitation {
            id: new.id,
            role,
            created_by: doer.label.clone(),
            created_at: new.expires_at - LinkPurpose::Invitation.lifetime(),
            expires_at: new.expires_at,
            email: email.clone(),
        };
        Ok(Invited { invitation, link, mailed })
    }

    /// Who was invited and has not come yet, newest first.
    pub async fn invitations(
        &self,
        account: AccountId,
        before: Option<OneTimeLinkId>,
        limit: u16,
    ) -> Result<Vec<Invitation>> {
        store::one_time_links::invitations(&self.db, account, before, i64::from(limit))
            .await
            .map_err(unavailable)
    }

    /// Takes an invitation back.
    pub async fn revoke_invitation(&self, caller: &Caller, id: OneTimeLinkId) -> Result<()> {
        let account = caller.account;
        let mut transaction = self.db.begin().await.map_err(unavailable)?;
        lock(&mut transaction, account).await?;
        let caller = rank_again(&mut transaction, caller).await?;
        let deleted = store::one_time_links::delete_invitation(&mut *transaction, account, id);
        let invitation =
            deleted.await.map_err(unavailable)?.ok_or(Error::NotFound("invitation"))?;
        may_give(&caller, invitation.role)?;
        let doer = Doer::of(&caller);
        let Invitation { email, role, .. } = &invitation;
        let entry = entry(account, doer, "invitation.revoked", id, email, *role);
        store::audit_log::insert(&mut *transaction, &entry).await.map_err(unavailable)?;
        commit(transaction).await?;
        tracing::info!(invitation.id = %id, "Revoked an invitation");
        Ok(())
    }
}

fn entry(
    account: AccountId,
    doer: Doer,
    action: &'static str,
    id: OneTimeLinkId,
    email: &SignInAddress,
    role: Role,
) -> NewAuditEntry {
    NewAuditEntry {
        account,
        project: None,
        doer,
        action,
        subject: id.as_uuid(),
        subject_label: email.as_str().to_owned(),
        details: json!({"role": role}),
    }
}
