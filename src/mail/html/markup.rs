//! Tags, read as browsers read them (the HTML standard, section 13.2.5), each character once.

use std::borrow::Cow;

use super::{is_space, reference};

/// A tag, and what follows it.
pub(in crate::mail) struct Tag<'a> {
    /// Its name in lower case; empty for comments, declarations and what is left unfinished.
    pub name: Cow<'a, str>,
    /// Whether it is an end tag.
    pub closes: bool,
    /// Whether it ends with `/>`.
    pub is_empty: bool,
    /// The first `href`, decoded.
    pub href: Option<String>,
    /// The first `alt`, decoded.
    pub alt: Option<String>,
    /// The document behind it.
    pub rest: &'a str,
}

/// Reads the tag or comment that `html` begins with; `None` where its `<` is only a sign.
pub(in crate::mail) fn tag(html: &str) -> Option<Tag<'_>> {
    let inside = html.strip_prefix('<')?;
    if let Some(comment) = inside.strip_prefix("!--") {
        return Some(Tag::skipped(after_comment(comment)));
    }
    if inside.starts_with(['!', '?']) {
        return Some(Tag::skipped(after(inside, ">")));
    }
    let (closes, inside) = match inside.strip_prefix('/') {
        Some(inside) => (true, inside),
        None => (false, inside),
    };
    if !inside.starts_with(|c: char| c.is_ascii_alphabetic()) {
        // `</3` is a comment in the standard's eyes; a person meant to write it.
        return None;
    }
    let end = inside.find(|c| is_space(c) || c == '/' || c == '>').unwrap_or(inside.len());
    let (name, rest) = inside.split_at(end);
    let is_shouted = name.bytes().any(|byte| byte.is_ascii_uppercase());
    let name = if is_shouted { name.to_ascii_lowercase().into() } else { name.into() };
    let mut tag = Tag { name, closes, ..Tag::skipped(rest) };
    tag.read_attributes();
    Some(tag)
}

/// The document behind the end of an element whose content is no markup, such as `script`.
pub(in crate::mail) fn after_closing<'a>(html: &'a str, name: &str) -> &'a str {
    let mut rest = html;
    while let Some(at) = rest.find("</") {
        rest = &rest[at + 2..];
        let is_end = rest.get(..name.len()).is_some_and(|start| start.eq_ignore_ascii_case(name))
            && !rest[name.len()..].starts_with(|c: char| c.is_ascii_alphanumeric());
        if is_end {
            return after(rest, ">");
        }
    }
    ""
}

/// A comment may be as short as `<!-->`.
fn after_comment(comment: &str) -> &str {
    match comment.strip_prefix('>').or_else(|| comment.strip_prefix("->")) {
        Some(rest) => rest,
        None => after(comment, "-->"),
    }
}

fn after<'a>(text: &'a str, mark: &str) -> &'a str {
    text.split_once(mark).map_or("", |(_, rest)| rest)
}

impl<'a> Tag<'a> {
    fn skipped(rest: &'a str) -> Self {
        Self {
            name: Cow::Borrowed(""),
            closes: false,
            is_empty: false,
            href: None,
            alt: None,
            rest,
        }
    }

    /// Reads up to the `>`. Quotes mean something only behind an `=`, so that a stray one swallows nothing; a tag that
    /// has no `>` is none, as in browsers.
    fn read_attributes(&mut self) {
        loop {
            let before = self.rest;
            self.rest = before.trim_start_matches(|c| is_space(c) || c == '/');
            if let Some(rest) = self.rest.strip_prefix('>') {
                self.is_empty = before[..before.len() - self.rest.len()].ends_with('/');
                self.rest = rest;
                return;
            }
            let Some((name, value, rest)) = attribute(self.rest) else {
                *self = Self::skipped("");
                return;
            };
            self.rest = rest;
            self.keep(name, value);
        }
    }

    fn keep(&mut self, name: &str, value: &str) {
        let place = match name {
            _ if name.eq_ignore_ascii_case("href") => &mut self.href,
            _ if name.eq_ignore_ascii_case("alt") => &mut self.alt,
            _ => return,
        };
        if place.is_none() {
            *place = Some(reference::decoded(value.trim()).into_owned());
        }
    }
}

/// The name and the value of an attribute, and what follows; `None` if the document ends before it does.
pub(in crate::mail) fn attribute(text: &str) -> Option<(&str, &str, &str)> {
    let ends = |c: char| is_space(c) || matches!(c, '/' | '>' | '=');
    // An `=` in the first place belongs to the name.
    let first = text.chars().next()?.len_utf8();
    let (name, rest) = text.split_at(first + text[first..].find(ends)?);
    let Some(value) = rest.trim_start_matches(is_space).strip_prefix('=') else {
        return Some((name, "", rest));
    };
    let value = value.trim_start_matches(is_space);
    // A quote that never closes opens nothing, or it would swallow the document. That is found out twice at the most:
    // no other of its kind follows.
    if let Some(quote @ ('"' | '\'')) = value.chars().next()
        && let Some((value, rest)) = value[1..].split_once(quote)
    {
        return Some((name, value, rest));
    }
    let (value, rest) = value.split_at(value.find(|c| is_space(c) || c == '>')?);
    Some((name, value, rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(html: &str) -> (String, Option<String>, &str) {
        let tag = tag(html).unwrap();
        (tag.name.into_owned(), tag.href, tag.rest)
    }

    #[test]
    fn attributes_are_found_where_browsers_find_them() {
        for html in [
            "<a href=https://example.com/?a=b>x",
            "<A class=\"x>y\" HREF = 'https://example.com/?a=b' href=no>x",
            "<a title='href=no' data-href=no href=\"https://example.com/?a&#61;b\"/>x",
            "<a \" ' =x href=https://example.com/?a=b>x",
            "<a\nhref\n=\nhttps://example.com/?a=b\n>x",
        ] {
            let href = Some("https://example.com/?a=b".to_owned());
            assert_eq!(read(html), ("a".into(), href, "x"), "{html}");
        }
    }

    #[test]
    fn what_is_no_tag_is_skipped_or_text() {
        for html in [
            "<!-->x",
            "<!--->x",
            "<!-- <b> -->x",
            "<!DOCTYPE html \">x",
            "<?xml a='>x",
            "<![if !mso]>x",
        ] {
            assert_eq!(read(html), (String::new(), None, "x"), "{html}");
        }
        for html in ["<", "< b", "<3", "</3", "<ä>"] {
            assert!(tag(html).is_none(), "{html}");
        }
        for html in ["<a", "<a href", "<a href=", "<a href='x", "<!-- ", "<?"] {
            assert_eq!(read(html).2, "", "{html}");
        }
    }

    #[test]
    fn a_tag_may_end_itself() {
        for html in ["<svg/>", "<svg />", "<svg a/>", "<svg a='b'/>"] {
            assert!(tag(html).unwrap().is_empty, "{html}");
        }
        for html in ["<svg>", "<svg a=b/>", "<svg / >"] {
            assert!(!tag(html).unwrap().is_empty, "{html}");
        }
    }

    #[test]
    fn the_end_of_a_script_is_its_own() {
        assert_eq!(after_closing("a</b></scripts></SCRIPT >x", "script"), "x");
        assert_eq!(after_closing("a</scri", "script"), "");
    }
}
