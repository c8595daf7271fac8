//! People: joining, signing in, and what they may do to each other.

mod attacks;
mod invitations;
mod joining;
mod links;
mod second_factor;
mod sessions;
mod signing_in;
mod team;

use serde_json::Value;

use crate::app::TestApp;

/// The actions in the audit log, oldest first.
async fn actions(app: &TestApp) -> Vec<String> {
    let query = "SELECT action FROM audit_log ORDER BY id";
    sqlx::query_scalar(query).fetch_all(&app.database.pool).await.unwrap()
}

/// The id of whoever an answer is about.
fn user_id(body: &Value) -> String {
    body["data"]["user"]["id"].as_str().unwrap().to_owned()
}
