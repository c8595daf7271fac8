//! The headers of a request.

use chrono::{DateTime, Utc};

use super::sign;
use crate::domain::id::WebhookDeliveryId;
use crate::domain::webhook::event_type::resend_name;
use crate::domain::webhook::secret::WebhookSecret;
use crate::domain::webhook::telling::Telling;

/// What we call ourselves.
pub const USER_AGENT: &str = concat!("Posthaste-Webhooks/", env!("CARGO_PKG_VERSION"));

/// Every header of a request with this body, sent now: the upstream's, and beside them those of Standard Webhooks, for
/// receivers of Resend's webhooks also by the names that they had before they were a standard.
pub fn headers(
    telling: &Telling,
    delivery: WebhookDeliveryId,
    secret: &WebhookSecret,
    body: &[u8],
    now: DateTime<Utc>,
) -> Vec<(&'static str, String)> {
    let of_resend = resend_name(&telling.kind);
    let mut headers = vec![
        ("content-type", "application/json".to_owned()),
        ("user-agent", USER_AGENT.to_owned()),
        ("x-webhook-signature", sign::upstream(secret, body)),
        ("x-webhook-event", of_resend.unwrap_or(&telling.kind).to_owned()),
        ("x-webhook-delivery-id", delivery.to_string()),
        ("x-webhook-timestamp", now.timestamp_millis().to_string()),
        ("webhook-id", telling.id.clone()),
        ("webhook-timestamp", now.timestamp().to_string()),
    ];
    if let Some(signature) = sign::standard(secret, &telling.id, now.timestamp(), body) {
        if of_resend.is_some() {
            headers.push(("svix-id", telling.id.clone()));
            headers.push(("svix-timestamp", now.timestamp().to_string()));
            headers.push(("svix-signature", signature.clone()));
        }
        headers.push(("webhook-signature", signature));
    }
    headers
}
