//! Reads HTML that strangers wrote, as far as mails need it: tags, their attributes, and character references.

pub(super) mod markup;
pub(super) mod reference;

/// HTML's white space; a no-break space is a character like others.
pub(super) fn is_space(c: char) -> bool {
    matches!(c, ' ' | '\t' | '\n' | '\r' | '\u{c}')
}

/// Whether nobody reads what is in the element.
pub(super) fn is_silent(name: &str) -> bool {
    matches!(name, "iframe" | "script" | "style" | "svg" | "template" | "textarea" | "title")
}
