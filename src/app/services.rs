//! The services of a node: each is made once, and shared by requests, workers and loops.

use std::sync::Arc;

use anyhow::{Context, Result};
use sqlx::PgPool;

use super::App;
use super::configured::{domain_policy, way};
use super::stages::Stages;
use crate::config::Config;
use crate::dns::Dns;
use crate::domain::links::Links;
use crate::http::layers::authenticate::Gate;
use crate::http::people::Installation;
use crate::http::{Api, Parts};
use crate::outbound::{Client, Guard};
use crate::service::bounces::Bounces;
use crate::service::committer::Committer;
use crate::service::domains::Domains;
use crate::service::engagements::Engagements;
use crate::service::erasing::Erasing;
use crate::service::handoff::HandOff;
use crate::service::keys::Keys;
use crate::service::mails::{Files, Mails};
use crate::service::overview::Overviews;
use crate::service::people::{OwnMails, People};
use crate::service::ses::Ses;
use crate::service::sessions::Sessions;
use crate::service::usage::Usage;
use crate::service::webhooks::{Owners, Webhooks};

/// The services of a node, and what several of them are made of.
#[derive(Clone)]
pub(super) struct Services {
    pub db: PgPool,
    pub keys: Arc<Keys>,
    pub gate: Arc<Gate>,
    pub people: Arc<People>,
    pub sessions: Sessions,
    pub usage: Arc<Usage>,
    pub mails: Mails,
    pub domains: Domains,
    pub links: Links,
    pub engagements: Engagements,
    pub bounces: Bounces,
    pub webhooks: Webhooks,
    /// Tells owners of webhooks that were switched off.
    pub owners: Owners,
    pub erasing: Erasing,
    /// Requests to servers that strangers name.
    pub client: Client,
}

impl Services {
    /// Makes them. Accepted mails are stored on the tasks of `stages`, and handed over through `handoff` on nodes that
    /// deliver.
    pub fn start(app: &App, handoff: Option<HandOff>, stages: &Stages) -> Result<Self> {
        let App { config, database, keys, seal, return_paths, link_key, clock, .. } = app;
        let db = database.pool.clone();
        let public_url = app.public_url();

        let guard = Guard::new(config.outbound_allow.clone());
        let dns = Dns::new(config.dns_server)?;
        let named = config.dns_server.is_some().then(|| dns.clone());
        let client =
            Client::new(guard.clone(), named).context("cannot prepare requests to others")?;
        let domains = Domains::new(db.clone(), dns, seal.clone(), domain_policy(config)?);
        let links = Links::new(&public_url, link_key.clone());
        let mails = Mails::new(
            db.clone(),
            Committer::start(db.clone(), handoff.clone(), &stages.committers, &stages.accepting),
            handoff,
            domains.clone(),
            Files::new(client.clone()),
            links.clone(),
        );
        let own_mails = OwnMails::new(config.system_from_at(&public_url), public_url);
        let people = Arc::new(People::new(
            db.clone(),
            keys.hashing().clone(),
            seal.clone(),
            clock.clone(),
            own_mails.clone(),
            stages.committers.clone(),
        ));
        let sessions = Sessions::new(db.clone());
        Ok(Self {
            gate: Arc::new(Gate::new(Arc::clone(keys), sessions.clone(), clock.clone())),
            keys: Arc::clone(keys),
            people,
            sessions,
            usage: Arc::new(Usage::new(db.clone(), own_mails.clone())),
            mails,
            domains,
            engagements: Engagements::new(db.clone(), links.clone()),
            links,
            bounces: Bounces::new(db.clone(), return_paths.clone()),
            webhooks: Webhooks::new(db.clone(), seal.clone(), guard),
            owners: Owners::new(db.clone(), own_mails),
            erasing: Erasing::new(db.clone(), seal.clone()),
            client,
            db,
        })
    }

    /// What handlers ask for.
    pub fn api(&self, config: &Config, public_url: String) -> Api {
        let Self {
            db,
            keys,
            gate,
            people,
            sessions,
            usage,
            mails,
            domains,
            links,
            engagements,
            bounces,
            webhooks,
            owners: _,
            erasing,
            client,
        } = self.clone();
        let capture_mailbox = config.smtp_url.is_none();
        Api::new(Parts {
            overviews: Overviews::new(db.clone(), mails.clone()),
            installation: Arc::new(Installation { capture_mailbox, public_url }),
            ses: Ses::new(bounces.clone(), client, config.ses_topic_arns.clone()),
            way: Arc::new(way(config)),
            db,
            keys,
            gate,
            people,
            sessions,
            usage,
            mails,
            domains,
            links,
            engagements,
            bounces,
            webhooks,
            erasing,
        })
    }

    /// Writes down what was counted in memory: the use of keys, and what recipients did with their mail.
    pub async fn write_counts(&self) {
        if let Err(error) = self.keys.flush_usage().await.and(self.usage.flush().await) {
            tracing::warn!(cause = %error.for_log(), "Could not write down the last use of keys");
        }
        if let Err(error) = self.engagements.flush().await {
            tracing::warn!(cause = %error.for_log(), "Could not write down what recipients did");
        }
    }
}
