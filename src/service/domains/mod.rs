//! Domains that projects send from: adding them, proving them, and telling whether mail may be sent from one.

mod check;
mod permitted;

use std::sync::Arc;

use chrono::{TimeDelta, Utc};
use rand::TryRng;
use rand::rngs::SysRng;
use secrecy::ExposeSecret;
use serde_json::json;
use sqlx::PgPool;
use tokio::sync::Semaphore;

use self::permitted::Permitted;
use super::seal::Seal;
use super::signing::{self, Signing};
use super::{commit, unavailable};
use crate::dns::Dns;
use crate::domain::audit::{Doer, NewAuditEntry};
use crate::domain::caller::Caller;
use crate::domain::dns_record::{ExpectedRecords, LONGEST_PREFIX};
use crate::domain::domain_name::DomainName;
use crate::domain::id::{DomainId, ProjectId};
use crate::domain::sending_domain::SendingDomain;
use crate::domain::violations::Violations;
use crate::error::{Error, Result};
use crate::mail::dkim::NewKeys;
use crate::store;
use crate::store::api_keys::NarrowedKey;
use crate::store::domains::SealedKeys;

/// The most domains of one project.
const MOST_DOMAINS: i64 = 100;

/// The longest name of a domain, in octets, that leaves room for those of its records (RFC 1035, section 2.3.4).
const LONGEST_NAME: usize = 253 - LONGEST_PREFIX;

/// After this, every mail that was accepted before a domain was removed has been sent or given up.
pub(super) const KEYS_OUTLIVE_THEIR_DOMAIN: TimeDelta = TimeDelta::hours(48);

/// What the installation says about domains.
#[derive(Clone, Debug)]
pub struct DomainPolicy {
    /// Whether mail is sent from verified domains only.
    pub required: bool,
    /// The relay's host, which SPF should name.
    pub relay: Option<String>,
}

/// The domains of every project.
#[derive(Clone)]
pub struct Domains {
    db: PgPool,
    dns: Dns,
    seal: Seal,
    signing: Signing,
    policy: Arc<DomainPolicy>,
    permitted: Permitted,
    /// One at a time: to make an RSA key takes a good part of a second.
    making: Arc<Semaphore>,
}

impl Domains {
    /// Domains kept in `db`, their keys encrypted under `seal`.
    pub fn new(db: PgPool, dns: Dns, seal: Seal, policy: DomainPolicy) -> Self {
        let permitted = Permitted::new(db.clone());
        let signing = Signing::new(db.clone(), seal.clone());
        let (policy, making) = (Arc::new(policy), Arc::new(Semaphore::new(1)));
        Self { db, dns, seal, signing, policy, permitted, making }
    }

    /// What signs the mail that they let through.
    pub fn signing(&self) -> Signing {
        self.signing.clone()
    }

    /// Adds a domain to a project, with keys of its own. Mail may be sent from it once it is verified.
    pub async fn add(
        &self,
        caller: &Caller,
        project: ProjectId,
        name: &DomainName,
    ) -> Result<SendingDomain> {
        if name.as_str().len() > LONGEST_NAME {
            let message = format!(
                "must have at most {LONGEST_NAME} characters, so that there is room for the names of its records"
            );
            return Err(Error::Invalid(Violations::one("domain", message)));
        }
        self.has_room(project, name).await?;
        let keys = self.make_keys().await?;
        let now = Utc::now();
        let domain = SendingDomain {
            id: DomainId::generate(),
            account: caller.account,
            project,
            name: name.as_str().to_owned(),
            ownership_token: random_hex::<16>()?,
            selector: format!("posthaste-{}", random_hex::<4>()?),
            rsa_public: keys.rsa_public,
            ed25519_public: keys.ed25519_public,
            findings: None,
            verified_at: None,
            lost_at: None,
            misses: 0,
            created_at: now,
            last_checked_at: None,
            next_check_at: now + TimeDelta::minutes(1),
        };
        let seal = |label, secret: &[u8]| self.seal.seal(&signing::owner(domain.id, label), secret);
        let sealed = SealedKeys {
            rsa: seal("rsa", keys.rsa_private.expose_secret()),
            ed25519: seal("ed25519", keys.ed25519_private.expose_secret()),
        };

        let mut transaction = self.db.begin().await.map_err(unavailable)?;
        if !store::domains::insert(&mut *transaction, &domain, &sealed)
            .await
            .map_err(unavailable)?
        {
            return Err(added_before());
        }
        let entry = entry(Doer::of(caller), "domain.added", &domain);
        store::audit_log::insert(&mut *transaction, &entry).await.map_err(unavailable)?;
        commit(transaction).await?;
        tracing::info!(domain.id = %domain.id, "Added domain {}", domain.id);
        Ok(domain)
    }

    /// The domains of a project, by their names.
    pub async fn list(&self, project: ProjectId) -> Result<Vec<SendingDomain>> {
        store::domains::list(&self.db, project).await.map_err(unavailable)
    }

    /// One domain of a project.
    pub async fn find(&self, project: ProjectId, id: DomainId) -> Result<SendingDomain> {
        let found = store::domains::find(&self.db, project, id).await.map_err(unavailable)?;
        found.ok_or(Error::NotFound("domain"))
    }

    /// The records that a domain needs.
    pub fn records(&self, domain: &SendingDomain) -> ExpectedRecords {
        ExpectedRecords::of(domain, self.policy.relay.as_deref())
    }

    /// Whether mail is sent from verified domains only.
    pub fn are_required(&self) -> bool {
        self.policy.required
    }

    /// Takes a domain out of a project. Mail that was accepted before is still signed and sent; keys that were held to the
    /// domain send nothing from it any more, even where mail needs no verified domain.
    pub async fn delete(&self, caller: &Caller, project: ProjectId, id: DomainId) -> Result<()> {
        let mut transaction = self.db.begin().await.map_err(unavailable)?;
        let domain =
            store::domains::lock(&mut *transaction, project, id).await.map_err(unavailable)?;
        let domain = domain.ok_or(Error::NotFound("domain"))?;
        store::domains::delete(&mut *transaction, project, id, KEYS_OUTLIVE_THEIR_DOMAIN)
            .await
            .map_err(unavailable)?;
        let entry = entry(Doer::of(caller), "domain.deleted", &domain);
        store::audit_log::insert(&mut *transaction, &entry).await.map_err(unavailable)?;
        let (account, name) = (domain.account, domain.name.as_str());
        let narrowed = store::api_keys::take_domain_away(&mut *transaction, account, project, name);
        for key in narrowed.await.map_err(unavailable)? {
            let entry = narrowed_entry(Doer::of(caller), &domain, &key);
            store::audit_log::insert(&mut *transaction, &entry).await.map_err(unavailable)?;
            store::api_keys::notify_changed(&mut *transaction, key.id)
                .await
                .map_err(unavailable)?;
        }
        commit(transaction).await?;
        self.permitted.forget(project).await;
        tracing::info!(domain.id = %id, "Removed domain {id}");
        Ok(())
    }

    /// Holds a mail to the domains of its project: the domain that signs it, if one does.
    ///
    /// What is known is a minute old at most, so that a domain that was lost or removed sends nothing a minute later on any
    /// node; on the node that removed it, at once.
    pub async fn permit(&self, project: ProjectId, from: &str) -> Result<Option<DomainId>> {
        let found = self.permitted.find(project, from).await?;
        if found.is_some() || !self.policy.required {
            return Ok(found);
        }
        Err(Error::Forbidden {
            code: "DOMAIN_NOT_VERIFIED",
            message: format!(
                "{from} is not a verified domain of this project. Add it with `POST /v1/domains`, set the DNS records that \
                 the answer names, and ask for `POST /v1/domains/{{id}}/verify`."
            ),
        })
    }

    /// Refuses before a key is made for nothing.
    async fn has_room(&self, project: ProjectId, name: &DomainName) -> Result<()> {
        let domains = store::domains::list(&self.db, project).await.map_err(unavailable)?;
        if domains.iter().any(|domain| domain.name == name.as_str()) {
            return Err(added_before());
        }
        if i64::try_from(domains.len()).is_ok_and(|number| number < MOST_DOMAINS) {
            return Ok(());
        }
        Err(Error::Impossible {
            code: "TOO_MANY_DOMAINS",
            message: format!("A project has at most {MOST_DOMAINS} domains. Remove one first."),
        })
    }

    async fn make_keys(&self) -> Result<NewKeys> {
        let turn = Arc::clone(&self.making).acquire_owned().await;
        tokio::task::spawn_blocking(move || {
            let _turn = turn;
            NewKeys::generate()
        })
        .await
        .map_err(|error| Error::Internal(error.into()))?
        .map_err(|error| Error::Internal(error.into()))
    }
}

fn added_before() -> Error {
    Error::Conflict {
        code: "DOMAIN_ALREADY_EXISTS",
        message: "This domain has already been added to this project.".into(),
    }
}

fn entry(doer: Doer, action: &'static str, domain: &SendingDomain) -> NewAuditEntry {
    NewAuditEntry {
        account: domain.account,
        project: Some(domain.project),
        doer,
        action,
        subject: domain.id.as_uuid(),
        subject_label: domain.name.clone(),
        details: json!({}),
    }
}

/// Tells that a key lost a domain, as if somebody had taken it out of the key's list.
fn narrowed_entry(doer: Doer, domain: &SendingDomain, key: &NarrowedKey) -> NewAuditEntry {
    let left = &key.domains;
    let before: Vec<_> = left.iter().chain([&domain.name]).collect();
    NewAuditEntry {
        action: "api_key.updated",
        subject: key.id.as_uuid(),
        subject_label: format!("{} ({})", key.name, key.display_key),
        details: json!({ "domains": { "from": before, "to": left } }),
        ..entry(doer, "domain.deleted", domain)
    }
}

fn random_hex<const BYTES: usize>() -> Result<String> {
    let mut bytes = [0; BYTES];
    SysRng.try_fill_bytes(&mut bytes).map_err(|error| Error::Internal(anyhow::anyhow!(error)))?;
    Ok(bytes.iter().fold(String::with_capacity(2 * BYTES), |mut text, byte| {
        for digit in [byte >> 4, byte & 15] {
            text.extend(char::from_digit(digit.into(), 16));
        }
        text
    }))
}
