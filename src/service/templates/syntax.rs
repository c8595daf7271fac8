//! What a template is held to before it is stored.

use crate::domain::template::{MAX_PARTS, TemplateContent};
use crate::domain::violations::Violations;
use crate::mail::template;

/// Notes where a part of a template cannot be read, with its line and column.
pub fn check(field: &str, source: &str, violations: &mut Violations) {
    violations.check(field, template::variables(source));
}

/// Notes parts that are more than fits together.
pub(super) fn check_size(content: &TemplateContent, violations: &mut Violations) {
    let length = |part: &Option<String>| part.as_ref().map_or(0, String::len);
    if length(&content.html) + length(&content.text) > MAX_PARTS {
        let longer = if length(&content.html) < length(&content.text) {
            "plainTextTemplate"
        } else {
            "emailTemplate"
        };
        violations.add(longer, "emailTemplate and plainTextTemplate may have 1 MB together");
    }
}

/// The variables that a version asks for, in all of its parts, each once.
pub(super) fn variables(content: &TemplateContent) -> Vec<String> {
    let parts = [Some(&content.subject), Some(&content.preview_text), content.html.as_ref()];
    let mut all = Vec::new();
    for part in parts.into_iter().flatten().chain(&content.text) {
        for name in template::variables(part).unwrap_or_default() {
            if !all.contains(&name) {
                all.push(name);
            }
        }
    }
    all
}
