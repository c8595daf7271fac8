//! Leads the links of an HTML part past us, and adds the image that tells that it is looked at.
//!
//! One pass over the document, because it is a stranger's. What is not understood is left as it is: a link that is not
//! tracked works, and one that is broken does not.

use std::borrow::Cow;

use url::Url;

use super::html::is_space;
use super::html::markup::{after_closing, attribute, tag};
use super::html::reference::decoded;

/// Links of one part that lead past us; each is some hundred bytes longer then.
const MOST_LINKS: usize = 500;

/// The part with each link to a web page in `<a href>` in the place that `way` names for it, and with `image` before the
/// last `</body>` that is a tag, or else at its end. `way` answers nothing for what is to stay.
///
/// Links marked with `data-no-track` or `clicktracking=off` stay, as do those inside of comments.
pub(super) fn tracked<'a>(
    html: &'a str,
    way: impl Fn(&str) -> Option<String>,
    image: Option<&str>,
) -> Cow<'a, str> {
    let mut tracked = String::new();
    let (mut copied, mut links, mut end_of_body) = (0, 0, None);
    let mut at = 0;
    // Without an image nothing behind the last link matters.
    while (links < MOST_LINKS || image.is_some())
        && let Some(start) = html[at..].find('<').map(|place| at + place)
    {
        let Some(found) = tag(&html[start..]) else {
            at = start + 1;
            continue;
        };
        at = html.len() - found.rest.len();
        if is_raw(&found.name) && !found.closes && !found.is_empty {
            at = html.len() - after_closing(found.rest, &found.name).len();
            continue;
        }
        if found.closes && found.name == "body" {
            end_of_body = Some(tracked.len() + start - copied);
        }
        if found.closes || found.name != "a" || found.href.is_none() || links == MOST_LINKS {
            continue;
        }
        let Some(value) = target(&html[start + 1 + "a".len()..at]) else { continue };
        let Some(led) = web_page(value).and_then(|url| way(&url)) else { continue };
        let began = start + 1 + "a".len() + value_at(&html[start + 1 + "a".len()..at], value);
        tracked.push_str(&html[copied..began]);
        tracked.push_str(&led);
        copied = began + value.len();
        links += 1;
    }
    if copied == 0 && image.is_none() {
        return Cow::Borrowed(html);
    }
    tracked.push_str(&html[copied..]);
    if let Some(image) = image {
        let end = end_of_body.unwrap_or(tracked.len());
        tracked
            .insert_str(end, &format!("<img src=\"{image}\" alt=\"\" width=\"1\" height=\"1\">"));
    }
    Cow::Owned(tracked)
}

/// Whether there is no markup inside of the element.
fn is_raw(name: &str) -> bool {
    matches!(name, "iframe" | "noembed" | "script" | "style" | "textarea" | "title" | "xmp")
}

/// The value of the first `href` among the attributes of a tag, unless it is not to be tracked.
fn target(attributes: &str) -> Option<&str> {
    let (mut href, mut rest) = (None, attributes);
    loop {
        rest = rest.trim_start_matches(|c| is_space(c) || c == '/');
        if rest.is_empty() || rest.starts_with('>') {
            return href;
        }
        let (name, value, after) = attribute(rest)?;
        rest = after;
        let is_off = name.eq_ignore_ascii_case("data-no-track")
            || (name.eq_ignore_ascii_case("clicktracking")
                && value.trim().eq_ignore_ascii_case("off"));
        if is_off {
            return None;
        }
        if href.is_none() && name.eq_ignore_ascii_case("href") {
            href = Some(value);
        }
    }
}

/// Where a piece of a text begins in it.
fn value_at(text: &str, piece: &str) -> usize {
    piece.as_ptr().addr() - text.as_ptr().addr()
}

/// The URL that a browser would follow, if it leads to a web page.
fn web_page(value: &str) -> Option<String> {
    let value = decoded(value.trim());
    // Looked at before it is parsed, which would take a relative one for broken, and a long one some time.
    let is_web = ["http://", "https://"].iter().any(|scheme| {
        value.get(..scheme.len()).is_some_and(|start| start.eq_ignore_ascii_case(scheme))
    });
    if !is_web || value.len() > crate::domain::link_token::LONGEST_TARGET {
        return None;
    }
    let url = Url::parse(&value).ok()?;
    url.has_host().then(|| url.into())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn led(html: &str) -> String {
        let way = |url: &str| (!url.contains("stay")).then(|| format!("T[{url}]"));
        tracked(html, way, None).into_owned()
    }

    #[test]
    fn links_to_web_pages_lead_past_us_however_they_are_written() {
        for (html, expected) in [
            (
                "<a href=\"https://example.com/a\">x</a>",
                "<a href=\"T[https://example.com/a]\">x</a>",
            ),
            (
                "<A CLASS=b HREF = 'HTTP://Example.com/?a=1&amp;b=2#c'>",
                "<A CLASS=b HREF = 'T[http://example.com/?a=1&b=2#c]'>",
            ),
            ("<a href=https://example.com/a>x", "<a href=T[https://example.com/a]>x"),
            (
                "<a\n title='>' href=\" https://example.com/ä b \">",
                "<a\n title='>' href=\"T[https://example.com/%C3%A4%20b]\">",
            ),
            (
                "<a href='https://one.example' href='https://two.example'>",
                "<a href='T[https://one.example/]' href='https://two.example'>",
            ),
        ] {
            assert_eq!(led(html), expected);
        }
    }

    #[test]
    fn what_is_no_link_to_a_web_page_stays() {
        for html in [
            "<a href=\"mailto:ada@example.org\">x</a>",
            "<a href=\"tel:+15550100\">x</a>",
            "<a href=\"#top\">x</a>",
            "<a href=\"/relative\">x</a>",
            "<a href=\"javascript:alert(1)\">x</a>",
            "<a href=\"https://\">x</a>",
            "<a href=\"https://example.com/stay\">x</a>",
            "<a href=\"https://example.com\" data-no-track>x</a>",
            "<a href=\"https://example.com\" clicktracking='OFF'>x</a>",
            "<link href=\"https://example.com/style\"><img src=\"https://example.com/i\">",
            "<!-- <a href=\"https://example.com\"> --><style><a href=https://example.com></style>",
            "<abbr href=\"https://example.com\">",
            "</a href=\"https://example.com\">",
            "<a href=\"https://example.com",
            "a < b https://example.com <",
        ] {
            assert_eq!(led(html), html);
        }
    }

    #[test]
    fn the_image_stands_at_the_end_of_the_body() {
        let image = |html: &str| tracked(html, |_| None, Some("I")).into_owned();
        let tag = "<img src=\"I\" alt=\"\" width=\"1\" height=\"1\">";
        assert_eq!(image("<p>x</p></BODY></html>"), format!("<p>x</p>{tag}</BODY></html>"));
        assert_eq!(image("<p>x</p>"), format!("<p>x</p>{tag}"));
        assert_eq!(image(""), tag);
        let many = "<a href=http://a.example>x</a>".repeat(MOST_LINKS + 1);
        assert_eq!(image(&format!("{many}</body>")), format!("{many}{tag}</body>"));
        let led = tracked("<a href=http://a>x</a></body>", |_| Some("T".into()), Some("I"));
        assert_eq!(led, format!("<a href=T>x</a>{tag}</body>"));
    }

    #[test]
    fn the_image_breaks_no_markup_and_stands_in_no_comment() {
        let tag = "<img src=\"I\" alt=\"\" width=\"1\" height=\"1\">";
        for html in [
            "<img alt=\"</body>\" src=\"x\">",
            "<p>x</p><!-- end of </body> -->",
            "<!--[if mso]></body><![endif]--><p>x</p>",
            "<style>/* </body> */</style><p>x</p>",
            "</bodywork>",
        ] {
            assert_eq!(tracked(html, |_| None, Some("I")), format!("{html}{tag}"));
        }
        let html = "<p>x</p>{}</body><!-- end of </body> -->";
        let marked = tracked(&html.replace("{}", ""), |_| None, Some("I")).into_owned();
        assert_eq!(marked, html.replace("{}", tag));
    }

    #[test]
    fn there_is_an_end_to_it() {
        let many = "<a href=http://a.example>".repeat(MOST_LINKS + 10);
        assert_eq!(led(&many).matches("T[").count(), MOST_LINKS);
        let long = format!("<a href=\"https://example.com/{}\">", "x".repeat(3000));
        assert_eq!(led(&long), long);
        for hostile in ["<a ", "<a href='", "<a href=\"http://a\" ", "<!--", "</", "<style>"] {
            let html = hostile.repeat(200_000);
            assert!(tracked(&html, |_| None, Some("I")).len() >= html.len());
        }
    }

    proptest! {
        #[test]
        fn nothing_but_links_changes(html in "([<>a/ '\"=h]|href=|https://x.example/|é|<a |</a>|<!--|-->){0,60}") {
            let way = |url: &str| Some(format!("T{}", url.len()));
            prop_assert!(tracked(&html, way, Some("I")).ends_with('>') || html.contains("</"));
            prop_assert_eq!(&*tracked(&html, |_| None, None), &html);
        }
    }
}
