//! Variables in subjects and bodies: Handlebars, bounded.
//!
//! `{{name}}`, `{{order.id}}`, `{{#if}}`, `{{#unless}}`, `{{#each}}`, `{{#with}}` and comments. What is not here on
//! purpose: partials, decorators, sub-expressions and raw output, because a template is a stranger's program. The work
//! that one can cause is bounded before it begins, from the nesting of its blocks and the size of its data.

use std::sync::{Arc, Mutex, PoisonError};

use handlebars::{
    Context, Handlebars, Helper, HelperDef, HelperResult, Output, RenderContext, RenderErrorReason,
    no_escape,
};
use serde_json::{Map, Value};

/// The largest result, in bytes.
const MAX_OUTPUT: usize = 10 * 1024 * 1024;

/// Blocks within blocks; the parser and the renderer call themselves for each.
const MAX_DEPTH: usize = 16;

/// Tags in one template.
const MAX_TAGS: usize = 10_000;

/// Tags rendered, at the most: each loop multiplies those inside it.
const MAX_STEPS: usize = 2_000_000;

/// Missing variables that are told of one template.
const MAX_MISSING: usize = 100;

/// How much of a missing variable's name is told, in characters.
const MAX_NAME: usize = 100;

/// How values are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Escape {
    /// For HTML: no value can end its element or attribute.
    Html,
    /// For text and subjects.
    None,
}

/// A template with its values.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rendered {
    /// The result.
    pub text: String,
    /// Variables that the data did not have, in the order in which they were met; they are empty in the result.
    pub missing: Vec<String>,
}

/// Why a template cannot be rendered. Line and column count from one.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TemplateError {
    /// It is not well-formed.
    #[error("is not a valid template: line {line}, column {column}: {message}")]
    Syntax {
        /// Where.
        line: usize,
        /// Where in the line.
        column: usize,
        /// What is wrong.
        message: String,
    },
    /// It uses what is left out on purpose.
    #[error("uses {0}, which is not supported")]
    Unsupported(&'static str),
    /// It would be too much work.
    #[error("is too large a template: {0}")]
    TooMuch(&'static str),
    /// It failed while it was rendered.
    #[error("cannot be rendered: {0}")]
    Failed(String),
}

/// Fills in the variables of `source`.
pub fn render(
    source: &str,
    data: &Map<String, Value>,
    escape: Escape,
) -> Result<Rendered, TemplateError> {
    if !source.contains("{{") {
        return Ok(Rendered { text: source.to_owned(), missing: Vec::new() });
    }
    check(source, data)?;

    let missing = Arc::new(Mutex::new(Vec::new()));
    let mut engine = Handlebars::new();
    for helper in
        ["lookup", "log", "raw", "len", "eq", "ne", "gt", "gte", "lt", "lte", "and", "or", "not"]
    {
        engine.unregister_helper(helper);
    }
    engine.register_helper("helperMissing", Box::new(NoteMissing(Arc::clone(&missing))));
    if escape == Escape::None {
        engine.register_escape_fn(no_escape);
    }
    let template = handlebars::Template::compile(source).map_err(|error| {
        let (line, column) = error.pos().unwrap_or((1, 1));
        TemplateError::Syntax { line, column, message: first_line(&error.reason().to_string()) }
    })?;
    engine.register_template("mail", template);

    let mut bounded = Bounded { text: Vec::new() };
    engine.render_to_write("mail", data, &mut bounded).map_err(|error| {
        if bounded_out(&error) {
            TemplateError::TooMuch("the result has more than 10 MB")
        } else {
            TemplateError::Failed(first_line(&error.reason().to_string()))
        }
    })?;
    let text = String::from_utf8(bounded.text)
        .map_err(|error| TemplateError::Failed(error.to_string()))?;
    let missing = std::mem::take(&mut *missing.lock().unwrap_or_else(PoisonError::into_inner));
    Ok(Rendered { text, missing })
}

fn first_line(text: &str) -> String {
    text.lines().next().unwrap_or_default().chars().take(200).collect()
}

/// Looks at every tag once, before anything is parsed.
fn check(source: &str, data: &Map<String, Value>) -> Result<(), TemplateError> {
    let widest = widest(data.values());
    let (mut tags, mut depth, mut steps) = (0, 0_usize, 0_usize);
    // How many times what stands here is rendered at the most.
    let mut repeats: Vec<usize> = vec![1];
    let mut rest = source;
    while let Some(start) = rest.find("{{") {
        let tag = rest[start + 2..].trim_start_matches(['~', ' ']);
        if let Some(comment) = tag.strip_prefix('!') {
            let end = if comment.starts_with("--") { "--}}" } else { "}}" };
            rest = comment.find(end).map_or("", |at| &comment[at + end.len()..]);
            continue;
        }
        refuse_unsupported(tag)?;
        tags += 1;
        if tags > MAX_TAGS {
            return Err(TemplateError::TooMuch("it has more than 10000 tags"));
        }
        let times = repeats.last().copied().unwrap_or(1);
        steps = steps.saturating_add(times);
        if let Some(block) = tag.strip_prefix('#').or_else(|| tag.strip_prefix('^')) {
            depth += 1;
            let is_loop = block.trim_start().starts_with("each");
            repeats.push(if is_loop { times.saturating_mul(widest.max(1)) } else { times });
        } else if tag.starts_with('/') {
            depth = depth.saturating_sub(1);
            repeats.truncate(repeats.len().saturating_sub(1).max(1));
        }
        if depth > MAX_DEPTH {
            return Err(TemplateError::TooMuch("its blocks are nested more than 16 deep"));
        }
        if steps > MAX_STEPS {
            return Err(TemplateError::TooMuch(
                "its loops would take more than two million steps with this data",
            ));
        }
        rest = &rest[start + 2..];
    }
    Ok(())
}

fn refuse_unsupported(tag: &str) -> Result<(), TemplateError> {
    let inside = &tag[..tag.find("}}").unwrap_or(tag.len())];
    let name = inside.trim_start_matches(['#', '~', ' ']);
    if tag.starts_with('{') || tag.starts_with('&') {
        Err(TemplateError::Unsupported("raw output ({{{ }}} or {{& }})"))
    } else if name.starts_with('>') {
        Err(TemplateError::Unsupported("partials ({{> }})"))
    } else if name.starts_with('*') {
        Err(TemplateError::Unsupported("decorators ({{* }})"))
    } else if inside.contains('(') {
        Err(TemplateError::Unsupported("sub-expressions"))
    } else {
        Ok(())
    }
}

/// The largest number of entries that a loop over any part of the data may meet.
fn widest<'a>(values: impl ExactSizeIterator<Item = &'a Value>) -> usize {
    let own = values.len();
    values
        .map(|value| match value {
            Value::Array(items) => widest(items.iter()),
            Value::Object(members) => widest(members.values()),
            _ => 0,
        })
        .fold(own, usize::max)
}

struct NoteMissing(Arc<Mutex<Vec<String>>>);

impl HelperDef for NoteMissing {
    fn call<'reg: 'rc, 'rc>(
        &self,
        helper: &Helper<'rc>,
        _: &'reg Handlebars<'reg>,
        _: &'rc Context,
        _: &mut RenderContext<'reg, 'rc>,
        _: &mut dyn Output,
    ) -> HelperResult {
        if helper.params().is_empty() && helper.hash().is_empty() {
            let name: String =
                helper.name().chars().filter(|c| !c.is_control()).take(MAX_NAME).collect();
            let mut missing = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            if missing.len() < MAX_MISSING && !missing.contains(&name) {
                missing.push(name);
            }
            return Ok(());
        }
        Err(RenderErrorReason::HelperNotFound(helper.name().to_owned()).into())
    }
}

/// Takes output up to the bound.
struct Bounded {
    text: Vec<u8>,
}

/// The text of the error by which the bound is told from other failures.
const BOUND: &str = "the result is too large";

impl std::io::Write for Bounded {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        if self.text.len() + bytes.len() > MAX_OUTPUT {
            return Err(std::io::Error::other(BOUND));
        }
        self.text.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

fn bounded_out(error: &handlebars::RenderError) -> bool {
    matches!(error.reason(), RenderErrorReason::IOError(cause) if cause.to_string() == BOUND)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn fill(source: &str, data: Value, escape: Escape) -> Result<Rendered, TemplateError> {
        let Value::Object(data) = data else { panic!("data is an object") };
        render(source, &data, escape)
    }

    fn text(source: &str, data: Value) -> String {
        fill(source, data, Escape::Html).unwrap().text
    }

    #[test]
    fn values_are_filled_in_and_escaped_where_they_must_be() {
        let data = json!({"name": "<Ada>", "order": {"id": "#1", "total": 9.5}});
        assert_eq!(
            text("Hi {{name}}, {{ order.id }}: {{order.total}}", data.clone()),
            "Hi &lt;Ada&gt;, #1: 9.5"
        );
        assert_eq!(fill("Hi {{name}}", data, Escape::None).unwrap().text, "Hi <Ada>");
    }

    #[test]
    fn blocks_choose_and_repeat() {
        let data = json!({"items": [{"n": 1}, {"n": 2}], "vip": true, "who": {"name": "Ada"}});
        assert_eq!(text("{{#each items}}{{n}},{{/each}}", data.clone()), "1,2,");
        assert_eq!(
            text("{{#if vip}}a{{else}}b{{/if}}{{#unless vip}}c{{/unless}}", data.clone()),
            "a"
        );
        assert_eq!(text("{{#with who}}{{name}}{{/with}}{{! nothing {{ }}", data), "Ada");
    }

    #[test]
    fn a_missing_variable_is_empty_and_told() {
        let rendered = fill("{{a}}{{b.c}}{{a}}{{d}}", json!({"d": 1}), Escape::None).unwrap();
        assert_eq!(
            rendered,
            Rendered { text: "1".into(), missing: vec!["a".into(), "b.c".into()] }
        );
    }

    #[test]
    fn a_missing_name_is_told_as_text_of_one_line_that_is_not_too_long() {
        let source = format!("{{{{[a\0\nb]}}}}{{{{{}}}}}", "x".repeat(10_000));
        let rendered = fill(&source, json!({}), Escape::None).unwrap();
        assert_eq!(rendered.missing, ["ab".to_owned(), "x".repeat(MAX_NAME)]);
    }

    #[test]
    fn a_mistake_is_told_with_its_place() {
        let error = fill("line one\n{{#if a}}never closed", json!({}), Escape::Html).unwrap_err();
        assert!(matches!(error, TemplateError::Syntax { .. }), "{error}");
        for unsupported in [
            "{{{raw}}}",
            "{{&raw}}",
            "{{> partial}}",
            "{{#> partial}}{{/partial}}",
            "{{a (b c)}}",
            "{{*d}}",
        ] {
            let error = fill(unsupported, json!({}), Escape::Html).unwrap_err();
            assert!(matches!(error, TemplateError::Unsupported(_)), "{unsupported}: {error}");
        }
        for helper in ["{{log \"x\"}}", "{{lookup a b}}", "{{env \"HOME\"}}", "{{len a}}"] {
            assert!(fill(helper, json!({"a": [1]}), Escape::Html).is_err(), "{helper}");
        }
    }

    #[test]
    fn a_hostile_template_ends_with_an_error() {
        let wide = json!({"a": vec![1; 10_000]});
        let cubed = "{{#each a}}{{#each @root.a}}{{#each @root.a}}{{/each}}{{/each}}{{/each}}";
        assert!(matches!(fill(cubed, wide.clone(), Escape::None), Err(TemplateError::TooMuch(_))));
        let deep = "{{#if a}}".repeat(100_000);
        assert!(matches!(fill(&deep, json!({}), Escape::None), Err(TemplateError::TooMuch(_))));
        let many = "{{a}}".repeat(20_000);
        assert!(matches!(fill(&many, json!({}), Escape::None), Err(TemplateError::TooMuch(_))));
        let long = json!({"a": vec![0; 2000], "b": "x".repeat(10_000)});
        assert!(matches!(
            fill("{{#each a}}{{@root.b}}{{/each}}", long, Escape::None),
            Err(TemplateError::TooMuch(_))
        ));
        for broken in [
            "{{",
            "{{#",
            "{{/if}}",
            "}}{{",
            "{{#each}}{{/each}}",
            "{{!--",
            "{{a.[",
            "{{../../../a}}",
            "{{@root}}",
        ] {
            let _ = fill(broken, json!({}), Escape::Html);
        }
    }
}
