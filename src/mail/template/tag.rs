//! Tags: where they begin and end, what they are for, and which white space around them is no part of the result.

use super::{Fault, Raw};

/// What a tag takes from the text behind it.
pub(super) enum Strip {
    None,
    Line,
    All,
}

impl Strip {
    /// What is left of the text.
    pub(super) fn apply<'s>(&self, text: &'s str) -> &'s str {
        match self {
            Self::None => text,
            Self::All => text.trim_start(),
            Self::Line => {
                let rest = text.trim_start_matches([' ', '\t']);
                rest.strip_prefix("\r\n").or_else(|| rest.strip_prefix('\n')).unwrap_or(rest)
            }
        }
    }
}

/// The next `{{` from `at` on, and whether a backslash takes its meaning away.
pub(super) fn next_tag(source: &str, at: usize) -> Option<(usize, bool)> {
    let tag = at + source[at..].find("{{")?;
    let before = &source[at..tag];
    Some((tag, before.ends_with('\\') && !before.ends_with("\\\\")))
}

/// Whether nothing but white space shares its lines with the tag; the line is then no part of the result.
///
/// `from` is where the text before the tag begins, which is another tag's end unless it is the template's start.
pub(super) fn stands_alone(source: &str, from: usize, tag: usize, end: usize) -> bool {
    let before = source[from..tag].trim_end_matches([' ', '\t']);
    let starts_line = before.ends_with('\n') || (before.is_empty() && from == 0);
    let after = source[end..].trim_start_matches([' ', '\t']);
    starts_line && (after.is_empty() || after.starts_with('\n') || after.starts_with("\r\n"))
}

/// A tag as it was written.
pub(super) struct Tag<'s> {
    /// The byte behind the tag.
    pub end: usize,
    pub kind: TagKind,
    pub inside: &'s str,
    pub tilde_before: bool,
    pub tilde_after: bool,
}

/// What a tag is for.
#[derive(Clone, Copy, PartialEq)]
pub(super) enum TagKind {
    Comment,
    Open,
    OpenInverse,
    Else,
    Close,
    Value,
    RawValue,
}

impl TagKind {
    pub(super) fn may_stand_alone(self) -> bool {
        !matches!(self, Self::Value | Self::RawValue)
    }
}

/// Reads the tag whose `{{` is at `at`.
pub(super) fn read_tag(source: &str, at: usize, raw: Raw) -> Result<Tag<'_>, Fault> {
    let unclosed = || Fault::new(at, "this tag has no end");
    let start = &source[at + 2..];
    let stripped = start.strip_prefix('~').unwrap_or(start);
    let tilde_before = stripped.len() < start.len();
    let body_start = source.len() - stripped.len();
    if let Some(inside) = stripped.strip_prefix('{') {
        return read_triple(source, inside, raw)
            .map(|tag| Tag { tilde_before, ..tag })
            .map_err(|message| Fault::new(at, message));
    }

    let is_end = |place: &usize| {
        let inside = &stripped[..*place];
        let comment = inside.strip_suffix('~').unwrap_or(inside);
        !inside.starts_with("!--") || (comment.ends_with("--") && comment.len() >= "!----".len())
    };
    let length =
        stripped.match_indices("}}").map(|(place, _)| place).find(is_end).ok_or_else(unclosed)?;
    let end = body_start + length + 2;
    let inside = &stripped[..length];
    let tilde_after = inside.ends_with('~');
    let inside = inside.strip_suffix('~').unwrap_or(inside);
    let inside = inside.trim();
    let (kind, inside) = tag_kind(inside, raw).map_err(|message| Fault::new(at, message))?;
    Ok(Tag { end, kind, inside, tilde_before, tilde_after })
}

/// Reads the rest of a `{{{`, which ends with `}}}` or `}~}}`.
fn read_triple<'s>(source: &'s str, inside: &'s str, raw: Raw) -> Result<Tag<'s>, &'static str> {
    if inside.starts_with('{') {
        return Err("raw blocks ({{{{ }}}}) are not supported");
    }
    if raw == Raw::Refused {
        return Err(NO_RAW);
    }
    let (length, tilde_after) = inside
        .match_indices('}')
        .find_map(|(place, _)| match &inside.as_bytes()[place..] {
            [b'}', b'}', b'}', ..] => Some((place, false)),
            [b'}', b'~', b'}', b'}', ..] => Some((place, true)),
            _ => None,
        })
        .ok_or("this tag has no end")?;
    let end = source.len() - inside.len() + length + if tilde_after { 4 } else { 3 };
    Ok(Tag {
        end,
        kind: TagKind::RawValue,
        inside: inside[..length].trim(),
        tilde_before: false,
        tilde_after,
    })
}

/// What is said where values may not be written as they are.
const NO_RAW: &str = "raw output ({{{ }}} and {{& }}) is for stored templates only";

fn tag_kind(inside: &str, raw: Raw) -> Result<(TagKind, &str), &'static str> {
    let is_else = |rest: &str| rest.is_empty() || rest.starts_with(char::is_whitespace);
    if inside.starts_with('!') {
        return Ok((TagKind::Comment, ""));
    }
    let (kind, rest) = if let Some(rest) = inside.strip_prefix('&') {
        if raw == Raw::Refused {
            return Err(NO_RAW);
        }
        (TagKind::RawValue, rest)
    } else if let Some(rest) = inside.strip_prefix('#') {
        (TagKind::Open, rest)
    } else if let Some(rest) = inside.strip_prefix('^') {
        if rest.trim().is_empty() { (TagKind::Else, rest) } else { (TagKind::OpenInverse, rest) }
    } else if let Some(rest) = inside.strip_prefix('/') {
        (TagKind::Close, rest)
    } else if let Some(rest) = inside.strip_prefix("else").filter(|rest| is_else(rest)) {
        (TagKind::Else, rest)
    } else {
        (TagKind::Value, inside)
    };
    let rest = rest.trim();
    if rest.starts_with('>') {
        return Err("partials ({{> }}) are not supported");
    }
    if rest.starts_with('*') {
        return Err("decorators ({{* }}) are not supported");
    }
    if rest.contains('(') {
        return Err("sub-expressions are not supported");
    }
    Ok((kind, rest))
}
