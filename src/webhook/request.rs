//! The headers of a request.

use chrono::{DateTime, Utc};

use super::sign;
use crate::domain::id::WebhookDeliveryId;
use crate::domain::webhook::secret::WebhookSecret;
use crate::domain::webhook::telling::Telling;

/// What we call ourselves.
pub const USER_AGENT: &str = concat!("Posthaste-Webhooks/", env!("CARGO_PKG_VERSION"));

/// Every header of a request with this body, sent now: the upstream's, and beside them those of Standard Webhooks.
pub fn headers(
    telling: &Telling,
    delivery: WebhookDeliveryId,
    secret: &WebhookSecret,
    body: &[u8],
    now: DateTime<Utc>,
) -> Vec<(&'static str, String)> {
    let mut headers = vec![
        ("content-type", "application/json".to_owned()),
        ("user-agent", USER_AGENT.to_owned()),
        ("x-webhook-signature", sign::upstream(secret, body)),
        ("x-webhook-event", telling.kind.clone()),
        ("x-webhook-delivery-id", delivery.to_string()),
        ("x-webhook-timestamp", now.timestamp_millis().to_string()),
        ("webhook-id", telling.id.clone()),
        ("webhook-timestamp", now.timestamp().to_string()),
    ];
    if let Some(signature) = sign::standard(secret, &telling.id, now.timestamp(), body) {
        headers.push(("webhook-signature", signature));
    }
    headers
}
