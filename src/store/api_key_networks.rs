//! The table `api_key_networks`: from where keys are used.

use sqlx::PgExecutor;

use crate::domain::id::ApiKeyId;

/// A network from which a key was used.
#[derive(Clone, Debug)]
pub struct NetworkOfKey {
    /// The key.
    pub key: ApiKeyId,
    /// The network.
    pub network: String,
}

/// Notes from where keys were used, and answers what is new about keys that have been in use for a day. A key that was
/// used from a thousand networks is used from everywhere: no more of them are noted.
pub async fn note(
    db: impl PgExecutor<'_>,
    seen: &[(ApiKeyId, String)],
) -> sqlx::Result<Vec<NetworkOfKey>> {
    let keys: Vec<ApiKeyId> = seen.iter().map(|(key, _)| *key).collect();
    let networks: Vec<&str> = seen.iter().map(|(_, network)| network.as_str()).collect();
    sqlx::query_as!(
        NetworkOfKey,
        r#"
        WITH seen AS (
            SELECT * FROM UNNEST($1::uuid[], $2::text[]) AS seen (key_id, network)
        ),
        noted AS (
            INSERT INTO api_key_networks (key_id, network, first_seen_at)
            SELECT key_id, network, now()
            FROM seen
            WHERE NOT EXISTS (SELECT FROM api_key_networks AS known
                              WHERE known.key_id = seen.key_id AND known.network = seen.network
                              OFFSET 0)
              AND (SELECT count(*) FROM api_key_networks AS known WHERE known.key_id = seen.key_id) < 1000
            ORDER BY key_id, network
            ON CONFLICT DO NOTHING
            RETURNING key_id, network
        )
        SELECT key_id AS "key: ApiKeyId", network
        FROM noted
        WHERE EXISTS (SELECT FROM api_key_networks AS known
                      WHERE known.key_id = noted.key_id AND known.first_seen_at < now() - interval '1 day'
                      OFFSET 0)
        "#,
        keys as _,
        networks as _,
    )
    .fetch_all(db)
    .await
}
