//! `posthaste projects`: making and listing projects.

use anyhow::{Context, Result};
use chrono::SecondsFormat;
use serde_json::json;
use sqlx::PgPool;

use super::arguments::ProjectsCommand;
use super::keys::in_words;
use super::say;
use crate::app::Database;
use crate::config::Config;
use crate::domain::audit::Doer;
use crate::domain::id::{AccountId, ProjectId};
use crate::service::projects;

/// Does what is asked with projects.
pub async fn run(config: &Config, command: ProjectsCommand) -> Result<()> {
    let database = Database::open_beside(config).await?;
    let (account, _) = projects::set_up(&database.pool).await?;
    let done = match command {
        ProjectsCommand::Create { name } => create(&database.pool, account, &name).await,
        ProjectsCommand::List { json } => list(&database.pool, account, json).await,
    };
    database.close().await;
    done
}

async fn create(db: &PgPool, account: AccountId, name: &str) -> Result<()> {
    let name = name.parse().map_err(|problem| anyhow::anyhow!("the name {problem}"))?;
    let doer = Doer::command_line();
    let project = projects::create(db, account, &name, None, doer).await.map_err(in_words)?;
    say(&project.id.to_string())?;
    Ok(())
}

async fn list(db: &PgPool, account: AccountId, as_json: bool) -> Result<()> {
    let projects = projects::list(db, account).await?;
    if as_json {
        let rows: Vec<_> = projects
            .iter()
            .map(|project| {
                let created_at = project.created_at.to_rfc3339_opts(SecondsFormat::Millis, true);
                json!({"id": project.id, "name": project.name, "createdAt": created_at})
            })
            .collect();
        say(&serde_json::to_string_pretty(&rows)?)?;
        return Ok(());
    }
    for project in projects {
        say(&format!("{}  {}", project.id, project.name))?;
    }
    Ok(())
}

/// The project of this id or name; the first one if none is named.
pub async fn chosen(db: &PgPool, account: AccountId, wanted: Option<&str>) -> Result<ProjectId> {
    let projects = projects::list(db, account).await?;
    let found = match wanted {
        None => projects.first(),
        Some(wanted) => projects
            .iter()
            .find(|project| project.id.to_string() == wanted || project.name == wanted),
    };
    Ok(found.context("there is no such project; `posthaste projects list` shows them")?.id)
}
