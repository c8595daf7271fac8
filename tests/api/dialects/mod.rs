//! The APIs of other services, spoken as their own clients speak them.

mod batches;
mod empty;
mod mailsage;
mod matrix;
mod postmark;
mod repeated;
mod reply_to;
mod resend;
mod resend_kept;
mod resend_resources;
mod resend_told;
mod round_trips;
mod sendgrid;
mod sendmailos;
mod spelling;
mod tosend;
mod tosend_administration;
mod walk;

use reqwest::{Method, RequestBuilder};
use serde_json::Value;

use crate::app::{Reply, TestApp};

/// A request with a key where most carry it.
fn asked(app: &TestApp, path: &str, key: &str, body: &Value) -> RequestBuilder {
    app.request(Method::POST, path).bearer_auth(key).json(body)
}

async fn post(app: &TestApp, path: &str, key: &str, body: &Value) -> Reply {
    app.ask(asked(app, path, key, body)).await
}

async fn get(app: &TestApp, path: &str, key: &str) -> Reply {
    app.ask(app.request(Method::GET, path).bearer_auth(key)).await
}
