//! Making, changing, publishing and reverting templates.

use serde_json::{Value, json};
use sqlx::PgConnection;

use super::update::{TemplateUpdate, made_text};
use super::{ShownTemplate, Templates, syntax};
use crate::domain::audit::{Doer, NewAuditEntry};
use crate::domain::caller::Caller;
use crate::domain::id::{ProjectId, SenderId};
use crate::domain::key_change::Change;
use crate::domain::template::{
    BuilderType, MOST_PER_PROJECT, Template, TemplateAlias, TemplateContent, TemplateId,
    TemplateName, TemplateType,
};
use crate::domain::violations::Violations;
use crate::error::{Error, Result};
use crate::service::{commit, unavailable};
use crate::store;
use crate::store::template_versions::Origin;

/// What a new template is to be.
#[derive(Clone, Debug)]
pub struct NewTemplate {
    /// What people call it.
    pub name: TemplateName,
    /// What programs may call it by.
    pub alias: Option<TemplateAlias>,
    /// What people say of it.
    pub description: String,
    /// What it is for.
    pub kind: TemplateType,
    /// What it is edited with.
    pub builder: BuilderType,
    /// Whom its mails are from.
    pub sender: Option<SenderId>,
    /// What its first version says.
    pub content: TemplateContent,
    /// Whether that is sent from now on.
    pub publish: bool,
}

impl Templates {
    /// Makes a template.
    pub async fn create(
        &self,
        caller: &Caller,
        project: ProjectId,
        new: NewTemplate,
    ) -> Result<ShownTemplate> {
        let now = chrono::Utc::now();
        let template = Template {
            id: TemplateId::generate(),
            project,
            name: new.name.as_str().to_owned(),
            alias: new.alias.map(|alias| alias.as_str().to_owned()),
            description: new.description,
            kind: new.kind,
            builder: new.builder,
            sender: new.sender,
            latest: 1,
            published: new.publish.then_some(1),
            created_at: now,
            updated_at: now,
        };
        let made = made_text(new.content.html.as_deref());
        let text = new.content.text.filter(|text| Some(text) != made.as_ref());
        let content = TemplateContent { text, ..new.content };
        hold_to_size(&content)?;

        let mut transaction = self.db.begin().await.map_err(unavailable)?;
        check_sender(&mut transaction, project, template.sender).await?;
        if !store::templates::insert(&mut *transaction, &template).await.map_err(refused)? {
            return Err(Error::Impossible {
                code: "TEMPLATE_LIMIT_REACHED",
                message: format!(
                    "A project has at most {MOST_PER_PROJECT} templates; delete one first."
                ),
            });
        }
        add_version(&mut transaction, caller, &template, &content, None).await?;
        let details = json!({"published": template.published});
        let action = "template.created";
        self.finish(transaction, caller, &template, 1, (action, details)).await
    }

    /// Changes a template. What it says becomes a new version, if it is another.
    ///
    /// What is published builds on what was published, and never on a draft that somebody has not finished; what is
    /// left a draft builds on the newest version.
    pub async fn update(
        &self,
        caller: &Caller,
        project: ProjectId,
        id: TemplateId,
        update: TemplateUpdate,
    ) -> Result<ShownTemplate> {
        let mut transaction = self.db.begin().await.map_err(unavailable)?;
        let mut template = lock(&mut transaction, project, id).await?;
        let newest = template.latest;
        let base = if update.publish { template.published.unwrap_or(newest) } else { newest };
        let current = content(&mut transaction, project, id, base).await?;
        let content = update.applied_to(current.clone());
        let mut version = base;
        let is_other = content != current;
        if is_other {
            hold_to_size(&content)?;
            template.latest += 1;
            version = template.latest;
            add_version(&mut transaction, caller, &template, &content, Some(base)).await?;
        }
        if update.publish {
            template.published = Some(version);
        }
        let mut fields = Vec::new();
        if let Some(name) = update.name {
            fields.push("templateName");
            name.as_str().clone_into(&mut template.name);
        }
        if let Change::Set(alias) = update.alias {
            fields.push("alias");
            template.alias = alias.map(|alias| alias.as_str().to_owned());
        }
        if let Some(description) = update.description {
            fields.push("description");
            template.description = description;
        }
        if let Some(kind) = update.kind {
            fields.push("templateType");
            template.kind = kind;
        }
        if let Change::Set(sender) = update.sender {
            fields.push("senderId");
            check_sender(&mut transaction, project, sender).await?;
            template.sender = sender;
        }
        store::templates::update(&mut *transaction, &template).await.map_err(refused)?;
        if is_other {
            forget_old(&mut transaction, project, id).await?;
        }
        let published = template.published;
        let details = json!({"changed": fields, "version": version, "published": published});
        let action = "template.updated";
        self.finish(transaction, caller, &template, version, (action, details)).await
    }

    /// Lets mails take a version from now on: the newest, if none is named.
    pub async fn publish(
        &self,
        caller: &Caller,
        project: ProjectId,
        id: TemplateId,
        version: Option<i32>,
    ) -> Result<ShownTemplate> {
        let mut transaction = self.db.begin().await.map_err(unavailable)?;
        let mut template = lock(&mut transaction, project, id).await?;
        let version = version.unwrap_or(template.latest);
        content(&mut transaction, project, id, version).await?;
        let before = template.published.replace(version);
        store::templates::update(&mut *transaction, &template).await.map_err(unavailable)?;
        let details = json!({"version": version, "before": before});
        let action = "template.published";
        self.finish(transaction, caller, &template, version, (action, details)).await
    }

    /// Makes a draft of what an old version said. What is sent stays the same until that is published.
    pub async fn revert(
        &self,
        caller: &Caller,
        project: ProjectId,
        id: TemplateId,
        version: i32,
    ) -> Result<ShownTemplate> {
        let mut transaction = self.db.begin().await.map_err(unavailable)?;
        let mut template = lock(&mut transaction, project, id).await?;
        let content = content(&mut transaction, project, id, version).await?;
        template.latest += 1;
        add_version(&mut transaction, caller, &template, &content, Some(version)).await?;
        store::templates::update(&mut *transaction, &template).await.map_err(unavailable)?;
        forget_old(&mut transaction, project, id).await?;
        let (newest, action) = (template.latest, "template.reverted");
        let details = json!({"version": newest, "to": version});
        self.finish(transaction, caller, &template, newest, (action, details)).await
    }

    /// Writes down what was done, and answers what came of it.
    async fn finish(
        &self,
        mut transaction: sqlx::Transaction<'static, sqlx::Postgres>,
        caller: &Caller,
        template: &Template,
        version: i32,
        (action, details): (&'static str, Value),
    ) -> Result<ShownTemplate> {
        let (project, id) = (template.project, template.id);
        let entry = entry(caller, project, action, (id, &template.name), details);
        store::audit_log::insert(&mut *transaction, &entry).await.map_err(unavailable)?;
        let found = store::templates::find(&mut *transaction, project, id, Some(version)).await;
        let found = found.map_err(unavailable)?.ok_or(Error::NotFound("template"))?;
        commit(transaction).await?;
        tracing::info!(template.id = %id, template.version = version, action, "Changed a template");
        Ok(ShownTemplate::new(found))
    }
}

fn hold_to_size(content: &TemplateContent) -> Result<()> {
    let mut violations = Violations::default();
    syntax::check_size(content, &mut violations);
    if violations.is_empty() { Ok(()) } else { Err(Error::Invalid(violations)) }
}

async fn lock(db: &mut PgConnection, project: ProjectId, id: TemplateId) -> Result<Template> {
    let found = store::templates::lock(db, project, id).await.map_err(unavailable)?;
    found.ok_or(Error::NotFound("template"))
}

async fn content(
    db: &mut PgConnection,
    project: ProjectId,
    id: TemplateId,
    version: i32,
) -> Result<TemplateContent> {
    let found = store::templates::find(db, project, id, Some(version)).await;
    let found = found.map_err(unavailable)?.ok_or(Error::NotFound("version of the template"))?;
    Ok(found.content)
}

async fn add_version(
    db: &mut PgConnection,
    caller: &Caller,
    template: &Template,
    content: &TemplateContent,
    based_on: Option<i32>,
) -> Result<()> {
    let origin = Origin { based_on, created_by: Doer::of(caller).label };
    let Template { project, id, latest, .. } = *template;
    store::template_versions::insert(db, project, id, latest, content, &origin)
        .await
        .map_err(unavailable)
}

async fn forget_old(db: &mut PgConnection, project: ProjectId, id: TemplateId) -> Result<()> {
    store::template_versions::forget_old(db, project, id).await.map_err(unavailable)
}

async fn check_sender(
    db: &mut PgConnection,
    project: ProjectId,
    sender: Option<SenderId>,
) -> Result<()> {
    let Some(sender) = sender else { return Ok(()) };
    let found = store::senders::find(db, project, sender).await.map_err(unavailable)?;
    found.map(drop).ok_or_else(no_such_sender)
}

fn no_such_sender() -> Error {
    Error::Invalid(Violations::one("senderId", "names no sender of this project"))
}

/// A sender may be deleted between our look and our writing, and an alias be taken.
fn refused(error: sqlx::Error) -> Error {
    match error.as_database_error().and_then(|error| error.constraint()) {
        Some(store::templates::SENDER_CONSTRAINT) => no_such_sender(),
        Some(store::templates::ALIAS_CONSTRAINT) => {
            Error::Invalid(Violations::one("alias", "is that of another template of this project"))
        }
        _ => unavailable(error),
    }
}

/// What the log says of a template, which it also calls by the name that the API knows.
pub(super) fn entry(
    caller: &Caller,
    project: ProjectId,
    action: &'static str,
    (id, name): (TemplateId, &str),
    mut details: Value,
) -> NewAuditEntry {
    details["templateId"] = id.to_string().into();
    NewAuditEntry {
        account: caller.account,
        project: Some(project),
        doer: Doer::of(caller),
        action,
        subject: id.as_uuid(),
        subject_label: name.to_owned(),
        details,
    }
}
