//! Keys as the audit log describes them: in words that anybody may read who may read the log, and never a secret.

use chrono::SecondsFormat;
use serde_json::{Map, Value, json};

use crate::domain::caller::ApiKey;

/// The key in a few words.
pub(super) fn label(key: &ApiKey) -> String {
    format!("{} ({})", key.name, key.display_key)
}

/// A key that was made.
pub(super) fn made(key: &ApiKey) -> Value {
    let mut described = settings(key);
    described.insert("type".into(), json!(key.key_type));
    described.insert("mode".into(), json!(key.mode));
    if let Some(replaces) = key.replaces {
        described.insert("replaces".into(), json!(replaces));
    }
    Value::Object(described)
}

/// What is different about a key, but for whether it is switched on: each setting with its old and its new value.
pub(super) fn difference(before: &ApiKey, after: &ApiKey) -> Map<String, Value> {
    let (old, new) = (settings(before), settings(after));
    new.into_iter()
        .filter_map(|(name, new)| {
            let old = old.get(&name).cloned().unwrap_or_default();
            (old != new).then(|| (name, json!({"from": old, "to": new})))
        })
        .collect()
}

fn settings(key: &ApiKey) -> Map<String, Value> {
    fn written<T: ToString>(entries: Option<&[T]>) -> Value {
        entries.map_or(Value::Null, |entries| {
            entries.iter().map(|entry| Value::from(entry.to_string())).collect()
        })
    }
    let restrictions = &key.restrictions;
    let expires_at = key.expires_at.map(|at| at.to_rfc3339_opts(SecondsFormat::Millis, true));
    [
        ("name", json!(key.name)),
        ("permissions", json!(key.permissions)),
        ("domains", written(restrictions.domains.as_deref())),
        ("recipients", written(restrictions.recipients.as_deref())),
        ("ipAllowlist", written(restrictions.ip_allowlist.as_deref())),
        ("ipAllowlistDryRun", json!(restrictions.ip_allowlist_dry_run)),
        ("expiresAt", json!(expires_at)),
        ("rateLimit", json!({"perSecond": key.per_second, "perMinute": key.per_minute})),
    ]
    .into_iter()
    .map(|(name, value)| (name.to_owned(), value))
    .collect()
}
