//! Variables in subjects and bodies: the part of Handlebars that mails use, bounded.
//!
//! `{{name}}`, `{{order.id}}`, `{{#if}}`, `{{#unless}}`, `{{#each}}`, `{{#with}}`, `{{else}}` and comments; `{{{name}}}`
//! in templates that are stored. What is left out on purpose: partials, decorators, helpers and sub-expressions, because
//! a template is a stranger's program.
//!
//! It is written here because the `handlebars` crate cannot be bounded from outside: what looks at a template before
//! it does has to read it exactly as it does (`{{!-- }}{{#each a}}`, `{{else each a}}` and a tab before the `#` were
//! enough to get by), and its parser takes seconds for 10 000 tags. Tests hold the two against each other.

mod evaluate;
mod parse;
mod path;
mod steps;
mod tag;
mod variables;

use serde_json::{Map, Value};

pub use self::steps::Steps;

/// The largest result, in bytes.
const MAX_OUTPUT: usize = 10 * 1024 * 1024;

/// How values are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Escape {
    /// For HTML: no value can end its element or a quoted attribute.
    Html,
    /// For text and subjects.
    None,
}

/// Whether a template may write values as they are, `{{{name}}}` and `{{& name}}`, into HTML.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Raw {
    /// It is stored, so that somebody looked at it. Its values are then as trusted as the template.
    Allowed,
    /// It came with a request, put together by a program that may have put anything into it.
    Refused,
}

/// A template with its values.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rendered {
    /// The result, at most 10 MiB.
    pub text: String,
    /// Variables that the data did not have, each once, in the order in which they were met; at most 100. They are
    /// empty in the result.
    pub missing: Vec<String>,
}

/// Why a template cannot be rendered.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("is not a valid template: line {line}, column {column}: {message}")]
pub struct TemplateError {
    /// The line of the tag that is at fault, from one.
    pub line: usize,
    /// The character in that line at which the tag begins, from one.
    pub column: usize,
    /// What is wrong with it.
    pub message: String,
}

/// Fills in the variables of `source`.
///
/// The work is bounded, whatever the source and the data are: time grows with the source's length, and from there on
/// with at most half a million of `steps`, and no more than are left, and 10 MiB of output.
pub fn render(
    source: &str,
    data: &Map<String, Value>,
    escape: Escape,
    raw: Raw,
    steps: &Steps,
) -> Result<Rendered, TemplateError> {
    if !source.contains("{{") {
        return Ok(Rendered { text: source.to_owned(), missing: Vec::new() });
    }
    let rendered = parse::parse(source, raw)
        .and_then(|nodes| evaluate::evaluate(&nodes, data, escape, source.len(), steps));
    rendered.map_err(|fault| fault.placed(source))
}

/// Reads a template that is to be stored, and answers the variables that it takes from the data itself, as they are
/// written (`order.id`), each once, in the order in which they are met; at most 100. What the turns of a loop take from
/// their own values is not among them.
pub fn variables(source: &str) -> Result<Vec<String>, TemplateError> {
    if !source.contains("{{") {
        return Ok(Vec::new());
    }
    let nodes = parse::parse(source, Raw::Allowed).map_err(|fault| fault.placed(source))?;
    Ok(variables::of(&nodes))
}

/// What is wrong, and with the tag at which byte.
#[derive(Debug)]
struct Fault {
    at: usize,
    message: String,
}

impl Fault {
    fn new(at: usize, message: impl Into<String>) -> Self {
        Self { at, message: message.into() }
    }

    fn placed(self, source: &str) -> TemplateError {
        let before = &source[..self.at];
        let line_start = before.rfind('\n').map_or(0, |end| end + 1);
        TemplateError {
            line: before.matches('\n').count() + 1,
            column: before[line_start..].chars().count() + 1,
            message: self.message,
        }
    }
}

#[cfg(test)]
mod tests;
