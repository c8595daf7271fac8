//! From the parts of a mail with variables in them to parts that can be sent.

use serde_json::{Map, Value};

use crate::domain::draft::StoredParts;
use crate::domain::violations::Violations;
use crate::mail::template::{Escape, Raw};
use crate::mail::{plain_text, preheader, template};

/// The parts of a mail before their variables are filled in.
#[derive(Clone, Debug, Default)]
pub struct Parts {
    /// The subject.
    pub subject: String,
    /// What mailboxes show beside the subject; may be empty.
    pub preview_text: String,
    /// The HTML part.
    pub html: Option<String>,
    /// The text part; made from the HTML where it is absent.
    pub text: Option<String>,
    /// Which of them are a stored template's.
    pub stored: StoredParts,
}

/// The same parts afterwards.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Filled {
    /// The subject.
    pub subject: String,
    /// The HTML part, with the preview text hidden in it.
    pub html: Option<String>,
    /// The text part.
    pub text: Option<String>,
    /// Variables that the data did not have.
    pub missing_variables: Vec<String>,
}

/// Fills in the variables, or notes what is wrong with the parts. Without data nothing is a variable.
///
/// Takes up to seconds of work where a stranger wants it to: not for the threads that serve requests.
pub fn fill_in(
    parts: Parts,
    data: Option<&Map<String, Value>>,
    violations: &mut Violations,
) -> Filled {
    let Parts { subject, preview_text, html, text, stored } = parts;
    let mut missing = Vec::new();
    let mut fill = |field: &str, source: String, escape: Escape, is_stored: bool| {
        let Some(data) = data else { return source };
        let raw = if is_stored { Raw::Allowed } else { Raw::Refused };
        let rendered = violations.check(field, template::render(&source, data, escape, raw));
        let Some(rendered) = rendered else { return String::new() };
        for name in rendered.missing {
            if !missing.contains(&name) {
                missing.push(name);
            }
        }
        rendered.text
    };
    let subject = fill("subject", subject, Escape::None, stored.subject);
    // As text, which becomes markup as a whole.
    let preview_text = fill("previewText", preview_text, Escape::None, stored.html);
    let html = html.map(|source| fill("html", source, Escape::Html, stored.html));
    let text = text.map(|source| fill("text", source, Escape::None, stored.text));
    // Before the preview text is in it, which a reader of text would see.
    let text = text.or_else(|| html.as_deref().and_then(plain_text::from_html));
    let html = html.map(|html| match preview_text.as_str() {
        "" => html,
        preview_text => preheader::with_preheader(&html, preview_text),
    });
    Filled { subject, html, text, missing_variables: missing }
}
