//! Pictures that travel with a mail, put into a page of it: where the page stands alone, `cid:` leads nowhere.

use std::borrow::Cow;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use percent_encoding::percent_decode_str;

use crate::domain::attachment::Attachment;

/// The most that pictures may add to a page, in bytes. What does not fit is not shown.
const MOST: usize = 12 * 1024 * 1024;

/// What browsers show as a picture. SVG runs nothing where it is one.
const SHOWN: &[&str] = &[
    "image/avif",
    "image/bmp",
    "image/gif",
    "image/jpeg",
    "image/jpg",
    "image/png",
    "image/svg+xml",
    "image/vnd.microsoft.icon",
    "image/webp",
    "image/x-icon",
];

/// The document with its pictures in the place of what it calls them by (RFC 2392).
///
/// A reference is looked for where a value begins, behind a quote, a bracket or an equals sign: that is so in attributes and in
/// style sheets, of whatever kind. One in the text is replaced as well, which harms nobody.
pub(super) fn with_pictures(html: String, files: &[Attachment]) -> String {
    let named = files.iter().filter(|file| file.content_id().is_some());
    let pictures: Vec<_> = named.filter_map(|file| Some((file, kind(file)?))).collect();
    if pictures.is_empty() {
        return html;
    }
    let (mut shown, mut copied, mut room) = (String::new(), 0, MOST);
    let lower_case = html.to_ascii_lowercase();
    for (start, _) in lower_case.match_indices("cid:") {
        let begins_value = html[..start].ends_with(['"', '\'', '(', '=']);
        if start < copied || !begins_value {
            continue;
        }
        let name = name(&html[start + 4..]);
        let id: Cow<'_, str> = percent_decode_str(name).decode_utf8_lossy();
        let is_called = |file: &Attachment| file.content_id().is_some_and(|it| it.as_str() == id);
        let Some((file, kind)) = pictures.iter().find(|(file, _)| is_called(file)) else {
            continue;
        };
        let length = file.content().len().div_ceil(3) * 4;
        if length > room {
            continue;
        }
        room -= length;
        shown.push_str(&html[copied..start]);
        shown.extend(["data:", kind, ";base64,"]);
        BASE64_STANDARD.encode_string(file.content(), &mut shown);
        copied = start + 4 + name.len();
    }
    shown.push_str(&html[copied..]);
    shown
}

/// The type of a picture, without its parameters, if browsers show it.
fn kind(file: &Attachment) -> Option<&'static str> {
    let kind = file.content_type().split(';').next().unwrap_or_default().trim();
    SHOWN.iter().copied().find(|shown| kind.eq_ignore_ascii_case(shown))
}

/// What the rest of a reference begins with: the characters of a name, and those that escape them in a URL.
fn name(rest: &str) -> &str {
    let is_of_name = |byte: u8| byte.is_ascii_alphanumeric() || b"._-+=@%".contains(&byte);
    &rest[..rest.bytes().position(|byte| !is_of_name(byte)).unwrap_or(rest.len())]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::attachment::{ContentType, Disposition, FileName};
    use crate::domain::content_id::ContentId;

    fn file(id: &str, kind: &str, content: &[u8]) -> Attachment {
        let name = FileName::parse("a.bin".into()).unwrap();
        let kind = ContentType::parse(kind).unwrap();
        let file = Attachment::new(name, Some(kind), None, content.to_vec());
        file.shown(Some(ContentId::parse(id).unwrap()), Disposition::Inline)
    }

    #[test]
    fn a_picture_is_put_where_its_name_stands() {
        let files = [file("logo@shop", "IMAGE/PNG", b"abc"), file("b", "image/gif", b"de")];
        for (html, shown) in [
            ("<img src=\"cid:logo@shop\">", "<img src=\"data:image/png;base64,YWJj\">"),
            ("<img src='CID:logo%40shop'>é", "<img src='data:image/png;base64,YWJj'>é"),
            ("<td background=cid:b>", "<td background=data:image/gif;base64,ZGU=>"),
            (
                "é<p style=\"background: url(cid:b)\">",
                "é<p style=\"background: url(data:image/gif;base64,ZGU=)\">",
            ),
            ("'cid:b'\"cid:b\"", "'data:image/gif;base64,ZGU='\"data:image/gif;base64,ZGU=\""),
        ] {
            assert_eq!(with_pictures(html.into(), &files), shown);
        }
    }

    #[test]
    fn what_is_no_picture_of_the_mail_stays() {
        let files = [
            file("page", "text/html", b"<script>"),
            file("odd", "image/tiff", b"x"),
            file("b", "image/gif", b"de"),
        ];
        for html in [
            "<img src=\"cid:page\"> <img src=\"cid:odd\"> <img src=\"cid:none\"> <img src=\"cid:\">",
            "Say cid:b, acid:b",
            "<img src=\"cid:B\"> <img src=\"cid:%ff\"> =cid:",
        ] {
            assert_eq!(with_pictures(html.into(), &files), html);
        }
    }

    #[test]
    fn a_picture_that_is_shown_a_thousand_times_fills_no_memory() {
        let files = [file("b", "image/gif", &vec![0; 1024 * 1024])];
        let html = "<img src=\"cid:b\">".repeat(1000);
        let shown = with_pictures(html.clone(), &files);
        assert!(shown.len() < html.len() + MOST && shown.matches("data:image/gif").count() == 8);
    }
}
