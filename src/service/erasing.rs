//! Forgetting a recipient: all that a project knows of one address, in steps that a node which dies leaves to the next.
//!
//! Each step finds what is left by itself, so that doing it twice is doing it once. An attempt that is being made at the
//! moment is waited for: until it is over, the work is not.

use std::time::{Duration, Instant};

use chrono::Utc;
use serde_json::{Value, json};
use sqlx::PgPool;

use super::seal::Seal;
use super::{commit, unavailable};
use crate::domain::address::EmailAddress;
use crate::domain::audit::{Doer, NewAuditEntry};
use crate::domain::caller::Caller;
use crate::domain::delivery::Reply;
use crate::domain::erasure::{ERASED, Erasure, Forgotten, nobody};
use crate::domain::id::{ErasureId, EventId, MailId, ProjectId, WebhookDeliveryId};
use crate::domain::packing;
use crate::domain::record::Event;
use crate::domain::suppression::GroupCode;
use crate::domain::webhook::event_type::EventType;
use crate::error::{Error, Result};
use crate::store;
use crate::store::deliveries::decisions;
use crate::store::erasing::{Described, Parts, Remembered, Rewritten, Told};
use crate::store::erasures::Claimed;
use crate::store::mails::search::Stretch;

/// Mails that are looked up at once.
const MAILS: i64 = 50;

/// Rows of logs that are looked through at once. A payload has 64 KB at most.
const ROWS: i64 = 500;

/// How long one is worked on before others have their turn.
const TURN: Duration = Duration::from_secs(20);

/// For how long nobody else works on one; longer than a turn and all that a statement may take.
const CLAIM_SECONDS: f64 = 120.0;

/// Forgets recipients of every project.
#[derive(Clone)]
pub struct Erasing {
    db: PgPool,
    seal: Seal,
}

/// How far one is after a turn.
struct Turn {
    is_over: bool,
    mails_looked_until: MailId,
    looked_until: uuid::Uuid,
}

impl Erasing {
    /// Forgets what is kept in `db`; addresses wait under `seal`.
    pub fn new(db: PgPool, seal: Seal) -> Self {
        Self { db, seal }
    }

    /// Notes that an address is to be forgotten; answers the wish that there is, if it is being fulfilled.
    pub async fn request(
        &self,
        caller: &Caller,
        project: ProjectId,
        address: &EmailAddress,
        keep_suppressions: bool,
    ) -> Result<Erasure> {
        let (id, digest) = (ErasureId::generate(), self.digest(project, address));
        let sealed = self.seal.seal(&owner(id), address.to_string().as_bytes());
        let mut transaction = self.db.begin().await.map_err(unavailable)?;
        let whose = (caller.account, project);
        let is_new = store::erasures::insert(
            &mut *transaction,
            id,
            whose,
            &digest,
            &sealed,
            keep_suppressions,
        )
        .await
        .map_err(unavailable)?;
        let found = store::erasures::find_unfinished(&mut *transaction, project, &digest).await;
        // Finished between the two statements: the next request makes another.
        let erasure = found.map_err(unavailable)?.ok_or_else(|| {
            Error::Unavailable(anyhow::anyhow!("an erasure ended while it was asked for again"))
        })?;
        if is_new {
            let entry = NewAuditEntry {
                account: caller.account,
                project: Some(project),
                doer: Doer::of(caller),
                action: "recipient.erasure_requested",
                subject: id.as_uuid(),
                subject_label: digest,
                details: json!({ "keepSuppressions": keep_suppressions }),
            };
            store::audit_log::insert(&mut *transaction, &entry).await.map_err(unavailable)?;
        }
        commit(transaction).await?;
        Ok(erasure)
    }

    /// How far it is.
    pub async fn find(&self, project: ProjectId, id: ErasureId) -> Result<Erasure> {
        let found = store::erasures::find(&self.db, project, id).await.map_err(unavailable)?;
        found.ok_or(Error::NotFound("erasure"))
    }

    /// Works on each that nobody works on, for a while.
    pub async fn work(&self) -> Result<()> {
        let mut after = ErasureId::from(uuid::Uuid::nil());
        let started = Instant::now();
        while started.elapsed() < TURN {
            let claimed = store::erasures::claim(&self.db, after, CLAIM_SECONDS).await;
            let Some(claimed) = claimed.map_err(unavailable)? else { return Ok(()) };
            after = claimed.id;
            let turn = self.take_turn(&claimed, started).await?;
            if turn.is_over {
                self.complete(&claimed).await?;
            } else {
                let (project, id) = (claimed.project, claimed.id);
                let looked = (turn.mails_looked_until, turn.looked_until);
                let back = store::erasures::give_back(&self.db, project, id, looked);
                back.await.map_err(unavailable)?;
            }
        }
        Ok(())
    }

    async fn take_turn(&self, claimed: &Claimed, started: Instant) -> Result<Turn> {
        let sealed = claimed.address.as_deref().unwrap_or_default();
        let address = self.seal.open(&owner(claimed.id), sealed);
        let address = address.map_err(|broken| Error::Internal(broken.into()))?;
        let address: EmailAddress = String::from_utf8(address)
            .ok()
            .and_then(|text| text.parse().ok())
            .ok_or_else(|| Error::Internal(anyhow::anyhow!("an erasure has no address")))?;
        let (project, forgotten) = (claimed.project, Forgotten::new(&address));
        let mut turn = Turn {
            is_over: false,
            mails_looked_until: claimed.mails_looked_until,
            looked_until: claimed.looked_until,
        };

        let mut before = MailId::from(uuid::Uuid::max());
        let mut are_finished = true;
        loop {
            let stretch = Stretch { before, from: MailId::from(uuid::Uuid::nil()), limit: MAILS };
            let found = store::mails::search::to(&self.db, project, forgotten.folded(), stretch);
            let found = found.await.map_err(unavailable)?;
            for mail in &found {
                are_finished &= self.forget_in_mail(claimed, *mail, &forgotten).await?;
                if started.elapsed() >= TURN {
                    return Ok(turn);
                }
            }
            let Some(last) = found.last() else { break };
            before = *last;
        }
        self.forget_contact(project, forgotten.folded()).await?;
        // Whoever is named in mails to others alone, as whoever wrote to a shop is in its mails to itself, is in no index.
        loop {
            let after = turn.mails_looked_until;
            let found = store::erasing::mails_after(&self.db, project, after, MAILS).await;
            let found = found.map_err(unavailable)?;
            if found.is_empty() {
                break;
            }
            for mail in found {
                let id = mail.id;
                if self.names(mail, &forgotten).await? {
                    are_finished &= self.forget_in_mail(claimed, id, &forgotten).await?;
                }
                turn.mails_looked_until = id;
                if started.elapsed() >= TURN {
                    return Ok(turn);
                }
            }
        }
        if !claimed.keep_suppressions {
            let addresses = [forgotten.folded().to_owned()];
            let none: Option<&GroupCode> = None;
            let removed = store::suppressions::remove(&self.db, project, none, &addresses).await;
            removed.map_err(unavailable)?;
        }
        self.forget_in_answers(project, &forgotten).await?;
        while let Some(until) =
            self.forget_in_tellings(project, turn.looked_until, &forgotten).await?
        {
            turn.looked_until = until;
            if started.elapsed() >= TURN {
                return Ok(turn);
            }
        }
        if !are_finished {
            // What is told meanwhile may name the address.
            turn.looked_until = claimed.looked_until;
        }
        turn.is_over = are_finished;
        Ok(turn)
    }

    /// Whether a mail names the address. What cannot be read names nobody.
    async fn names(&self, mail: Described, forgotten: &Forgotten) -> Result<bool> {
        let body = store::mails::body(&self.db, mail.id).await.map_err(unavailable)?;
        let forgetting = forgotten.clone();
        let looking = tokio::task::spawn_blocking(move || {
            let content =
                body.and_then(|body| packing::unpack(&body.content, body.shared.as_deref()).ok());
            content.is_some_and(|content| {
                let mut left = content.clone();
                forgetting.forget_in(&mut left, 0);
                let details = mail.details.as_deref().unwrap_or_default();
                left != content || forgetting.is_named_in(details)
            })
        });
        looking.await.map_err(|error| Error::Internal(error.into()))
    }

    /// Forgets the address in a mail; `false` if an attempt to deliver it there is being made.
    async fn forget_in_mail(
        &self,
        claimed: &Claimed,
        mail: MailId,
        forgotten: &Forgotten,
    ) -> Result<bool> {
        let project = claimed.project;
        let mut transaction = self.db.begin().await.map_err(unavailable)?;
        decisions::lock_decision(&mut *transaction, mail).await.map_err(unavailable)?;
        decisions::lock_of_mail(&mut *transaction, project, mail).await.map_err(unavailable)?;
        let found = store::mails::find(&mut *transaction, project, mail).await;
        let Some(summary) = found.map_err(unavailable)? else { return Ok(true) };
        let body = store::mails::body(&mut *transaction, mail).await.map_err(unavailable)?;
        let unpacked = tokio::task::spawn_blocking(move || {
            body.and_then(|body| packing::unpack(&body.content, body.shared.as_deref()).ok())
        });
        let content = unpacked.await.map_err(|error| Error::Internal(error.into()))?;
        // Without a content nobody knows who else it was for, and it reaches nobody.
        let is_alone = content
            .as_ref()
            .is_none_or(|content| content.recipients().all(|recipient| forgotten.is(recipient)));
        let places = content.as_ref().map(|content| forgotten.places(content)).unwrap_or_default();
        let only = (!is_alone).then_some(places.as_slice());

        decisions::cancel(&mut *transaction, project, mail, &[], only)
            .await
            .map_err(unavailable)?;
        let pending = store::deliveries::of_mail(&mut *transaction, project, mail).await;
        let pending = pending.map_err(unavailable)?;
        if pending.iter().any(|delivery| is_alone || places.contains(&delivery.position)) {
            commit(transaction).await?;
            return Ok(false);
        }
        let counted = if is_alone {
            store::erasing::remove_mail(&mut *transaction, project, mail)
                .await
                .map_err(unavailable)?;
            (1, 0)
        } else {
            // Who is no recipient has the place behind the last of them.
            let behind = || content.as_ref().map_or(0, |content| content.recipients().count());
            let place = places.first().copied();
            let place = place.unwrap_or_else(|| i16::try_from(behind()).unwrap_or_default());
            let by = nobody(place).to_string();
            let forgetting = forgotten.clone();
            let rewriting = tokio::task::spawn_blocking(move || {
                content.map(|mut content| {
                    forgetting.forget_in(&mut content, place);
                    let subject = content.subject.as_str().to_owned();
                    (subject, packing::pack(&content))
                })
            });
            let rewritten = rewriting.await.map_err(|error| Error::Internal(error.into()))?;
            let (subject, body) = rewritten.unzip();
            let details = summary.details.as_ref().and_then(|details| {
                let text = serde_json::to_string(details).ok()?;
                Some(forgotten.replaced(&text, ERASED).unwrap_or(text))
            });
            let rewritten = Rewritten {
                to_address: (summary.to_address == forgotten.folded()).then(|| by.clone()),
                subject: subject.unwrap_or(summary.subject),
                details,
                body,
                places: places.clone(),
            };
            let folded = forgotten.folded();
            store::erasing::rewrite_mail(&mut *transaction, project, mail, folded, &rewritten)
                .await
                .map_err(unavailable)?;
            let events = store::events::list(&mut *transaction, mail).await.map_err(unavailable)?;
            let links = scrubbed_links(forgotten, &events, &places, &by);
            store::erasing::rewrite_links(&mut *transaction, mail, &links)
                .await
                .map_err(unavailable)?;
            let replies: Vec<_> = events
                .into_iter()
                .filter_map(|event| Some((event.id, scrubbed(forgotten, event.reply?, &by)?)))
                .collect();
            store::erasing::rewrite_replies(&mut *transaction, mail, &replies)
                .await
                .map_err(unavailable)?;
            let last: Vec<_> = pending
                .into_iter()
                .filter_map(|one| Some((one.position, scrubbed(forgotten, one.last_reply?, &by)?)))
                .collect();
            store::erasing::rewrite_last_replies(&mut *transaction, project, mail, &last)
                .await
                .map_err(unavailable)?;
            (0, 1)
        };
        store::erasures::count(&mut *transaction, project, claimed.id, counted)
            .await
            .map_err(unavailable)?;
        commit(transaction).await?;
        Ok(true)
    }

    /// Removes the contact, of which webhooks are told by its id alone.
    async fn forget_contact(&self, project: ProjectId, folded: &str) -> Result<()> {
        let mut transaction = self.db.begin().await.map_err(unavailable)?;
        let emails = [folded.to_owned()];
        let gone = store::contacts::delete_by_emails(&mut *transaction, project, &emails).await;
        let told: Vec<_> = gone
            .map_err(unavailable)?
            .into_iter()
            .map(|contact| {
                let data =
                    json!({"contactId": contact.id.to_string(), "email": null, "name": null});
                (EventType::ContactDeleted, data.to_string())
            })
            .collect();
        if !told.is_empty() {
            store::webhook_deliveries::insert_for_all(&mut *transaction, project, &told)
                .await
                .map_err(unavailable)?;
        }
        commit(transaction).await
    }

    /// Takes the address out of the answers that repeated requests get again. The requests go on to be known: a repetition
    /// must not send again.
    async fn forget_in_answers(&self, project: ProjectId, forgotten: &Forgotten) -> Result<()> {
        let mut after = String::new();
        loop {
            let found = store::erasing::answers(&self.db, project, &after, ROWS).await;
            let found = found.map_err(unavailable)?;
            let Some(last) = found.last() else { return Ok(()) };
            after.clone_from(&last.key);
            let rewritten: Vec<_> = found
                .into_iter()
                .filter_map(|Remembered { key, answer }| {
                    let answer = forgotten.replaced(answer.as_deref()?, ERASED)?;
                    Some(Remembered { key, answer: Some(answer) })
                })
                .collect();
            if !rewritten.is_empty() {
                let rewriting = store::erasing::rewrite_answers(&self.db, project, &rewritten);
                rewriting.await.map_err(unavailable)?;
            }
        }
    }

    /// Looks at some of what webhooks were told after `after`, or are to be told: what is about the address goes, and what
    /// else names it says something else. Answers how far that was; nothing at the end.
    async fn forget_in_tellings(
        &self,
        project: ProjectId,
        after: uuid::Uuid,
        forgotten: &Forgotten,
    ) -> Result<Option<uuid::Uuid>> {
        let until = store::erasing::end_of_tellings(&self.db, after, ROWS).await;
        let Some(until) = until.map_err(unavailable)? else { return Ok(None) };
        let (local, domain) = forgotten.parts();
        let parts = Parts { local, domain };
        let told = store::erasing::tellings(&self.db, project, (after, until), parts).await;
        let (gone, rewritten) = forgotten_tellings(forgotten, told.map_err(unavailable)?);
        if !gone.is_empty() {
            store::erasing::remove_tellings(&self.db, project, &gone).await.map_err(unavailable)?;
        }
        if !rewritten.is_empty() {
            let rewriting = store::erasing::rewrite_tellings(&self.db, project, &rewritten);
            rewriting.await.map_err(unavailable)?;
        }
        Ok(Some(until))
    }

    async fn complete(&self, claimed: &Claimed) -> Result<()> {
        let mut transaction = self.db.begin().await.map_err(unavailable)?;
        let (project, id) = (claimed.project, claimed.id);
        let done = store::erasures::complete(&mut *transaction, project, id).await;
        let Some(done) = done.map_err(unavailable)? else { return Ok(()) };
        let entry = NewAuditEntry {
            account: claimed.account,
            project: Some(project),
            doer: Doer::server(),
            action: "recipient.erased",
            subject: id.as_uuid(),
            subject_label: claimed.digest.clone(),
            details: json!({
                "mailsRemoved": done.mails_removed, "mailsChanged": done.mails_changed,
                "seconds": (Utc::now() - done.created_at).num_seconds(),
            }),
        };
        store::audit_log::insert(&mut *transaction, &entry).await.map_err(unavailable)?;
        commit(transaction).await?;
        tracing::info!(erasure.id = %id, "Erased a recipient");
        Ok(())
    }

    /// Tells the same address in the same project, and not which.
    fn digest(&self, project: ProjectId, address: &EmailAddress) -> String {
        let message = format!("erased recipient v1 {project} {}", address.folded());
        let digest = self.seal.sign(message.as_bytes());
        let digits = digest.iter().take(16).map(|byte| format!("{byte:02x}"));
        digits.collect()
    }
}

/// Which of these tellings are about the address, and what is left of others that name it.
fn forgotten_tellings(
    forgotten: &Forgotten,
    told: Vec<Told>,
) -> (Vec<WebhookDeliveryId>, Vec<Told>) {
    let (mut gone, mut rewritten) = (Vec::new(), Vec::new());
    for one in told {
        if one.payload.as_deref().is_some_and(|payload| is_about(forgotten, payload)) {
            gone.push(one.id);
            continue;
        }
        let scrubbed = |text: &Option<String>| {
            text.as_deref().and_then(|text| forgotten.replaced(text, ERASED))
        };
        let (payload, answer) = (scrubbed(&one.payload), scrubbed(&one.answer));
        let trouble = scrubbed(&one.trouble);
        if payload.is_some() || answer.is_some() || trouble.is_some() {
            rewritten.push(Told {
                id: one.id,
                payload: payload.or(one.payload),
                answer: answer.or(one.answer),
                trouble: trouble.or(one.trouble),
            });
        }
    }
    (gone, rewritten)
}

/// Whether a payload is about the address: one of its members is just that.
fn is_about(forgotten: &Forgotten, payload: &str) -> bool {
    let members: serde_json::Map<String, Value> = serde_json::from_str(payload).unwrap_or_default();
    let mut addresses = members.values().filter_map(Value::as_str);
    addresses.any(|text| text.parse().is_ok_and(|address| forgotten.is(&address)))
}

/// A reply that does not name the address any more; nothing if it never did.
fn scrubbed(forgotten: &Forgotten, reply: Reply, by: &str) -> Option<Reply> {
    let text = forgotten.replaced(&reply.text, by)?;
    Some(Reply { text, ..reply })
}

/// What is left of the links that were followed: nothing of those that the forgotten one followed, and of others what does
/// not name the address.
fn scrubbed_links(
    forgotten: &Forgotten,
    events: &[Event],
    places: &[i16],
    by: &str,
) -> Vec<(EventId, Option<String>)> {
    let scrubbed = |event: &Event| {
        let url = event.url.as_deref()?;
        if event.position.is_some_and(|position| places.contains(&position)) {
            return Some((event.id, None));
        }
        Some((event.id, Some(forgotten.replaced(url, by)?)))
    };
    events.iter().filter_map(scrubbed).collect()
}

/// Whom an address belongs to, for its seal.
fn owner(id: ErasureId) -> Vec<u8> {
    [b"erasure ".as_slice(), id.as_uuid().as_bytes()].concat()
}
