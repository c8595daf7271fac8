//! Files that travel with a mail.

use base64::Engine;
use base64::alphabet::STANDARD;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use serde::{Deserialize, Serialize};

/// Files in one mail.
pub const MAX_ATTACHMENTS: usize = 20;

/// All files of one mail together, in characters of base64.
pub const MAX_ENCODED_BYTES: usize = 40 * 1024 * 1024;

/// A file that travels with a mail. Its bytes are stored beside the description of the mail, not inside it.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Attachment {
    file_name: FileName,
    content_type: ContentType,
    description: Option<Description>,
    content_length: usize,
    #[serde(skip)]
    content: Vec<u8>,
}

impl Attachment {
    /// A file. Without a content type, one is guessed from the name.
    pub fn new(
        file_name: FileName,
        content_type: Option<ContentType>,
        description: Option<Description>,
        content: Vec<u8>,
    ) -> Self {
        let content_type = content_type.unwrap_or_else(|| ContentType::guess(&file_name));
        Self { file_name, content_type, description, content_length: content.len(), content }
    }

    /// What the recipient sees.
    pub fn file_name(&self) -> &str {
        &self.file_name.0
    }

    /// Such as `application/pdf`.
    pub fn content_type(&self) -> &str {
        &self.content_type.0
    }

    /// What it is, in words.
    pub fn description(&self) -> Option<&str> {
        self.description.as_ref().map(|description| description.0.as_str())
    }

    /// The bytes.
    pub fn content(&self) -> &[u8] {
        &self.content
    }

    /// How many bytes there are, known even before they are loaded.
    pub fn content_length(&self) -> usize {
        self.content_length
    }

    /// Puts the bytes back that were stored elsewhere.
    pub fn set_content(&mut self, content: Vec<u8>) {
        self.content = content;
    }
}

impl std::fmt::Debug for Attachment {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Attachment({} bytes)", self.content_length)
    }
}

/// Extensions that mail systems refuse, because they run something when they are opened.
const BLOCKED: &str = " adp app asp bas bat cer chm cmd com cpl crt csh der exe fxp gadget hlp hta inf ins isp its js jse ksh \
    lib lnk mad maf mag mam maq mar mas mat mau mav maw mda mdb mde mdt mdw mdz msc msh msh1 msh2 mshxml msh1xml \
    msh2xml msi msp mst ops pcd pif plg prf prg reg scf scr sct shb shs sys ps1 ps1xml ps2 ps2xml psc1 psc2 tmp url vb \
    vbe vbs vps vsmacros vss vst vsw vxd ws wsc wsf wsh xnk ";

/// The name of a file: 1 to 255 characters, one path segment, no extension that is blocked.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct FileName(String);

/// Why a text is no file name.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidFileName {
    /// Empty or too long.
    #[error("must have 1 to 255 characters")]
    Length,
    /// A path, or characters that have no place in a name.
    #[error(
        "must be a plain file name, without slashes, control characters or characters that change the direction of text"
    )]
    Characters,
    /// An extension that mail systems refuse.
    #[error(
        "has the extension .{0}, which mail systems block; put the file into an archive or send a link"
    )]
    Blocked(String),
}

impl FileName {
    /// Reads a name.
    pub fn parse(text: String) -> Result<Self, InvalidFileName> {
        if text.trim().is_empty() || text.chars().count() > 255 {
            return Err(InvalidFileName::Length);
        }
        let out_of_place = |c: char| c.is_control() || "/\\".contains(c) || changes_direction(c);
        if text.chars().any(out_of_place) || text == "." || text == ".." {
            return Err(InvalidFileName::Characters);
        }
        // Some systems drop dots and spaces at the end, which would bring a hidden extension to light.
        let visible = text.trim_end_matches(|c: char| c == '.' || c.is_whitespace()).to_lowercase();
        if let Some((_, extension)) = visible.rsplit_once('.')
            && !extension.contains(' ')
            && BLOCKED.contains(&format!(" {extension} "))
        {
            return Err(InvalidFileName::Blocked(extension.to_owned()));
        }
        Ok(Self(text))
    }
}

/// Marks that make text run the other way, so that `exe.pdf` may be read where `fdp.exe` stands.
fn changes_direction(c: char) -> bool {
    matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{200e}' | '\u{200f}')
}

/// A media type such as `application/pdf` (RFC 6838, section 4.2), perhaps with parameters.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ContentType(String);

/// The text is no media type that a file can have.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("must be a media type such as application/pdf, and neither multipart/ nor message/")]
pub struct InvalidContentType;

impl ContentType {
    /// Reads a type; parameters are left out but for a charset.
    pub fn parse(text: &str) -> Result<Self, InvalidContentType> {
        let is_token = |part: &str| {
            (1..=127).contains(&part.len())
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

    fn guess(FileName(name): &FileName) -> Self {
        let extension = name.rsplit_once('.').map(|(_, extension)| extension.to_lowercase());
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

/// What a file is, in words: at most 500 characters of one line.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Description(String);

/// The text is no description.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("must have at most 500 characters, without line breaks or other control characters")]
pub struct InvalidDescription;

impl Description {
    /// Reads a description.
    pub fn parse(text: String) -> Result<Self, InvalidDescription> {
        let fits = text.chars().count() <= 500 && !text.chars().any(char::is_control);
        if fits { Ok(Self(text)) } else { Err(InvalidDescription) }
    }
}

/// The text is not base64.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("is not valid base64 (RFC 4648, section 4)")]
pub struct InvalidBase64;

/// Reads base64 of the standard alphabet, with padding or without, perhaps broken into lines.
pub fn decode_base64(text: &str) -> Result<Vec<u8>, InvalidBase64> {
    const LENIENT: GeneralPurpose = GeneralPurpose::new(
        &STANDARD,
        GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
    );
    let is_break = |byte: u8| b"\r\n \t".contains(&byte);
    if text.bytes().any(is_break) {
        let joined: Vec<u8> = text.bytes().filter(|byte| !is_break(*byte)).collect();
        return LENIENT.decode(joined).map_err(|_| InvalidBase64);
    }
    LENIENT.decode(text).map_err(|_| InvalidBase64)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn name(text: &str) -> Result<FileName, InvalidFileName> {
        FileName::parse(text.to_owned())
    }

    #[test]
    fn names_that_run_something_are_refused_however_they_hide() {
        for hidden in ["a.exe", "a.EXE", "a.pdf.exe", "a.exe.", "a.exe . ", ".js", "a.Ps1Xml"] {
            assert!(matches!(name(hidden), Err(InvalidFileName::Blocked(_))), "{hidden}");
        }
        for good in ["a.pdf", "exe", "invoice", "a.exe.zip", "übersicht.txt", "a.js on"] {
            assert!(name(good).is_ok(), "{good}");
        }
    }

    #[test]
    fn paths_and_tricks_are_no_names() {
        for bad in [
            "",
            " ",
            ".",
            "..",
            "../a.txt",
            "a\\b",
            "a\r\nb",
            "a\0",
            "a\u{202e}fdp.txt",
            &"x".repeat(256),
        ] {
            assert!(name(bad).is_err(), "{bad:?}");
        }
    }

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
        let guessed = Attachment::new(name("a.PDF").unwrap(), None, None, vec![1]);
        assert_eq!(guessed.content_type(), "application/pdf");
    }

    #[test]
    fn base64_is_read_in_the_forms_that_clients_send() {
        for text in ["aGk=", "aGk", "aG\r\nk=\n"] {
            assert_eq!(decode_base64(text).unwrap(), b"hi");
        }
        for bad in ["a", "aGk=aGk=", "aG-_", "data:text/plain;base64,aGk=", "äöü"] {
            assert_eq!(decode_base64(bad), Err(InvalidBase64), "{bad}");
        }
    }

    proptest! {
        #[test]
        fn no_text_makes_the_readers_panic(text in any::<String>()) {
            let _ = (FileName::parse(text.clone()), ContentType::parse(&text), decode_base64(&text));
        }
    }
}
