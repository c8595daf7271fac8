use proptest::prelude::*;

use super::*;

/// The text of a document, empty where there is none.
fn from_html(html: &str) -> String {
    super::from_html(html).unwrap_or_default()
}

#[test]
fn a_document_of_images_has_no_text() {
    for html in [
        "",
        " \n",
        "<img src=https://example.com/a.png>",
        "<p><img src=x alt=' '>&nbsp;</p>",
        "<br>",
    ] {
        assert_eq!(super::from_html(html), None, "{html}");
    }
    assert_eq!(super::from_html("<img src=x alt=Sale>").unwrap(), "Sale");
}

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
fn an_open_quote_swallows_one_tag_only() {
    assert_eq!(from_html("<p title='x>a</p> <b title='>b</b> <a href='/x'>c</a>"), "b c [/x]");
    assert_eq!(from_html("<p title=\">a</p> <a href=/x>b</a>"), "a\n\nb [/x]");
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
        "<style><",
        "</p>",
        "<a b=",
        "<a =",
        "<a \"",
        "<a'>'",
        "<a '>'",
        "<a b='>'c",
        "<a \">\" '",
        "<a b=\">\" c='",
        "<img alt='",
        "<b\">",
        "\"",
        "<br>",
        "<p> ",
        "<a><li><td>",
        "&nbsp;",
        "\u{200b} ",
    ] {
        let document = piece.repeat(20_000);
        from_html(&document);
        // A quote that stays open to the end, and one that would swallow all.
        from_html(&format!("{document}'"));
        from_html(&format!("<a b=\"{document}"));
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
