//! Names of files that are safe to save and to open.

use serde::{Deserialize, Serialize};

use super::one_line::{changes_direction, is_invisible, is_one_line};

/// Extensions that mail systems refuse, because they run something when they are opened.
const BLOCKED: &str = " adp app asp bas bat cer chm cmd com cpl crt csh der exe fxp gadget hlp hta inf ins isp its js jse ksh \
    lib lnk mad maf mag mam maq mar mas mat mau mav maw mda mdb mde mdt mdw mdz msc msh msh1 msh2 mshxml msh1xml \
    msh2xml msi msp mst ops pcd pif plg prf prg reg scf scr sct shb shs sys ps1 ps1xml ps2 ps2xml psc1 psc2 tmp url vb \
    vbe vbs vps vsmacros vss vst vsw vxd ws wsc wsf wsh xnk ";

/// The name of a file: 1 to 255 characters of one line, one path segment, no extension that is blocked.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct FileName(String);

/// Masked: names such as `payslip ada lovelace.pdf` tell of people.
impl std::fmt::Debug for FileName {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("FileName(***)")
    }
}

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
    /// The longest name, in characters.
    pub const MAX_CHARACTERS: usize = 255;

    /// Reads a name.
    pub fn parse(text: String) -> Result<Self, InvalidFileName> {
        if text.trim().is_empty() || text.chars().count() > Self::MAX_CHARACTERS {
            return Err(InvalidFileName::Length);
        }
        let out_of_place = |c: char| matches!(c, '/' | '\\') || changes_direction(c);
        if !is_one_line(&text) || text.chars().any(out_of_place) || text == "." || text == ".." {
            return Err(InvalidFileName::Characters);
        }
        match blocked_extension(&text) {
            Some(extension) => Err(InvalidFileName::Blocked(extension)),
            None => Ok(Self(text)),
        }
    }

    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// The extension that a system would act on, if it is one of those that are blocked.
///
/// Some systems drop dots and spaces at the end of a name, and what follows a colon (the streams of NTFS); either would
/// bring a hidden extension to light. So would characters that cannot be seen, for the person who reads it.
fn blocked_extension(name: &str) -> Option<String> {
    let seen: String = name.chars().filter(|c| !is_invisible(*c)).collect();
    seen.split(':').find_map(|stem| {
        let stem = stem.trim_end_matches(|c: char| c == '.' || c.is_whitespace());
        let extension = stem.rsplit_once('.')?.1.to_lowercase();
        BLOCKED.split_ascii_whitespace().any(|blocked| blocked == extension).then_some(extension)
    })
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
        for hidden in [
            "a.exe",
            "a.EXE",
            "a.pdf.exe",
            "a.pdf.exe ",
            "a.exe.",
            "a.exe . ",
            ".js",
            "a.Ps1Xml",
            "a.exe\u{a0}",
            "a.exe\u{200b}",
            "a.e\u{ad}xe",
            "a.exe::$DATA",
            "a.exe:b.txt",
        ] {
            assert!(matches!(name(hidden), Err(InvalidFileName::Blocked(_))), "{hidden}");
        }
        for good in [
            "a.pdf",
            "exe",
            "invoice",
            "a.exe.zip",
            "übersicht.txt",
            "a.js on",
            "12:30.pdf",
            "a.lib lnk",
        ] {
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
            "a\u{2028}b.txt",
            "a\u{85}b.txt",
            &"x".repeat(256),
        ] {
            assert!(name(bad).is_err(), "{bad:?}");
        }
    }

    proptest! {
        #[test]
        fn an_accepted_name_is_one_segment_of_one_line(text in "(?s).{1,40}|[a-z.:/\\\\ \r\n]{1,12}") {
            if let Ok(FileName(name)) = FileName::parse(text.clone()) {
                prop_assert_eq!(&name, &text);
                prop_assert!(!name.chars().any(|c| c.is_control() || c == '/' || c == '\\'));
            }
        }

        #[test]
        fn a_blocked_extension_is_found_behind_any_name(
            stem in "[a-z .]{0,20}", tail in "[. ]{0,5}", pick in any::<prop::sample::Index>(), shout in any::<bool>(),
        ) {
            let blocked: Vec<_> = BLOCKED.split_ascii_whitespace().collect();
            let extension = pick.get(&blocked);
            let extension = if shout { extension.to_uppercase() } else { (*extension).to_owned() };
            let text = format!("{stem}.{extension}{tail}");
            prop_assert!(FileName::parse(text).is_err());
        }
    }
}
