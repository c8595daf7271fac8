//! Text from HTML, for mails whose author gave no text part: some readers show nothing else, and spam filters ask for it.
//!
//! One pass over the document, because it is a stranger's: the small libraries that were tried take time that grows
//! with the square of a hostile document (minutes for 400 KB), and the large ones bring a browser's parser.

mod markup;
mod reference;
mod text;

use text::Text;

/// How much of a document is read, in bytes: more than anyone reads, little enough to take a fraction of a second.
const MAX_HTML: usize = 4 * 1024 * 1024;

/// Elements whose content nobody reads.
const SILENT: &[&str] = &["script", "style", "title", "template", "svg", "textarea", "iframe"];

/// Elements that stand on lines of their own.
const BLOCKS: &[&str] = &[
    "address",
    "article",
    "center",
    "dd",
    "div",
    "dl",
    "dt",
    "figcaption",
    "figure",
    "footer",
    "form",
    "header",
    "hr",
    "li",
    "main",
    "nav",
    "pre",
    "section",
    "tr",
];

/// Elements with an empty line around them.
const PARAGRAPHS: &[&str] =
    &["p", "h1", "h2", "h3", "h4", "h5", "h6", "blockquote", "table", "ul", "ol"];

/// The text of an HTML document, with the targets of its links in brackets behind their words. What stands beyond the
/// first 4 MiB is left out.
pub fn from_html(html: &str) -> String {
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
            name if SILENT.contains(&name) && !tag.closes && !tag.is_empty => {
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
            name if PARAGRAPHS.contains(&name) => text.block(true),
            name if BLOCKS.contains(&name) => {
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
    text.finish()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn words_and_links_survive_and_machinery_does_not() {
        let html = "<html><head><style>p { color: red }</style><title>No</title></head><body><script>alert(1)</script>\
                    <h1>Hello &amp; welcome</h1>\n<p>Reset it <a class='x' href=\"https://example.com/reset?a=1&amp;b=2\">\
                    here</a>,<br>or <b>do</b> not.</p><!-- no --><ul><li>one<li>two</ul>1 < 2 &#8364; &#x20ac; &unknown;";
        assert_eq!(
            from_html(html),
            "Hello & welcome\n\nReset it here [https://example.com/reset?a=1&b=2],\nor do not.\n\n* one\n* two\n\n\
             1 < 2 € € &unknown;"
        );
    }

    #[test]
    fn a_link_that_shows_its_target_is_not_told_twice() {
        assert_eq!(
            from_html("<a href=https://example.com>https://example.com</a>"),
            "https://example.com"
        );
        assert_eq!(from_html("<a href='mailto:a@example.com'>a@example.com</a>"), "a@example.com");
        assert_eq!(from_html("<a href=\"#top\">top</a>"), "top");
    }

    #[test]
    fn only_targets_that_a_person_can_follow_are_told() {
        for html in
            ["<a href=' JavaScript:x()'>go</a>", "<a href='data:text/html,x'>go</a>", "<a>go</a>"]
        {
            assert_eq!(from_html(html), "go", "{html}");
        }
        assert_eq!(
            from_html("<p>a</p><a href='https://example.com'><img src=x alt=''></a><p>b</p>"),
            "a\n\n[https://example.com]\n\nb"
        );
        assert_eq!(
            from_html("<a href=https://a.example/><img alt=Shop></a> <a href='tel:+1'>call"),
            "Shop [https://a.example/] call [tel:+1]"
        );
    }

    #[test]
    fn white_space_is_folded_as_a_reader_would() {
        let table = "<table>\n<tr>\n<td>Price</td>\n<td>9&nbsp;€</td>\n</tr><tr><td>Sum</td><td>9</td></tr></table>after";
        assert_eq!(from_html(table), "Price 9\u{a0}€\nSum 9\n\nafter");
        assert_eq!(from_html("<div>a<div>b</div></div>c<br><br><br>d<p>e"), "a\nb\nc\n\nd\n\ne");
        assert_eq!(from_html("<b>a</b><i>b</i> <u> c</u>9&nbsp;<b>€</b>"), "ab c9 €");
    }

    #[test]
    fn padding_that_keeps_previews_short_is_left_out() {
        let padding = "&#847;&zwnj;&nbsp;&#8199;&shy; ".repeat(50);
        assert_eq!(
            from_html(&format!("<div>Your code{padding}</div><p>&nbsp;</p><p>Hi")),
            "Your code\n\nHi"
        );
        assert_eq!(from_html("می\u{200c}خواهم 👩\u{200d}🚀"), "می\u{200c}خواهم 👩\u{200d}🚀");
    }

    #[test]
    fn stray_quotes_swallow_nothing() {
        assert_eq!(from_html("<p class=\"a\"\">one</p><p '>two</p><i>it's"), "one\n\ntwo\n\nit's");
    }

    #[test]
    fn hostile_html_ends_at_once() {
        for piece in [
            "<div>",
            "<a href=\"",
            "<a href='x'>",
            "<a href='x'>x",
            "<",
            "</",
            "&",
            "&#x",
            "<!--",
            "<!",
            "<script>",
            "<script></s",
            "</p>",
            "<a b=",
            "<a =",
            "<a \"",
            // With the quote at the end, each of these used to be read to the end of the document.
            "<a '>'",
            "<a b='>'c",
            "<br>",
            "<p> ",
            "<li>",
            "&nbsp;",
            "\u{200b} ",
        ] {
            from_html(&(piece.repeat(50_000) + "'"));
        }
    }

    #[test]
    fn only_the_beginning_of_a_huge_document_is_read() {
        let html = format!("{}end", "é ".repeat(MAX_HTML));
        assert!(from_html(&html).len() <= MAX_HTML);
    }

    proptest! {
        #[test]
        fn no_document_makes_it_panic_or_grows(html in "(?s)(</?[a-z]{1,3}[ '\"=/]{0,3}>|<a href='?[a-z:&;#]{0,9}'?>|&[a-z#0-9]{0,5};|<!-?-?|.){0,40}") {
            let text = from_html(&html);
            prop_assert!(text.len() <= html.len() * 3);
            prop_assert_eq!(text.trim_end(), &text);
            prop_assert!(!text.contains("\n\n\n"));
        }
    }
}
