//! What the API does, asked through its front door: sockets, Postgres and the relay are real.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on should stop")]

mod abandoned;
mod account_projects;
#[path = "../support/app.rs"]
mod app;
mod audit_log;
mod authentication;
mod bounces;
mod bulk;
mod contacts;
#[path = "../support/database.rs"]
mod database;
#[path = "../support/database_link.rs"]
mod database_link;
mod deciders;
mod decisions;
mod deleted_projects;
mod delivering;
mod details;
mod dialects;
#[path = "../support/dns_server.rs"]
mod dns_server;
mod document;
mod domains;
mod erasing;
mod errors;
mod examples;
mod files;
mod hostile;
mod idempotency;
mod key_lists;
mod key_powers;
mod key_restrictions;
mod keys;
mod late;
mod leaked_keys;
mod limits;
mod overview;
mod people;
mod preferences;
mod reading;
mod reference;
mod retention;
mod scheduling;
mod searching;
mod sending;
#[path = "../support/smtp_server.rs"]
mod smtp_server;
mod suppressions;
mod templates;
mod tracking;
mod usage;
#[path = "../support/webhook_endpoint.rs"]
mod webhook_endpoint;
mod webhooks;

use serde_json::{Value, json};

/// A mail with nothing special about it.
fn letter() -> Value {
    json!({
        "from": {"email": "shop@example.com"},
        "to": {"email": "ada@example.org"},
        "subject": "Your receipt",
        "text": "Thank you!",
    })
}

/// The same mail, but for the members given.
fn letter_with(members: Value) -> Value {
    let mut letter = letter();
    let Value::Object(members) = members else { panic!("members are an object") };
    letter.as_object_mut().unwrap().extend(members);
    letter
}

/// The entries of a restriction, each of which can be read.
fn entries<T: std::str::FromStr<Err: std::fmt::Debug>>(texts: &[&str]) -> Vec<T> {
    texts.iter().map(|text| text.parse().unwrap()).collect()
}
