//! Looking keys up, one by one and page by page.

use chrono::Utc;

use super::Keys;
use super::authority::KeyScope;
use crate::domain::api_key::{KeyMode, KeyType};
use crate::domain::caller::{ApiKey, KeyStatus};
use crate::domain::id::{AccountId, ApiKeyId, ProjectId};
use crate::domain::key_record::{ATTENTION_AFTER, Attention, KeyRecord};
use crate::error::{Error, Result};
use crate::service::unavailable;
use crate::store::api_keys::listing::{self, Filter};

/// Up to so many keys that begin like a search are looked at one by one. Where there are more, the newest keys of all
/// are gone through, among which some are soon found.
const A_FEW: usize = 1000;

/// Keys that an account may have, as far as the command line lists them.
const ALL: i64 = 100_000;

/// Which keys a list shows by whether they work.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum StatusChoice {
    /// All but revoked ones.
    #[default]
    NotRevoked,
    /// All.
    All,
    /// Those with this status.
    Only(KeyStatus),
}

/// What a list of keys is narrowed to.
#[derive(Clone, Debug, Default)]
pub struct KeyQuery {
    /// Only keys before this one, in the order newest first.
    pub before: Option<ApiKeyId>,
    /// By whether they work.
    pub status: StatusChoice,
    /// Only keys of this type.
    pub key_type: Option<KeyType>,
    /// Only keys of this mode.
    pub mode: Option<KeyMode>,
    /// Only keys of this project.
    pub project: Option<ProjectId>,
    /// Only keys whose name (in any case), display key or public id begins with this, or whose id this is.
    pub search: Option<String>,
    /// Only keys that an owner should look at for this reason.
    pub attention: Option<Attention>,
}

impl Keys {
    /// All keys of an account, oldest first, revoked ones included.
    pub async fn list(&self, account: AccountId) -> Result<Vec<ApiKey>> {
        let scope = KeyScope { account, project: None };
        let filter = Filter::of(&KeyQuery { status: StatusChoice::All, ..KeyQuery::default() });
        let records = self.read(scope, &filter, ALL).await?;
        Ok(records.into_iter().rev().map(|record| record.key).collect())
    }

    /// Whether an account has ever had a key.
    pub async fn has_any(&self, account: AccountId) -> Result<bool> {
        let filter = Filter::of(&KeyQuery { status: StatusChoice::All, ..KeyQuery::default() });
        let found =
            listing::of_account(&self.db, account, &filter, 1).await.map_err(unavailable)?;
        Ok(!found.is_empty())
    }

    /// Keys, newest first.
    pub async fn page(
        &self,
        scope: KeyScope,
        query: &KeyQuery,
        limit: u16,
    ) -> Result<Vec<KeyRecord>> {
        let project = match (scope.project, query.project) {
            (Some(own), Some(asked)) if own != asked => return Ok(Vec::new()),
            (own, asked) => own.or(asked),
        };
        if query.attention.is_some()
            && !matches!(
                query.status,
                StatusChoice::NotRevoked
                    | StatusChoice::All
                    | StatusChoice::Only(KeyStatus::Active)
            )
        {
            return Ok(Vec::new());
        }
        self.read(KeyScope { project, ..scope }, &Filter::of(query), limit.into()).await
    }

    /// One key.
    pub async fn find(&self, scope: KeyScope, id: ApiKeyId) -> Result<KeyRecord> {
        let found =
            listing::records(&self.db, scope.account, &[id]).await.map_err(unavailable)?.pop();
        found.filter(|record| scope.holds(&record.key)).ok_or(Error::NotFound("API key"))
    }

    async fn read(&self, scope: KeyScope, filter: &Filter, limit: i64) -> Result<Vec<KeyRecord>> {
        let ids = self.matching(scope, filter, limit).await?;
        listing::records(&self.db, scope.account, &ids).await.map_err(unavailable)
    }

    async fn matching(
        &self,
        KeyScope { account, project }: KeyScope,
        filter: &Filter,
        limit: i64,
    ) -> Result<Vec<ApiKeyId>> {
        if let Some(prefix) = &filter.prefix {
            let few = i64::try_from(A_FEW).unwrap_or(i64::MAX);
            let candidates = match prefix.parse() {
                Ok(id) => vec![id],
                Err(_) => listing::beginning_with(&self.db, account, prefix, few + 1)
                    .await
                    .map_err(unavailable)?,
            };
            if candidates.len() <= A_FEW {
                return listing::among(&self.db, account, project, &candidates, filter, limit)
                    .await
                    .map_err(unavailable);
            }
        }
        match project {
            Some(project) => listing::of_project(&self.db, account, project, filter, limit).await,
            None => listing::of_account(&self.db, account, filter, limit).await,
        }
        .map_err(unavailable)
    }
}

impl Filter {
    fn of(query: &KeyQuery) -> Self {
        // What does not work asks for no attention.
        let choice = match query.attention {
            Some(_) => StatusChoice::Only(KeyStatus::Active),
            None => query.status,
        };
        let (states, expired) = match choice {
            StatusChoice::NotRevoked => (vec!["active", "inactive"], None),
            StatusChoice::All => (vec!["active", "inactive", "revoked"], None),
            StatusChoice::Only(KeyStatus::Active) => (vec!["active"], Some(false)),
            StatusChoice::Only(KeyStatus::Inactive) => (vec!["inactive"], Some(false)),
            StatusChoice::Only(KeyStatus::Expired) => (vec!["active", "inactive"], Some(true)),
            StatusChoice::Only(KeyStatus::Revoked) => (vec!["revoked"], None),
        };
        let bound = Utc::now() - ATTENTION_AFTER;
        // Ids begin with the time at which they were made.
        let old_enough = query.attention.map(|_| ApiKeyId::first_at(bound));
        Self {
            before: query.before.into_iter().chain(old_enough).min(),
            states,
            expires: if expired == Some(true) { vec![true] } else { vec![true, false] },
            expired,
            types: query.key_type.map_or(KeyType::ALL.to_vec(), |one| vec![one]),
            modes: query.mode.map_or(KeyMode::ALL.to_vec(), |one| vec![one]),
            unused_since: (query.attention == Some(Attention::Unused)).then_some(bound),
            prefix: query.search.clone(),
        }
    }
}
