//! Media types of files.

use serde::{Deserialize, Serialize};

use super::file_name::FileName;

/// A media type such as `application/pdf` (RFC 6838, section 4.2), in lower case, perhaps with a `charset`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ContentType(String);

/// The text is no media type that a file can have.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("must be a media type such as application/pdf, and neither multipart/ nor message/")]
pub struct InvalidContentType;

impl ContentType {
    /// The type as it stands in the header.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Reads a type. Its parameters are left out but for a charset, since a `name` or a `boundary` would contradict
    /// what is written beside it. `multipart/` and `message/` are refused: a reader would take the file apart.
    pub fn parse(text: &str) -> Result<Self, InvalidContentType> {
        let is_token = |part: &str| {
            (1..=127).contains(&part.len())
                && part.starts_with(|c: char| c.is_ascii_alphanumeric())
                && part
                    .bytes()
                    .all(|byte| byte.is_ascii_alphanumeric() || b"!#$&-^_.+".contains(&byte))
        };
        if text.chars().any(char::is_control) {
            return Err(InvalidContentType);
        }
        let mut parts = text.split(';');
        let essence = parts.next().unwrap_or_default().trim().to_ascii_lowercase();
        let (kind, subtype) = essence.split_once('/').ok_or(InvalidContentType)?;
        if !is_token(kind) || !is_token(subtype) || kind == "multipart" || kind == "message" {
            return Err(InvalidContentType);
        }
        let charset = parts.find_map(|parameter| {
            let (name, value) = parameter.split_once('=')?;
            let value = value.trim().trim_matches('"');
            (name.trim().eq_ignore_ascii_case("charset") && is_token(value))
                .then(|| value.to_owned())
        });
        Ok(Self(charset.map_or(essence.clone(), |charset| format!("{essence}; charset={charset}"))))
    }

    /// What files of this extension mostly are.
    pub(super) fn guess(name: &FileName) -> Self {
        let extension =
            name.as_str().rsplit_once('.').map(|(_, extension)| extension.to_lowercase());
        let guessed = match extension.as_deref().unwrap_or_default() {
            "pdf" => "application/pdf",
            "png" => "image/png",
            "jpg" | "jpeg" => "image/jpeg",
            "gif" => "image/gif",
            "webp" => "image/webp",
            "svg" => "image/svg+xml",
            "txt" | "log" => "text/plain; charset=utf-8",
            "csv" => "text/csv; charset=utf-8",
            "html" | "htm" => "text/html; charset=utf-8",
            "json" => "application/json",
            "xml" => "application/xml",
            "ics" => "text/calendar; charset=utf-8",
            "zip" => "application/zip",
            "docx" => "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
            "xlsx" => "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
            _ => "application/octet-stream",
        };
        Self(guessed.to_owned())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn content_types_are_read_or_guessed() {
        assert_eq!(
            ContentType::parse("Text/HTML; Charset=\"UTF-8\"; x=y").unwrap().0,
            "text/html; charset=UTF-8"
        );
        for bad in [
            "",
            "pdf",
            "a/b/c",
            "multipart/mixed",
            "message/rfc822",
            "text/html\r\nBcc: x",
            "text/html; x=\r\nBcc: x",
            "text /html",
        ] {
            assert_eq!(ContentType::parse(bad), Err(InvalidContentType), "{bad:?}");
        }
        let name = FileName::parse("a.PDF".to_owned()).unwrap();
        assert_eq!(ContentType::guess(&name).as_str(), "application/pdf");
    }

    proptest! {
        #[test]
        fn no_text_makes_the_reader_panic(text in any::<String>()) {
            let _ = ContentType::parse(&text);
        }

        #[test]
        fn lettre_reads_every_accepted_type(text in "[a-zA-Z0-9!#$&^_.+-]{1,20}/[a-zA-Z0-9!#$&^_.+-]{1,20}(; ?charset=\"?[a-z0-9_-]{1,9}\"?)?") {
            if let Ok(ContentType(accepted)) = ContentType::parse(&text) {
                prop_assert!(lettre::message::header::ContentType::parse(&accepted).is_ok(), "{}", accepted);
                prop_assert_eq!(&ContentType::parse(&accepted).unwrap().0, &accepted);
            }
        }
    }
}
