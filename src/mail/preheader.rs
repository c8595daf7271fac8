//! The preview text of a mail: what mailboxes show beside its subject, hidden at the beginning of its HTML.

use super::html::{is_silent, markup};

/// Keeps the text from everybody who has opened the mail; some readers know only the one, some only the other.
const HIDDEN: &str = "display:none;font-size:1px;color:transparent;line-height:1px;max-height:0;max-width:0;opacity:0;\
                      overflow:hidden;mso-hide:all";

/// The document with a hidden preview text, which is text and no markup, at the beginning of its body.
pub fn with_preheader(html: &str, text: &str) -> String {
    let text = text.trim();
    if text.is_empty() {
        return html.to_owned();
    }
    let text =
        text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;");
    let (before, after) = html.split_at(beginning(html));
    format!("{before}<div style=\"{HIDDEN}\">{text}</div>{after}")
}

/// The byte at which the body begins: behind `<body>`, or else behind the head or whatever there is of one.
fn beginning(html: &str) -> usize {
    let mut beginning = 0;
    let mut rest = html;
    while let Some(start) = rest.find('<') {
        let is_first = rest[..start].trim().is_empty() && beginning + rest.len() >= html.len();
        let Some(tag) = markup::tag(&rest[start..]) else {
            rest = &rest[start + 1..];
            continue;
        };
        let declares = rest[start..].starts_with("<!") && !rest[start..].starts_with("<!--");
        rest = tag.rest;
        let behind = html.len() - rest.len();
        match (&*tag.name, tag.closes) {
            ("body", false) => return behind,
            ("html", false) | ("head", true) => beginning = behind,
            ("", _) if declares && is_first => beginning = behind,
            (name, false) if is_silent(name) && !tag.is_empty => {
                rest = markup::after_closing(rest, name);
            }
            _ => {}
        }
    }
    beginning
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Where the text lands: at the `|`.
    fn lands(marked: &str) {
        let html = marked.replace('|', "");
        let expected = marked.find('|').unwrap();
        let made = with_preheader(&html, "Hi");
        let hidden = format!("<div style=\"{HIDDEN}\">Hi</div>");
        assert_eq!(made.find(&hidden), Some(expected), "{marked}: {made}");
        assert_eq!(made.replacen(&hidden, "", 1), html);
    }

    #[test]
    fn it_stands_at_the_beginning_of_the_body() {
        for marked in [
            "|<p>a</p>",
            "|",
            "|text <b>b</b>",
            "<!DOCTYPE html>|<p>a</p>",
            "<html><head><title><body></title></head><BODY class=\"a>b\">|<p>a</p></body></html>",
            "<!DOCTYPE html>\n<html lang=en><!-- <body> --><body>|a",
            "<html><head><style>a>b</style></head>|<p>a</p></html>",
            "<html>|<p>a</p><!DOCTYPE html></html>",
            "|<p>a</p><!DOCTYPE html>",
            "|<!-- a --><p>a</p>",
            "|a < b <3",
        ] {
            lands(marked);
        }
    }

    #[test]
    fn it_is_text_and_no_markup() {
        let made = with_preheader("<p>a</p>", " </div><script>\"&\" ");
        assert!(
            made.contains(">&lt;/div&gt;&lt;script&gt;&quot;&amp;&quot;</div><p>a</p>"),
            "{made}"
        );
        assert_eq!(with_preheader("<p>a</p>", "  "), "<p>a</p>");
    }

    #[test]
    fn a_hostile_document_takes_no_time() {
        for piece in ["<", "<a", "<!--", "<title>", "</", "<head>", "<!"] {
            let html = piece.repeat(200_000);
            assert!(with_preheader(&html, "Hi").len() > html.len());
        }
    }

    proptest! {
        #[test]
        fn no_document_loses_anything(html in "(?s)([<>/!a-z\" =-]|<body>|<head>|</head>|<html>|ü){0,40}") {
            let made = with_preheader(&html, "Hi");
            let hidden = format!("<div style=\"{HIDDEN}\">Hi</div>");
            prop_assert_eq!(made.replacen(&hidden, "", 1), html);
        }
    }
}
