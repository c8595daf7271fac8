//! From the parts of a mail with variables in them to parts that can be sent.

use std::borrow::Cow;

use serde_json::{Map, Value};

use crate::domain::draft::StoredParts;
use crate::domain::personal;
use crate::domain::violations::Violations;
use crate::mail::template::{Escape, Raw, Steps};
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
    /// How many places stand for a link by which the recipient unsubscribes.
    pub links: usize,
}

/// Fills in the variables with what is left of `steps`, or notes what is wrong with the parts. Without data nothing is a
/// variable.
///
/// Takes up to seconds of work where a stranger wants it to: not for the threads that serve requests.
pub fn fill_in(
    parts: Parts,
    mut data: Option<Map<String, Value>>,
    steps: &Steps,
    violations: &mut Violations,
) -> Filled {
    let Parts { subject, preview_text, html, text, stored } = parts;
    let mut missing = Vec::new();
    let mut fill = |field: &str,
                    source: String,
                    data: Option<&Map<String, Value>>,
                    escape: Escape,
                    is_stored: bool| {
        let Some(data) = data else { return source };
        let raw = if is_stored { Raw::Allowed } else { Raw::Refused };
        let rendered = violations.check(field, template::render(&source, data, escape, raw, steps));
        let Some(rendered) = rendered else { return String::new() };
        for name in rendered.missing {
            if !missing.contains(&name) {
                missing.push(name);
            }
        }
        rendered.text
    };
    let subject = fill("subject", subject, data.as_ref(), Escape::None, stored.subject);
    // As text, which becomes markup as a whole.
    let preview_text = fill("previewText", preview_text, data.as_ref(), Escape::None, stored.html);
    // Not in subjects: a link there is nothing that anybody could follow.
    let (html, text) = match &mut data {
        Some(data) => {
            personal::add_link_variables(data);
            (html, text)
        }
        None => (html.map(with_link_tags), text.map(with_link_tags)),
    };
    let data = data.as_ref();
    let html = html.map(|source| fill("html", source, data, Escape::Html, stored.html));
    let text = text.map(|source| fill("text", source, data, Escape::None, stored.text));
    let parts = [&html, &text];
    let links = parts.into_iter().flatten().map(|part| personal::count_links(part)).sum();
    if links > personal::MOST_UNSUBSCRIBE_LINKS {
        violations.add("html", "may have 100 links to unsubscribe, together with text");
    }
    // Before the preview text is in it, which a reader of text would see.
    let text = text.or_else(|| html.as_deref().and_then(plain_text::from_html));
    let html = html.map(|html| match preview_text.as_str() {
        "" => html,
        preview_text => preheader::with_preheader(&html, preview_text),
    });
    Filled { subject, html, text, missing_variables: missing, links }
}

fn with_link_tags(part: String) -> String {
    match personal::fill_link_tags(&part) {
        Cow::Borrowed(_) => part,
        Cow::Owned(filled) => filled,
    }
}
