//! What composing promises, held against a parser that knows nothing of it.

#![expect(clippy::unwrap_used, reason = "a test that fails should say where")]

use chrono::{DateTime, TimeZone, Utc};
use mail_parser::{Addr, Address, HeaderValue, Message, MessageParser, MimeHeaders, PartType};
use posthaste::domain::address::{DisplayName, EmailAddress, Mailbox};
use posthaste::domain::attachment::{Attachment, ContentType, Description, FileName};
use posthaste::domain::header::{self, CustomHeader};
use posthaste::domain::mail::Content;
use posthaste::domain::subject::Subject;
use posthaste::mail::compose::{Identity, compose};
use proptest::prelude::*;

fn identity() -> Identity {
    Identity {
        message_id: "0198a7f0-0000-7000-8000-00000000002a@example.com".into(),
        date: Utc.with_ymd_and_hms(2026, 11, 3, 4, 5, 6).unwrap(),
    }
}

fn mailbox(name: &str, address: &str) -> Mailbox {
    Mailbox { address: address.parse().unwrap(), name: DisplayName::parse(name).ok() }
}

fn content() -> Content {
    Content {
        from: mailbox("Example, Inc.", "shop@example.com"),
        to: vec![mailbox("Ada", "ada@example.org")],
        cc: Vec::new(),
        bcc: Vec::new(),
        reply_to: Vec::new(),
        subject: Subject::parse("Your receipt").unwrap(),
        html: None,
        text: Some("Thank you!".into()),
        headers: Vec::new(),
        attachments: Vec::new(),
        signed_by: None,
        personal: None,
    }
}

fn header(name: &str, value: &str) -> CustomHeader {
    CustomHeader::new(name.into(), value.into()).unwrap()
}

fn file(name: &str, content: &[u8]) -> Attachment {
    Attachment::new(FileName::parse(name.into()).unwrap(), None, None, content.into())
}

fn composed(content: &Content) -> Vec<u8> {
    let bytes = compose(content, &identity()).unwrap();
    assert_eq!(bytes, compose(content, &identity()).unwrap(), "every attempt sends the same bytes");
    check_form(content, &bytes);
    bytes
}

fn parsed(bytes: &[u8]) -> Message<'_> {
    MessageParser::new()
        .with_mime_headers()
        .with_date_headers()
        .with_address_headers()
        .with_message_ids()
        .default_header_text()
        .parse(bytes)
        .unwrap()
}

/// What holds for every message: lines, characters, and each header once.
fn check_form(content: &Content, bytes: &[u8]) {
    let text = std::str::from_utf8(bytes).unwrap();
    assert!(text.ends_with("\r\n"), "the last line is ended");
    assert!(!text.replace("\r\n", "").contains(['\r', '\n', '\0']), "line breaks are CRLF");
    assert!(
        bytes.split(|byte| *byte == b'\n').all(|line| line.len() <= 998 + 1),
        "lines are short"
    );
    let needs_utf8 =
        content.to.iter().chain(&content.cc).chain(&content.reply_to).chain([&content.from]);
    if !needs_utf8.clone().any(|mailbox| mailbox.address.needs_smtputf8()) {
        assert!(text.is_ascii(), "7-bit");
    }

    let (head, _) = text.split_once("\r\n\r\n").unwrap();
    assert!(!head.lines().any(|line| line.trim().is_empty()), "no line of spaces");
    let names: Vec<_> = head
        .lines()
        .filter(|line| !line.starts_with(' '))
        .map(|line| line.split_once(':').unwrap().0.to_ascii_lowercase())
        .collect();
    let mut expected = vec!["date", "from"];
    expected.extend((!content.reply_to.is_empty()).then_some("reply-to"));
    expected.push("to");
    expected.extend((!content.cc.is_empty()).then_some("cc"));
    expected.extend(["subject", "message-id", "mime-version"]);
    let mut expected: Vec<String> = expected.into_iter().map(String::from).collect();
    expected.extend(content.headers.iter().map(|header| header.name().to_ascii_lowercase()));
    let (content_headers, others): (Vec<_>, Vec<_>) =
        names.into_iter().partition(|name| name.starts_with("content-"));
    assert_eq!(others, expected, "each header once, in the order of a usual mail");
    assert!(
        content_headers.len() <= 2 && content_headers[0] == "content-type",
        "{content_headers:?}"
    );
}

fn shown(address: Option<&Address<'_>>) -> Vec<(Option<String>, String)> {
    let one = |addr: &Addr<'_>| {
        (
            addr.name.as_deref().map(String::from),
            addr.address.as_deref().unwrap_or_default().to_owned(),
        )
    };
    address.map(|list| list.iter().map(one).collect()).unwrap_or_default()
}

fn expected<'a>(mailboxes: impl IntoIterator<Item = &'a Mailbox>) -> Vec<(Option<String>, String)> {
    let one = |mailbox: &Mailbox| {
        (mailbox.name.as_ref().map(|name| name.as_str().to_owned()), mailbox.address.to_string())
    };
    mailboxes.into_iter().map(one).collect()
}

/// What a reader is to see of a text: every line break is CRLF.
fn lines(text: &str) -> String {
    text.replace("\r\n", "\n").replace('\r', "\n").replace('\n', "\r\n")
}

/// Compares every field of the message with what was asked for.
fn check_fields(content: &Content, bytes: &[u8]) {
    let message = parsed(bytes);
    assert_eq!(shown(message.from()), expected([&content.from]));
    assert_eq!(shown(message.to()), expected(&content.to));
    assert_eq!(shown(message.cc()), expected(&content.cc));
    assert_eq!(shown(message.reply_to()), expected(&content.reply_to));
    assert!(message.bcc().is_none());
    assert_eq!(message.subject().unwrap_or_default().trim(), content.subject.as_str().trim());
    assert_eq!(message.message_id().unwrap(), identity().message_id);
    let date: DateTime<Utc> =
        DateTime::parse_from_rfc3339(&message.date().unwrap().to_rfc3339()).unwrap().into();
    assert_eq!(date, identity().date);
    for custom in &content.headers {
        let value = match message.header_values(custom.name()).next().unwrap() {
            HeaderValue::Empty => "",
            value => value.as_text().unwrap(),
        };
        assert_eq!(value.trim(), custom.value().trim(), "{}", custom.name());
    }

    let bodies = |wanted_html: bool| -> Vec<String> {
        let parts = message.parts.iter().filter(|part| part.content_disposition().is_none());
        let wanted = parts.filter_map(|part| match &part.body {
            PartType::Text(text) if !wanted_html => Some(text.to_string()),
            PartType::Html(html) if wanted_html => Some(html.to_string()),
            _ => None,
        });
        wanted.collect()
    };
    let single = message.parts.len() == 1;
    // A message of one part has to end with a line break, whether its text does or not.
    let ending =
        |text: String| if single { text.trim_end_matches("\r\n").to_owned() } else { text };
    let seen = |html| bodies(html).into_iter().map(ending).collect::<Vec<_>>();
    let meant =
        |text: &Option<String>| text.iter().map(|text| ending(lines(text))).collect::<Vec<_>>();
    assert_eq!(seen(false), meant(&content.text));
    assert_eq!(seen(true), meant(&content.html));

    let files: Vec<_> =
        message.parts.iter().filter(|part| part.content_disposition().is_some()).collect();
    assert_eq!(files.len(), content.attachments.len());
    for (part, file) in files.iter().zip(&content.attachments) {
        assert!(part.contents() == file.content(), "the bytes of {}", file.file_name());
        assert_eq!(part.content_disposition().unwrap().ctype(), "attachment");
        assert_eq!(part.attachment_name().unwrap(), file.file_name());
        let described =
            file.description().map(|text| text.trim_matches(' ')).filter(|text| !text.is_empty());
        assert_eq!(part.content_description().map(|text| text.trim_matches(' ')), described);
        let kind = part.content_type().unwrap();
        let essence = format!("{}/{}", kind.ctype(), kind.subtype().unwrap());
        assert_eq!(essence, file.content_type().split(';').next().unwrap());
    }
}

#[test]
fn the_parts_nest_as_readers_expect() {
    let mut content = content();
    check_fields(&content, &composed(&content));
    content.html = Some("<p>Thank you!</p>".into());
    let bytes = composed(&content);
    assert!(parsed(&bytes).content_type().unwrap().subtype() == Some("alternative"));
    check_fields(&content, &bytes);
    content.attachments = vec![file("a.pdf", b"%PDF\0\xff\r\n.\n"), file("empty.txt", b"")];
    let bytes = composed(&content);
    assert!(parsed(&bytes).content_type().unwrap().subtype() == Some("mixed"));
    check_fields(&content, &bytes);
    content.text = None;
    check_fields(&content, &composed(&content));
}

#[test]
fn blind_recipients_are_in_no_byte() {
    let mut content = content();
    content.bcc = vec![mailbox("Secret", "blind@example.net")];
    let text = String::from_utf8(composed(&content)).unwrap();
    assert!(!text.contains("blind") && !text.contains("Secret"));
}

#[test]
fn no_body_can_end_its_part() {
    let mut content = content();
    content.html = Some("<p>Hi</p>".into());
    let first = String::from_utf8(composed(&content)).unwrap();
    let boundaries: Vec<_> = first.lines().filter(|line| line.starts_with("--")).collect();
    assert!(!boundaries.is_empty());
    // A whole message inside the text, with the very boundaries that the outer one has.
    content.text = Some(format!(
        "{first}\r\n{}\r\nContent-Type: text/html\r\n\r\n<p>Forged</p>",
        boundaries[0]
    ));
    content.attachments = vec![file("outer.eml.txt", first.as_bytes())];
    let bytes = composed(&content);
    check_fields(&content, &bytes);
    content.attachments = vec![file("mixed.txt", &bytes)];
    content.text = Some(String::from_utf8(bytes).unwrap());
    check_fields(&content, &composed(&content));
}

#[test]
fn text_that_looks_encoded_is_shown_as_it_was_written() {
    let mut content = content();
    let literal = "=?utf-8?q?=0D=0ABcc:_x@example.net?=";
    content.subject = Subject::parse(literal).unwrap();
    content.to = vec![mailbox(literal, "ada@example.org")];
    content.headers = vec![header("X-Literal", literal)];
    content.attachments = vec![file("=?utf-8?q?evil=2Eexe?=", b"x")];
    let bytes = composed(&content);
    check_fields(&content, &bytes);
    assert!(
        !String::from_utf8(bytes).unwrap().contains("evil=2Eexe?="),
        "no file name that some readers decode"
    );
}

#[test]
fn long_values_are_folded() {
    let mut content = content();
    content.subject = Subject::parse("x".repeat(998)).unwrap();
    content.from = mailbox(&"n".repeat(256), "shop@example.com");
    content.to = (0..50)
        .map(|n| mailbox("Someone with a name", &format!("person{n}@example.org")))
        .collect();
    content.headers = vec![
        header("X-Long", &"y".repeat(1000)),
        header(&"X".repeat(76), &"ö".repeat(1000)),
        header("X-Spaces", &format!("a{}b", " ".repeat(990))),
        header("X-Words", &"word ".repeat(199)),
        header("X-Empty", ""),
    ];
    content.attachments = vec![
        file(&"ü".repeat(255), b"x"),
        file(&"a".repeat(255), b"x"),
        file("a\"b;c'%.txt", b"x"),
    ];
    check_fields(&content, &composed(&content));
}

#[test]
fn names_of_every_kind_survive() {
    for name in [
        "Ada",
        "Lovelace, Ada",
        "\"Ada\" \\ (x) <y>",
        "Ädä",
        "a  b",
        "東京 支店",
        "O'Neil & Söhne @ home",
        "a.b",
        "🙂",
    ] {
        let mut content = content();
        content.to = vec![mailbox(name, "ada@example.org"), mailbox("", "bob@example.org")];
        content.cc = vec![mailbox(name, "cc@example.org")];
        content.reply_to =
            vec![mailbox(name, "answers@example.org"), mailbox(name, "help@example.org")];
        check_fields(&content, &composed(&content));
    }
}

#[test]
fn every_accepted_address_can_be_written() {
    for address in
        ["संपर्क@example.org", "用户@例子.中国", "🙂@example.org", "a'b{c}@xn--bcher-kva.example"]
    {
        let mut content = content();
        content.to = vec![mailbox("Someone", address)];
        check_fields(&content, &composed(&content));
    }
}

#[test]
fn bodies_survive_whatever_they_hold() {
    for text in [
        "",
        "\n",
        ".\n..\n.",
        "From me\nFrom you",
        "a\rb\nc\r\nd\n\r\ne",
        "trailing \nspace\t\n end ",
        "==3D=\n=",
        "\0\u{1}\u{7f}",
        "é",
        "--\n--=_",
        "  lead",
        &"x".repeat(5000),
        &"é".repeat(3000),
        &"a b ".repeat(3000),
        "\u{feff}x",
    ] {
        let mut content = content();
        content.text = Some(text.into());
        check_fields(&content, &composed(&content));
        content.html = Some(format!("<p>{text}</p>"));
        check_fields(&content, &composed(&content));
    }
}

prop_compose! {
    fn mailboxes()(
        name in prop_oneof![Just(String::new()), "[ -~]{1,40}", "\\PC{1,256}", "[a-zA-Z .,\"\\\\]{1,256}"],
        local in prop_oneof!["[a-z0-9!#$%&'*+/=?^_`{|}~-]{1,20}", "\\p{L}{1,6}"],
        domain in "[a-z0-9]{1,20}\\.[a-z]{2,5}",
    ) -> Option<Mailbox> {
        let address: EmailAddress = format!("{local}@{domain}").parse().ok()?;
        Some(Mailbox { address, name: DisplayName::parse(name).ok() })
    }
}

fn mailbox_list(most: usize) -> impl Strategy<Value = Vec<Mailbox>> {
    prop::collection::vec(mailboxes(), 0..most)
        .prop_map(|list| list.into_iter().flatten().collect())
}

fn pattern(regex: &str) -> impl Strategy<Value = String> + use<> {
    prop::string::string_regex(regex).unwrap()
}

fn line(longest: usize) -> impl Strategy<Value = String> {
    prop_oneof![
        pattern("[ -~]{0,60}"),
        pattern("\\PC{0,60}"),
        pattern(&format!("[a-z =?_]{{0,{longest}}}")),
        pattern(&format!("[a-zé€🙂]{{0,{longest}}}")),
    ]
}

fn body() -> impl Strategy<Value = Option<String>> {
    prop::option::of(prop_oneof![
        "(?s).{0,200}",
        "[ -~\r\n\t]{0,2000}",
        "[=.\r\nF a-z-]{0,300}",
        "[ぁ-ん\n]{0,600}",
    ])
}

fn files() -> impl Strategy<Value = Attachment> {
    let name = prop_oneof!["\\PC{1,40}", "[ -~]{1,255}", "[a-z]{1,9}\\.pdf", "[é🙂]{200,255}"];
    let described = prop::option::of("\\PC{0,500}");
    let kind = prop::option::of("[a-z]{1,9}/[a-z0-9.+-]{1,20}");
    (name, described, kind, prop::collection::vec(any::<u8>(), 0..400)).prop_filter_map(
        "refused",
        |(name, described, kind, bytes)| {
            Some(Attachment::new(
                FileName::parse(name).ok()?,
                kind.and_then(|kind| ContentType::parse(&kind).ok()),
                described.and_then(|text| Description::parse(text).ok()),
                bytes,
            ))
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn whatever_is_accepted_arrives_as_it_was_meant(
        from in mailboxes(), to in mailbox_list(6), cc in mailbox_list(3), reply_to in mailbox_list(4),
        subject in line(998), text in body(), html in body(),
        headers in prop::collection::vec(("X-[A-Za-z0-9-]{1,74}", line(1000)), 0..6),
        attachments in prop::collection::vec(files(), 0..3),
    ) {
        let mut content = content();
        if let Some(from) = from { content.from = from; }
        if !to.is_empty() { content.to = to; }
        content.cc = cc;
        content.reply_to = reply_to;
        if let Ok(subject) = Subject::parse(subject) { content.subject = subject; }
        if text.is_some() || html.is_some() { content.text = text; content.html = html; }
        content.headers = headers.into_iter().filter_map(|(name, value)| CustomHeader::new(name, value).ok()).collect();
        content.attachments = attachments;
        prop_assume!(header::check_together(&content.headers).is_ok());
        check_fields(&content, &composed(&content));
    }
}
