//! Keys for tests.

use posthaste::domain::api_key::{ApiKeyToken, KeyMode, Spelling};
use posthaste::domain::audit::Doer;
use posthaste::domain::id::{ApiKeyId, ProjectId};
use posthaste::domain::permission::Permission;
use posthaste::domain::restrictions::Restrictions;
use posthaste::error::Result;
use posthaste::service::keys::NewKey;

use super::{Reply, TestApp};

/// A key with its secret.
pub struct TestKey {
    pub id: ApiKeyId,
    token: ApiKeyToken,
}

impl TestKey {
    /// The key that an answer of the API has just shown.
    pub fn made(reply: &Reply) -> Self {
        assert_eq!(reply.status, 201, "{}", reply.body);
        let data = &reply.body["data"];
        Self {
            id: data["id"].as_str().unwrap().parse().unwrap(),
            token: data["key"].as_str().unwrap().parse().unwrap(),
        }
    }

    /// What goes behind `Bearer `.
    pub fn text(&self) -> &str {
        self.token.reveal()
    }

    pub fn public_id(&self) -> &str {
        self.token.public_id()
    }

    /// The same key with another last character, whatever its own is, so that the checksum does not fit.
    pub fn mistyped(&self) -> String {
        let (rest, last) = self.text().split_at(self.text().len() - 1);
        let other = if last == "x" { 'y' } else { 'x' };
        format!("{rest}{other}")
    }
}

impl TestApp {
    /// A key of the first project.
    pub async fn key(&self, permissions: &[Permission]) -> TestKey {
        self.key_with(|key| key.permissions = permissions.to_vec()).await
    }

    /// A key of the first project that may do everything.
    pub async fn full_key(&self) -> TestKey {
        self.key(Permission::ALL).await
    }

    /// A key of the account that may do everything.
    pub async fn account_key(&self) -> TestKey {
        self.key_with(|key| key.project = None).await
    }

    /// A key of another project that may do everything.
    pub async fn key_of(&self, project: ProjectId) -> TestKey {
        self.key_with(|key| key.project = Some(project)).await
    }

    /// A key in test mode that may do everything.
    pub async fn test_key(&self) -> TestKey {
        self.key_with(|key| key.mode = KeyMode::Test).await
    }

    /// A key of another project that may do everything, if one can be made.
    pub async fn try_key_of(&self, project: ProjectId) -> Result<TestKey> {
        self.try_key_with(|key| key.project = Some(project)).await
    }

    /// A key that differs in something from one of the first project that may do everything.
    pub async fn key_with(&self, change: impl FnOnce(&mut NewKey)) -> TestKey {
        self.try_key_with(change).await.unwrap()
    }

    async fn try_key_with(&self, change: impl FnOnce(&mut NewKey)) -> Result<TestKey> {
        let mut new = NewKey {
            name: "Test".into(),
            project: Some(self.project),
            mode: KeyMode::Live,
            spelling: Spelling::Native,
            permissions: Permission::ALL.to_vec(),
            restrictions: Restrictions::default(),
            per_second: None,
            per_minute: None,
            expires_at: None,
            created_by: Doer::server(),
        };
        change(&mut new);
        let (key, token) = self.keys.create(self.account, new).await?;
        Ok(TestKey { id: key.id, token })
    }

    /// Revokes a key as another process would.
    pub async fn revoke(&self, key: &TestKey) {
        self.keys.revoke(self.account, key.id, Doer::server()).await.unwrap();
    }
}
