//! What readers of bodies and queries do not like, in words for those who write requests. The readers know types of Rust.

use crate::domain::violations::Violations;
use crate::error::Error;

/// How much of an error's text is told, in characters.
const LONGEST_QUOTE: usize = 200;

/// What `chrono` says of a text that is no time.
const NO_TIME: [&str; 6] = [
    "premature end of input",
    "trailing input",
    "input contains invalid characters",
    "input is out of range",
    "input is not enough for unique date and time",
    "no possible date and time matching input",
];

/// The types of whole numbers, with the least and the greatest of each.
const WHOLE: [(&str, i128, i128); 8] = [
    ("i8", i8::MIN as i128, i8::MAX as i128),
    ("i16", i16::MIN as i128, i16::MAX as i128),
    ("i32", i32::MIN as i128, i32::MAX as i128),
    ("i64", i64::MIN as i128, i64::MAX as i128),
    ("u8", 0, u8::MAX as i128),
    ("u16", 0, u16::MAX as i128),
    ("u32", 0, u32::MAX as i128),
    ("u64", 0, u64::MAX as i128),
];

/// The refusal of a body that is JSON but not what is wanted: `path` is where, `.` for all of it.
pub(super) fn of_body(path: &str, cause: &str) -> Error {
    let is_whole = path == ".";
    let path = shortened(path);
    let within = |name: &str| if is_whole { name.to_owned() } else { format!("{path}.{name}") };
    if let Some(name) = named(cause, "missing field `") {
        return Error::Invalid(Violations::one(within(name), "is required"));
    }
    if let Some(name) = named(cause, "duplicate field `") {
        // The reader that finds it twice stands in the object, or at the second one.
        let twice = path == name || path.ends_with(&format!(".{name}"));
        let field = if twice { path.clone() } else { within(name) };
        return Error::Invalid(Violations::one(field, "is given twice"));
    }
    let said = shortened(&body_sentence(cause));
    if !is_whole {
        return Error::Invalid(Violations::one(path, said));
    }
    Error::Malformed(if said == shortened(cause) {
        format!("The body is not what this request takes: {said}.")
    } else {
        format!("The body {said}.")
    })
}

/// Completes the sentence that a field of a body begins.
fn body_sentence(cause: &str) -> String {
    if NO_TIME.contains(&cause) {
        return "must be a time such as 2026-01-31T12:00:00Z".to_owned();
    }
    let parts = |kind: &str| cause.strip_prefix(kind)?.rsplit_once(", expected ");
    if let Some((found, expected)) = parts("invalid type: ") {
        let (found, expected) = (kind_of(found), wanted(expected));
        return match found {
            "a number" if expected == "a whole number" => "must be a whole number".to_owned(),
            _ => format!("must be {expected}, not {found}"),
        };
    }
    if let Some((_, expected)) = parts("invalid value: ")
        && let Some((_, least, most)) = WHOLE.iter().find(|(name, ..)| *name == expected)
    {
        return format!("must be a whole number from {least} to {most}");
    }
    cause.to_owned()
}

/// The refusal of a query, which the reader describes as `field: cause` behind words of its own.
pub(super) fn of_query(text: &str) -> Error {
    let text = text.strip_prefix("Failed to deserialize query string: ").unwrap_or(text);
    if let Some(name) = named(text, "missing field `") {
        return Error::Invalid(Violations::one(name, "is required"));
    }
    if let Some(name) = named(text, "duplicate field `") {
        return Error::Invalid(Violations::one(name, "is given twice"));
    }
    let (field, cause) = text.split_once(": ").unwrap_or(("query", text));
    let said = match cause {
        "provided string was not `true` or `false`" => "must be true or false",
        "invalid digit found in string" | "cannot parse integer from empty string" => {
            "must be a number, in digits alone"
        }
        "number too large to fit in target type" => "must be a smaller number",
        "number too small to fit in target type" => "must be a greater number",
        other => other,
    };
    Error::Invalid(Violations::one(field, said))
}

/// Errors quote what they do not like, which may be all of the body.
pub(super) fn shortened(text: &str) -> String {
    match text.char_indices().nth(LONGEST_QUOTE) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}

/// The name that stands in backquotes behind a phrase.
fn named<'a>(text: &'a str, phrase: &str) -> Option<&'a str> {
    let from = text.rfind(phrase)? + phrase.len();
    text[from..].strip_suffix('`')
}

/// What was found, which the reader quotes.
fn kind_of(found: &str) -> &str {
    match found.split([' ', '`']).next().unwrap_or_default() {
        "null" | "unit" => "null",
        "boolean" => "a boolean",
        "integer" | "floating" => "a number",
        "string" | "character" => "a string",
        "sequence" => "a list",
        "map" => "an object",
        _ => found,
    }
}

fn wanted(expected: &str) -> &str {
    match expected {
        "a boolean" => "true or false",
        "a sequence" => "a list",
        "a map" => "an object",
        "f32" | "f64" => "a number",
        expected if WHOLE.iter().any(|(name, ..)| *name == expected) => "a whole number",
        expected => expected,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn violation(error: Error) -> (String, String) {
        let Error::Invalid(violations) = error else { panic!("{error:?}") };
        let first = violations.iter().next().unwrap();
        (first.field.clone(), first.message.clone())
    }

    #[test]
    fn a_body_is_spoken_of_in_the_words_of_json() {
        for (path, cause, field, message) in [
            ("to", "missing field `email`", "to.email", "is required"),
            (".", "missing field `url`", "url", "is required"),
            ("to", "duplicate field `email`", "to.email", "is given twice"),
            (".", "duplicate field `to`", "to", "is given twice"),
            (
                "page",
                "invalid type: string \"1\", expected u32",
                "page",
                "must be a whole number, not a string",
            ),
            (
                "page",
                "invalid type: floating point `1.5`, expected u32",
                "page",
                "must be a whole number",
            ),
            (
                "page",
                "invalid value: integer `-1`, expected u16",
                "page",
                "must be a whole number from 0 to 65535",
            ),
            (
                "test",
                "invalid type: string \", expected u8\", expected a boolean",
                "test",
                "must be true or false, not a string",
            ),
            (
                "emails",
                "invalid type: null, expected a sequence",
                "emails",
                "must be a list, not null",
            ),
            (
                "since",
                "premature end of input",
                "since",
                "must be a time such as 2026-01-31T12:00:00Z",
            ),
            ("since", "something of our own", "since", "something of our own"),
        ] {
            let expected = (field.to_owned(), message.to_owned());
            assert_eq!(violation(of_body(path, cause)), expected, "{cause}");
        }
        let whole = of_body(".", "invalid type: sequence, expected an object");
        let Error::Malformed(said) = whole else { panic!("{whole:?}") };
        assert_eq!(said, "The body must be an object, not a list.");
    }

    #[test]
    fn a_query_is_spoken_of_by_its_parameters() {
        for (text, field, message) in [
            ("limit: invalid digit found in string", "limit", "must be a number, in digits alone"),
            ("limit: number too large to fit in target type", "limit", "must be a smaller number"),
            ("test: provided string was not `true` or `false`", "test", "must be true or false"),
            ("missing field `token`", "token", "is required"),
            ("duplicate field `limit`", "limit", "is given twice"),
            ("something else", "query", "something else"),
        ] {
            let text = format!("Failed to deserialize query string: {text}");
            assert_eq!(violation(of_query(&text)), (field.to_owned(), message.to_owned()));
        }
    }
}
