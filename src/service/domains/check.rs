//! Looking for a domain's records, when somebody asks and when its time has come.

use std::time::Duration;

use chrono::{TimeDelta, Utc};
use serde_json::json;

use super::{Domains, entry};
use crate::domain::audit::Doer;
use crate::domain::caller::Caller;
use crate::domain::dns_record::{Answer, ExpectedRecords};
use crate::domain::id::{DomainId, ProjectId};
use crate::domain::record_check::Answers;
use crate::domain::sending_domain::{Findings, Reason, SendingDomain, Turn};
use crate::error::{Error, Result};
use crate::service::{commit, unavailable};
use crate::store;

/// Between two checks of one domain because somebody asks.
const PAUSE: TimeDelta = TimeDelta::seconds(2);

/// Domains that are checked together because their time has come.
const TOGETHER: i64 = 8;

/// How long a node has for them before another takes them up: longer than DNS is ever waited for.
const TURN: TimeDelta = TimeDelta::minutes(5);

/// Domains above one that are asked for its policy.
const MOST_ABOVE: usize = 4;

impl Domains {
    /// Looks for a domain's records now.
    pub async fn verify(
        &self,
        caller: &Caller,
        project: ProjectId,
        id: DomainId,
    ) -> Result<SendingDomain> {
        let domain = self.find(project, id).await?;
        if !store::domains::ask(&self.db, project, id, PAUSE).await.map_err(unavailable)? {
            return Err(Error::RateLimited {
                retry_after: Duration::from_secs(2),
                message: "This domain was checked a moment ago. Wait two seconds; it is checked again by itself as well."
                    .into(),
            });
        }
        let findings = self.look(&domain).await;
        let checked = self.conclude(&domain, findings, Reason::Asked, Doer::of(caller)).await?;
        checked.ok_or(Error::NotFound("domain"))
    }

    /// Checks domains whose time has come, and says how many there were.
    pub async fn check_due(&self) -> Result<usize> {
        store::domains::destroy_deleted(&self.db).await.map_err(unavailable)?;
        let due = store::domains::claim_due(&self.db, TURN, TOGETHER).await.map_err(unavailable)?;
        let number = due.len();
        let mut looks = tokio::task::JoinSet::new();
        for domain in due {
            let domains = self.clone();
            looks.spawn(async move {
                let findings = domains.look(&domain).await;
                domains.conclude(&domain, findings, Reason::Due, Doer::server()).await
            });
        }
        while let Some(looked) = looks.join_next().await {
            if let Ok(Err(error)) = looked {
                tracing::warn!(cause = %error.for_log(), "Could not write down what DNS says of a domain; asking again in {TURN}");
            }
        }
        Ok(number)
    }

    async fn look(&self, domain: &SendingDomain) -> Findings {
        let expected = self.records(domain);
        let ExpectedRecords { ownership, dkim, dkim_ed25519, .. } = &expected;
        let (ownership, dkim, dkim_ed25519, spf, dmarc, mail_hosts) = tokio::join!(
            self.dns.texts(&ownership.name),
            self.dns.texts(&dkim.name),
            self.dns.texts(&dkim_ed25519.name),
            self.dns.texts(&domain.name),
            self.policy_of(&domain.name),
            self.dns.mail_hosts(&domain.name),
        );
        Answers { ownership, dkim, dkim_ed25519, spf, dmarc, mail_hosts }.judge(&expected)
    }

    /// The policy of a domain, or of the nearest above it that has one (as RFC 7489, section 6.6.3 has it for the organization's
    /// domain, which nobody can tell without a list of all registries).
    async fn policy_of(&self, name: &str) -> Answer {
        let above =
            std::iter::successors(Some(name), |name| name.split_once('.').map(|(_, up)| up));
        for name in above.filter(|name| name.contains('.')).take(1 + MOST_ABOVE) {
            let answer = self.dns.texts(&format!("_dmarc.{name}")).await;
            if answer != Answer::None {
                return answer;
            }
        }
        Answer::None
    }

    /// Writes down what was found and where that leads; nothing if the domain was removed meanwhile.
    async fn conclude(
        &self,
        looked_at: &SendingDomain,
        findings: Findings,
        reason: Reason,
        doer: Doer,
    ) -> Result<Option<SendingDomain>> {
        let SendingDomain { id, project, .. } = *looked_at;
        let mut transaction = self.db.begin().await.map_err(unavailable)?;
        // As it is now: somebody else may have been quicker.
        let domain =
            store::domains::lock(&mut *transaction, project, id).await.map_err(unavailable)?;
        let Some(domain) = domain else { return Ok(None) };
        let now = Utc::now();
        let step = domain.after(&findings, reason, now);
        store::domains::record_check(&mut *transaction, project, id, &findings, &step)
            .await
            .map_err(unavailable)?;
        if let Some(turn) = step.turn {
            let action = match turn {
                Turn::Verified => "domain.verified",
                Turn::Lost => "domain.lost",
            };
            let mut entry = entry(doer, action, &domain);
            if turn == Turn::Lost {
                entry.details = json!({
                    "ownership": findings.ownership.explanation,
                    "dkim": findings.dkim.explanation,
                });
            }
            store::audit_log::insert(&mut *transaction, &entry).await.map_err(unavailable)?;
        }
        commit(transaction).await?;

        match step.turn {
            Some(Turn::Verified) => tracing::info!(domain.id = %id, "Domain {id} is verified"),
            Some(Turn::Lost) => {
                tracing::warn!(domain.id = %id, "The DNS records of domain {id} are gone; mail from it is refused");
            }
            None => {}
        }
        if step.turn.is_some() {
            self.permitted.forget(project).await;
        }
        Ok(Some(SendingDomain {
            findings: Some(findings),
            verified_at: step.verified_at,
            lost_at: step.lost_at,
            misses: step.misses,
            last_checked_at: Some(now),
            next_check_at: step.next_check_at,
            ..domain
        }))
    }
}
