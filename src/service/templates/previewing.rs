//! What a template would make, without making it.

use chrono::Utc;
use serde_json::{Map, Value};

use super::Templates;
use crate::domain::draft::StoredParts;
use crate::domain::id::ProjectId;
use crate::domain::template::TemplateId;
use crate::domain::violations::Violations;
use crate::error::{Error, Result};
use crate::mail::template::Steps;
use crate::service::mails::rendering::fill_in;

pub use crate::service::mails::rendering::{Filled, Parts};

/// What every mail knows without being told, as a preview shows it.
const KNOWN: [(&str, &str); 5] = [
    ("email", "recipient@example.com"),
    ("unsubscribe", "#unsubscribe"),
    ("unsubscribe_preference", "#preferences"),
    ("unsubscribe_preferences", "#preferences"),
    ("date", ""),
];

impl Templates {
    /// What parts that are stored nowhere would make.
    pub async fn preview(&self, parts: Parts, data: Map<String, Value>) -> Result<Filled> {
        let stored = StoredParts { subject: true, html: true, text: true };
        let work = move || {
            let mut violations = Violations::default();
            let data = with_known(data);
            let filled =
                fill_in(Parts { stored, ..parts }, Some(data), &Steps::default(), &mut violations);
            if violations.is_empty() { Ok(filled) } else { Err(Error::Invalid(violations)) }
        };
        tokio::task::spawn_blocking(work).await.map_err(|error| Error::Internal(error.into()))?
    }

    /// What a version of a template would make: the newest, if none is named.
    pub async fn preview_of(
        &self,
        project: ProjectId,
        id: TemplateId,
        version: Option<i32>,
        data: Map<String, Value>,
    ) -> Result<Filled> {
        let content = self.version(project, id, version).await?.content;
        let parts = Parts {
            subject: content.subject,
            preview_text: content.preview_text,
            html: content.html,
            text: content.text,
            stored: StoredParts::default(),
        };
        self.preview(parts, data).await
    }
}

fn with_known(mut data: Map<String, Value>) -> Map<String, Value> {
    for (name, value) in KNOWN {
        let value = match name {
            "date" => Utc::now().date_naive().to_string(),
            _ => value.to_owned(),
        };
        data.entry(name).or_insert_with(|| value.into());
    }
    data
}
