//! `posthaste serve`: runs a node, and on first start shows how to use it.

use std::fs;

use anyhow::Result;
use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;

use super::say;
use crate::app::{App, first_key_file};
use crate::config::Config;
use crate::domain::api_key::{ApiKeyToken, KeyMode, Spelling};
use crate::domain::audit::Doer;
use crate::domain::permission;
use crate::domain::restrictions::Restrictions;
use crate::secret_key::write_private;
use crate::service::keys::NewKey;
use crate::service::{people, projects};
use crate::telemetry;

/// Runs until told to stop.
pub async fn serve(config: Config) -> Result<()> {
    let metrics = telemetry::install_metrics()?;
    let stop = stop_on_signals()?;
    let app = App::prepare(config.clone()).await?;
    greet(&app, &config).await?;
    if config.smtp_url.is_some() && !config.require_verified_domains {
        tracing::warn!(
            "REQUIRE_VERIFIED_DOMAINS is off: whoever has a key may send from any domain; turn it on where keys leave your \
             hands"
        );
    }
    tracing::info!(address = %app.address(), "Listening on {}", app.public_url());
    app.run(metrics, stop).await
}

fn stop_on_signals() -> Result<CancellationToken> {
    let stop = CancellationToken::new();
    let (mut terminate, mut interrupt) =
        (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
    tokio::spawn({
        let stop = stop.clone();
        async move {
            tokio::select! {
                _ = terminate.recv() => {}
                _ = interrupt.recv() => {}
            }
            stop.cancel();
        }
    });
    Ok(stop)
}

/// Shows a request that works when it is pasted, and how the first owner joins. On a database of our own the first key
/// and the link are made here; on somebody else's, where what we print is likely to be kept as a log, whoever runs it makes
/// them with a command.
async fn greet(app: &App, config: &Config) -> Result<()> {
    let url = app.public_url();
    let destination = match &config.smtp_url {
        Some(_) => "Mail goes to the relay of SMTP_URL.",
        None => {
            "Mail goes to the capture mailbox and leaves this machine nowhere; set SMTP_URL to send it."
        }
    };
    if config.database_url.is_some() {
        return Ok(say(&format!(
            "\nPosthaste listens on {url}\n{destination}\nMake an API key with: posthaste keys create --name \"My \
             app\"\nThe first owner joins with: posthaste users set-up-link\n"
        ))?);
    }
    let key = first_key(app, config).await?;
    let (account, _) = app.account();
    let join = match people::make_set_up_link(app.db(), account, "first start").await? {
        Some(token) => format!(
            "Open the dashboard as its first owner, with a link that is good once, for a day:\n\n{}\n",
            people::link(&url, &token)
        ),
        None => format!("The dashboard is at {url}/dashboard\n"),
    };
    let Some(key) = key else {
        return Ok(say(&format!(
            "\nPosthaste listens on {url}\n{destination}\n\n{join}\nMake an API key with: posthaste keys create --name \
             \"My app\"\n"
        ))?);
    };
    let key_file = first_key_file(&config.data_dir);
    say(&format!(
        r#"
Posthaste listens on {url}
{destination}

{join}
Send a first mail:

curl -X POST {url}/v1/mails/send \
  -H "Authorization: Bearer {key}" \
  -H "Content-Type: application/json" \
  -d '{{"from": {{"email": "hello@example.com"}}, "to": {{"email": "you@example.org"}}, "subject": "It works", "html": "<p>Hello from Posthaste!</p>"}}'

See what became of your mails:

curl {url}/v1/mails -H "Authorization: Bearer {key}"

The key is also in {} until you remove that file. More keys: posthaste keys create --name "My app"
"#,
        key_file.display(),
        key = key.reveal(),
    ))?;
    Ok(())
}

/// The key that was made on first start, as long as it is good and its file is there.
async fn first_key(app: &App, config: &Config) -> Result<Option<ApiKeyToken>> {
    let file = first_key_file(&config.data_dir);
    if let Some(token) =
        fs::read_to_string(&file).ok().and_then(|text| text.trim().parse::<ApiKeyToken>().ok())
    {
        return Ok(app.keys().verify(&token).await?.is_ok().then_some(token));
    }
    let (account, _) = app.account();
    if app.keys().has_any(account).await? {
        return Ok(None);
    }
    let project = projects::list(app.db(), account).await?.first().map(|project| project.id);
    let new = NewKey {
        name: "First key".into(),
        project,
        mode: KeyMode::Live,
        spelling: Spelling::Native,
        permissions: permission::preset("full_access")?,
        restrictions: Restrictions::default(),
        per_second: None,
        per_minute: None,
        expires_at: None,
        created_by: Doer::server(),
    };
    let (_, token) = app.keys().create(account, new).await?;
    write_private(&file, token.reveal())?;
    Ok(Some(token))
}
