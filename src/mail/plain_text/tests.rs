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
fn an_open_quote_swallows_one_tag_only() {
    assert_eq!(from_html("<p title='x>a</p> <b title='>b</b> <a href='/x'>c</a>"), "b c [/x]");
    assert_eq!(from_html("<p title=\">a</p> <a href=/x>b</a>"), "a\n\nb [/x]");
}

#[test]
fn hostile_html_ends_at_once() {
    let pieces = [
        "<div>",
        "<a href=\"",
        "<a href='x'>",
        "<",
        "&",
        "&#x",
        "<!--",
        "<script>",
        "</p>",
        "<a b=",
        "</",
    ];
    let more = [
        "<a'>'",
        "<a \">\" '",
        "<a =",
        "<img alt='",
        "<script></",
        "<style><",
        "<b\">",
        "\"",
        "<a><li><td>",
    ];
    for piece in pieces.into_iter().chain(more) {
        let document = piece.repeat(10_000);
        from_html(&document);
        // A quote that stays open to the end, and one that would swallow all.
        from_html(&format!("{document}'"));
        from_html(&format!("<a \"{document}"));
    }
}

proptest! {
    #[test]
    fn no_document_makes_it_panic(html in "(<|>|</|<!--|-->|&|;|=|\"|'|é|🙂|a|script|href| |\n|#x|.){0,60}") {
        let text = from_html(&html);
        prop_assert!(!text.contains('\0') || html.contains('\0'));
    }
}
