//! Text from HTML, for mails whose author gave no text part: some readers show nothing else, and spam filters ask for it.
//!
//! One pass over the document, because it is a stranger's: the small libraries that were tried take time that grows
//! with the square of a hostile document (minutes for 400 KB), and the large ones bring a browser's parser.

mod text;

use text::Text;

use super::html::{is_silent, markup};

/// How much of a document is read, in bytes: more than anyone reads, little enough to take a fraction of a second.
const MAX_HTML: usize = 4 * 1024 * 1024;

/// The text of an HTML document, with the targets of its links in brackets behind their words. What stands beyond the
/// first 4 MiB is left out. `None` where there is nothing to read, as in a mail of images: an empty text part would be
/// all that some readers show.
pub fn from_html(html: &str) -> Option<String> {
    let mut text = Text::default();
    // A link's target, and where its words begin.
    let mut link: Option<(String, usize)> = None;
    let mut rest = &html[..html.floor_char_boundary(MAX_HTML)];
    while let Some(start) = rest.find('<') {
        let Some(tag) = markup::tag(&rest[start..]) else {
            text.words(&rest[..=start]);
            rest = &rest[start + 1..];
            continue;
        };
        text.words(&rest[..start]);
        rest = tag.rest;
        match &*tag.name {
            name if is_silent(name) && !tag.closes && !tag.is_empty => {
                rest = markup::after_closing(rest, name);
            }
            "br" => text.line_break(),
            "a" => {
                if let Some((target, began)) = link.take() {
                    text.link(&target, began);
                }
                if !tag.closes {
                    link = tag.href.map(|target| (target, text.length()));
                }
            }
            "img" => text.words(tag.alt.as_deref().unwrap_or_default()),
            "td" | "th" => text.words(" "),
            name if is_paragraph(name) => text.block(true),
            name if is_block(name) => {
                text.block(false);
                if !tag.closes && name == "li" {
                    text.words("* ");
                }
            }
            _ => {}
        }
    }
    text.words(rest);
    if let Some((target, began)) = link {
        text.link(&target, began);
    }
    Some(text.finish()).filter(|text| !text.trim().is_empty())
}

/// Whether an empty line is around the element.
fn is_paragraph(name: &str) -> bool {
    matches!(
        name,
        "p" | "h1" | "h2" | "h3" | "h4" | "h5" | "h6" | "blockquote" | "table" | "ul" | "ol"
    )
}

/// Whether the element stands on lines of its own.
fn is_block(name: &str) -> bool {
    matches!(
        name,
        "address"
            | "article"
            | "center"
            | "dd"
            | "div"
            | "dl"
            | "dt"
            | "figcaption"
            | "figure"
            | "footer"
            | "form"
            | "header"
            | "hr"
            | "li"
            | "main"
            | "nav"
            | "pre"
            | "section"
            | "tr"
    )
}

#[cfg(test)]
mod tests;
