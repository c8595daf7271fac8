//! What recipients decide by the links in their mail: which mail they want.

use serde_json::{Value, json};
use sqlx::{PgConnection, PgPool};

use super::{commit, in_time, unavailable};
use crate::domain::link_token::{LinkToken, Unsubscribe};
use crate::domain::links::Links;
use crate::domain::suppression::{GroupCode, Reason};
use crate::domain::webhook::event_type::EventType;
use crate::error::Result;
use crate::store;
use crate::store::suppressions::Choice;

/// How a recipient stands to a kind of mail.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stand {
    /// It is sent.
    Wanted,
    /// The recipient wants none.
    Unwanted,
    /// It is not sent, whatever the recipient wants: it does not arrive, or the sender said so.
    Stopped,
}

impl Stand {
    fn of(reason: Option<&str>) -> Self {
        match reason {
            None => Self::Wanted,
            Some(reason) if reason == Reason::Unsubscribe.as_str() => Self::Unwanted,
            Some(_) => Self::Stopped,
        }
    }
}

/// A kind of mail as a recipient sees it.
#[derive(Clone, Debug)]
pub struct Kind {
    /// Names it.
    pub group: GroupCode,
    /// What it is called.
    pub name: String,
    /// What it is for.
    pub description: Option<String>,
    /// How the recipient stands to it.
    pub stand: Stand,
}

/// What a recipient sees who follows a link.
#[derive(Clone, Debug)]
pub struct Standing {
    /// The recipient's address, most of it hidden: links are passed on with the mails that have them.
    pub address: String,
    /// What the mail with the link belonged to.
    pub of_mail: GroupCode,
    /// How the recipient stands to all mail of the sender.
    pub everything: Stand,
    /// The kinds of mail that there are.
    pub kinds: Vec<Kind>,
}

/// What a recipient asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Wish {
    /// No mail any more of the kind that the link belongs to.
    Unsubscribe,
    /// No mail at all.
    UnsubscribeFromEverything,
    /// Mail again, as it was before that.
    Resubscribe,
    /// Of the kinds that were shown, mail of those that are wanted only.
    Choose {
        /// What the recipient could choose from.
        shown: Vec<GroupCode>,
        /// What the recipient chose.
        wanted: Vec<GroupCode>,
    },
}

/// What recipients decide.
#[derive(Clone)]
pub struct Preferences {
    db: PgPool,
    links: Links,
}

impl Preferences {
    /// Decisions kept in `db`, by the links that `links` reads.
    pub fn new(db: PgPool, links: Links) -> Self {
        Self { db, links }
    }

    /// How the recipient of a link stands; nothing if it is no link of ours. Changes nothing, because programs follow
    /// links before people do.
    pub async fn look(&self, token: &str) -> Result<Option<Standing>> {
        let Some(LinkToken::Unsubscribe(link)) = self.links.read(token) else { return Ok(None) };
        let mut connection = in_time(self.db.acquire()).await.map_err(unavailable)?;
        if !is_there(&mut connection, &link).await? {
            return Ok(Some(standing_with_nobody(&link)));
        }
        standing(&mut connection, &link).await.map(Some)
    }

    /// Does as the recipient of a link wishes, and says how the recipient stands then; nothing if it is no link of ours.
    /// The same wish again changes nothing.
    pub async fn fulfil(&self, token: &str, wish: Wish) -> Result<Option<Standing>> {
        let Some(LinkToken::Unsubscribe(link)) = self.links.read(token) else { return Ok(None) };
        let mut transaction = self.db.begin().await.map_err(unavailable)?;
        if !is_there(&mut transaction, &link).await? {
            return Ok(Some(standing_with_nobody(&link)));
        }
        let everything = GroupCode::global();
        match wish {
            Wish::Unsubscribe => unsubscribe(&mut transaction, &link, &link.group).await?,
            Wish::UnsubscribeFromEverything => {
                unsubscribe(&mut transaction, &link, &everything).await?;
            }
            Wish::Resubscribe => {
                resubscribe(&mut transaction, &link, &everything).await?;
                resubscribe(&mut transaction, &link, &link.group).await?;
            }
            Wish::Choose { shown, wanted } => {
                let choices = choices(&mut transaction, &link).await?;
                // What nobody was asked about is left as it is, and what is no group of the project is none.
                for group in choices.iter().map(|choice| &choice.group) {
                    match (shown.contains(group), wanted.contains(group)) {
                        (true, true) => resubscribe(&mut transaction, &link, group).await?,
                        (true, false) => unsubscribe(&mut transaction, &link, group).await?,
                        (false, _) => {}
                    }
                }
            }
        }
        let standing = standing(&mut transaction, &link).await?;
        commit(transaction).await?;
        metrics::counter!("posthaste_preferences_changed_total").increment(1);
        Ok(Some(standing))
    }
}

/// Whether the project of a link still stands. If it is deleted meanwhile, what is written goes when it is emptied.
async fn is_there(db: &mut PgConnection, link: &Unsubscribe) -> Result<bool> {
    let account = in_time(store::projects::account_of(db, link.project)).await;
    Ok(account.map_err(unavailable)?.is_some())
}

/// How a recipient stands to a project that was deleted. It sends nothing, so that there is nothing to choose; and nothing
/// is to be written down, since nobody would ever remove it.
fn standing_with_nobody(link: &Unsubscribe) -> Standing {
    Standing {
        address: hidden(&link.address),
        of_mail: link.group.clone(),
        everything: Stand::Stopped,
        kinds: Vec::new(),
    }
}

async fn choices(db: &mut PgConnection, link: &Unsubscribe) -> Result<Vec<Choice>> {
    let found = store::suppressions::choices(db, link.project, &link.group, &link.address);
    in_time(found).await.map_err(unavailable)
}

async fn standing(db: &mut PgConnection, link: &Unsubscribe) -> Result<Standing> {
    let reason = in_time(store::suppressions::reason(&mut *db, link.project, &link.address));
    let everything = Stand::of(reason.await.map_err(unavailable)?.as_deref());
    let kinds = choices(db, link).await?.into_iter().map(|choice| Kind {
        stand: Stand::of(choice.reason.as_deref()),
        group: choice.group,
        name: choice.name,
        description: choice.description,
    });
    Ok(Standing {
        address: hidden(&link.address),
        of_mail: link.group.clone(),
        everything,
        kinds: kinds.collect(),
    })
}

async fn unsubscribe(db: &mut PgConnection, link: &Unsubscribe, group: &GroupCode) -> Result<()> {
    let (addresses, reason) = ([link.address.clone()], Reason::Unsubscribe);
    let mail = Some(link.place.mail);
    let adding = store::suppressions::add(&mut *db, link.project, group, &addresses, reason, mail);
    if in_time(adding).await.map_err(unavailable)? == 0 {
        return Ok(());
    }
    let (kind, told) = if group.is_global() {
        ("unsubscribed", EventType::EmailUnsubscribed)
    } else {
        ("group_unsubscribed", EventType::EmailGroupUnsubscribed)
    };
    tell(db, link, group, kind, Some(told)).await
}

async fn resubscribe(db: &mut PgConnection, link: &Unsubscribe, group: &GroupCode) -> Result<()> {
    let taking_back = store::suppressions::take_back(&mut *db, link.project, group, &link.address);
    if !in_time(taking_back).await.map_err(unavailable)? {
        return Ok(());
    }
    // The upstream API has no event for the other.
    let (kind, told) = if group.is_global() {
        ("resubscribed", None)
    } else {
        ("group_resubscribed", Some(EventType::EmailGroupResubscribed))
    };
    tell(db, link, group, kind, told).await
}

/// Writes it into the history of the mail, and tells webhooks; those also when the mail is not kept any more.
async fn tell(
    db: &mut PgConnection,
    link: &Unsubscribe,
    group: &GroupCode,
    kind: &str,
    told: Option<EventType>,
) -> Result<()> {
    let (mail, position) = (link.place.mail, link.place.position);
    in_time(store::events::append(&mut *db, link.project, mail, position, kind))
        .await
        .map_err(unavailable)?;
    let Some(told) = told else { return Ok(()) };
    let group = if group.is_global() { Value::Null } else { json!(group) };
    let mut payload = json!({"emailId": mail.to_string(), "email": link.address});
    if !group.is_null() {
        payload["unsubscribeGroupId"] = group;
    }
    let told = [(told, payload.to_string())];
    let telling = store::webhook_deliveries::insert_for_all(db, link.project, &told);
    in_time(telling).await.map_err(unavailable)
}

/// `a•••@example.org`: enough for its owner, too little for anybody else.
fn hidden(address: &str) -> String {
    let (local, domain) = address.rsplit_once('@').unwrap_or((address, ""));
    let first: String = local.chars().take(1).collect();
    format!("{first}•••@{domain}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn most_of_an_address_is_hidden() {
        assert_eq!(hidden("ada@example.org"), "a•••@example.org");
        assert_eq!(hidden("é@example.org"), "é•••@example.org");
    }
}
