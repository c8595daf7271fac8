//! `posthaste users`: listing people, and making the links that let them in.

use anyhow::{Result, anyhow, bail};
use chrono::SecondsFormat;
use serde_json::json;
use sqlx::PgPool;

use super::arguments::UsersCommand;
use super::keys::in_words;
use super::say;
use crate::app::Database;
use crate::config::Config;
use crate::domain::address::EmailAddress;
use crate::domain::id::AccountId;
use crate::error::Error;
use crate::service::people;
use crate::service::projects;

/// Does what is asked with people.
pub async fn run(config: &Config, command: UsersCommand) -> Result<()> {
    let database = Database::open_beside(config).await?;
    let (account, _) = projects::set_up(&database.pool).await?;
    let public_url = config.public_url_at(config.listen_addr);
    let done = match command {
        UsersCommand::SetUpLink => set_up_link(&database.pool, account, &public_url).await,
        UsersCommand::ResetLink { email } => {
            reset_link(&database.pool, account, &email, &public_url).await
        }
        UsersCommand::DisableTotp { email } => disable_totp(&database.pool, account, &email).await,
        UsersCommand::List { json } => list(&database.pool, account, json).await,
    };
    database.close().await;
    done
}

async fn set_up_link(db: &PgPool, account: AccountId, public_url: &str) -> Result<()> {
    let made = people::make_set_up_link(db, account, "command line").await.map_err(in_words)?;
    let Some(token) = made else {
        bail!(
            "somebody has joined already; `posthaste users list` shows who, and they invite others"
        )
    };
    say(&people::link(public_url, &token))?;
    Ok(())
}

async fn reset_link(db: &PgPool, account: AccountId, email: &str, public_url: &str) -> Result<()> {
    let token = people::make_reset_link(db, account, &address(email)?).await.map_err(with_help)?;
    say(&people::link(public_url, &token))?;
    Ok(())
}

async fn disable_totp(db: &PgPool, account: AccountId, email: &str) -> Result<()> {
    if !people::take_totp_away(db, account, &address(email)?).await.map_err(with_help)? {
        bail!("there is no second factor to take away");
    }
    say("The password alone is enough from now on.")?;
    Ok(())
}

/// An error, and what helps whoever names somebody who is not there.
fn with_help(error: Error) -> anyhow::Error {
    let who = "`posthaste users list` shows who signs in with which address";
    match error {
        Error::NotFound(_) => anyhow!("{error} {who}"),
        error => in_words(error),
    }
}

fn address(text: &str) -> Result<EmailAddress> {
    text.parse().map_err(|problem| anyhow::anyhow!("{text:?} {problem}"))
}

async fn list(db: &PgPool, account: AccountId, as_json: bool) -> Result<()> {
    let users = people::everybody(db, account).await.map_err(in_words)?;
    if as_json {
        let at =
            |time: chrono::DateTime<chrono::Utc>| time.to_rfc3339_opts(SecondsFormat::Millis, true);
        let rows: Vec<_> = users
            .iter()
            .map(|user| {
                json!({
                    "id": user.id,
                    "email": user.email.as_str(),
                    "name": user.name,
                    "role": user.role,
                    "totpEnabled": user.totp_enabled,
                    "createdAt": at(user.created_at),
                    "signedInAt": user.signed_in_at.map(at),
                })
            })
            .collect();
        say(&serde_json::to_string_pretty(&rows)?)?;
        return Ok(());
    }
    for user in users {
        say(&format!(
            "{}  {:6}  {}  {}",
            user.id,
            user.role.as_str(),
            user.email.as_str(),
            user.name
        ))?;
    }
    Ok(())
}
