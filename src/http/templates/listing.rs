//! What lists of templates are narrowed to.

use serde::Deserialize;
use utoipa::IntoParams;

use crate::domain::template::{MOST_PER_PROJECT, TemplateId, TemplateType};
use crate::domain::violations::Violations;
use crate::error::{Error, Result};
use crate::service::templates::{TemplateFilter, TemplateOrder};

/// A page of a list.
#[derive(Clone, Copy, Debug)]
pub struct Page {
    /// Which, from 1.
    pub number: i64,
    /// How many on it.
    pub limit: i64,
}

impl Page {
    /// How many are on it, and how many come before it.
    pub fn stretch(self) -> (i64, i64) {
        (self.limit, (self.number - 1) * self.limit)
    }
}

/// What the list of templates is narrowed to.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(rename_all = "camelCase")]
#[into_params(parameter_in = Query)]
pub struct ListTemplatesQuery {
    /// `transactional` or `marketing`.
    template_type: Option<String>,
    /// How many at most: 1 to 100; all of them, if nothing is said.
    #[param(minimum = 1, maximum = 100)]
    limit: Option<u32>,
    /// Which page of so many, from 1.
    #[param(default = 1, minimum = 1)]
    page: Option<u32>,
}

impl ListTemplatesQuery {
    /// Of which type, and which part of them.
    pub fn check(self) -> Result<(Option<TemplateType>, Page)> {
        let mut violations = Violations::default();
        let kind = kind(self.template_type.as_deref(), &mut violations);
        let all = u32::try_from(MOST_PER_PROJECT).unwrap_or(u32::MAX);
        let page = page(self.page, self.limit, all, &mut violations);
        if violations.is_empty() { Ok((kind, page)) } else { Err(Error::Invalid(violations)) }
    }
}

/// What is looked for among templates.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(rename_all = "camelCase")]
#[into_params(parameter_in = Query)]
pub struct SearchTemplatesQuery {
    /// Words in the name or the subject, in any case, or a whole id.
    query: Option<String>,
    /// `transactional` or `marketing`.
    template_type: Option<String>,
    /// The whole name.
    template_name: Option<String>,
    /// Words in the subject, in any case.
    subject: Option<String>,
    /// The whole id.
    template_id: Option<String>,
    /// Which page, from 1.
    #[param(default = 1, minimum = 1)]
    page: Option<u32>,
    /// How many on a page: 1 to 100.
    #[param(default = 20, minimum = 1, maximum = 100)]
    limit: Option<u32>,
    /// `createdAt` or `updatedAt`, the latest first; `templateName` or `subject`, from A to Z.
    #[param(default = "createdAt")]
    sort_by: Option<String>,
}

impl SearchTemplatesQuery {
    /// What is looked for, in which order, and which part of it.
    pub fn check(self) -> Result<(TemplateFilter, TemplateOrder, Page)> {
        let mut violations = Violations::default();
        let order = match self.sort_by.as_deref().filter(|name| !name.is_empty()) {
            None | Some("createdAt") => TemplateOrder::CreatedAt,
            Some("updatedAt") => TemplateOrder::UpdatedAt,
            Some("templateName") => TemplateOrder::Name,
            Some("subject") => TemplateOrder::Subject,
            Some(_) => {
                let names = "must be `createdAt`, `updatedAt`, `templateName` or `subject`";
                violations.add("sortBy", names);
                TemplateOrder::CreatedAt
            }
        };
        let mut words = |field: &str, text: Option<String>| {
            let text = text.filter(|text| !text.is_empty())?;
            // Postgres has no such character.
            if text.contains('\0') {
                violations.add(field, "must not contain the character U+0000");
            }
            Some(text)
        };
        let query = words("query", self.query);
        let name = words("templateName", self.template_name);
        let subject = words("subject", self.subject);
        let id = self.template_id.filter(|id| !id.is_empty());
        let filter = TemplateFilter {
            query_id: query.as_deref().and_then(|query| query.parse().ok()),
            query,
            name,
            subject,
            // What is no id names no template.
            id: id.map(|id| id.parse().unwrap_or(TemplateId::from(uuid::Uuid::nil()))),
            kind: kind(self.template_type.as_deref(), &mut violations),
        };
        let page = page(self.page, self.limit, 20, &mut violations);
        if violations.is_empty() {
            return Ok((filter, order, page));
        }
        Err(Error::Invalid(violations))
    }
}

fn kind(name: Option<&str>, violations: &mut Violations) -> Option<TemplateType> {
    let name = name.filter(|name| !name.is_empty())?;
    violations.check("templateType", TemplateType::named(name))
}

fn page(
    number: Option<u32>,
    limit: Option<u32>,
    default: u32,
    violations: &mut Violations,
) -> Page {
    let number = number.unwrap_or(1);
    if number == 0 {
        violations.add("page", "must be a whole number from 1");
    }
    if limit.is_some_and(|limit| !(1..=100).contains(&limit)) {
        violations.add("limit", "must be a whole number from 1 to 100");
    }
    Page { number: number.into(), limit: limit.unwrap_or(default).into() }
}
