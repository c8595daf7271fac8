//! Forgetting a recipient: all that a project knows of one address, in steps that a node which dies leaves to the next.
//!
//! Each step finds what is left by itself, so that doing it twice is doing it once. An attempt that is being made at the
//! moment is waited for: until it is over, the work is not.

use std::time::{Duration, Instant};

use chrono::Utc;
use serde_json::json;
use sqlx::PgPool;

use super::seal::Seal;
use super::{commit, unavailable};
use crate::domain::address::EmailAddress;
use crate::domain::audit::{Doer, NewAuditEntry};
use crate::domain::caller::Caller;
use crate::domain::erasure::{Erasure, Forgotten};
use crate::domain::id::{ErasureId, MailId, ProjectId};
use crate::domain::suppression::GroupCode;
use crate::error::{Error, Result};
use crate::store;
use crate::store::erasures::Claimed;
use crate::store::mails::search::Stretch;

mod around_mails;
mod in_mails;

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
            let found = store::erasing::mails::list_after(&self.db, project, after, MAILS).await;
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
            self.forget_in_webhook_deliveries(project, turn.looked_until, &forgotten).await?
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

/// Whom an address belongs to, for its seal.
fn owner(id: ErasureId) -> Vec<u8> {
    [b"erasure ".as_slice(), id.as_uuid().as_bytes()].concat()
}
