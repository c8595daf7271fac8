//! The text so far, with white space folded as a reader would.

use crate::mail::html::is_space;
use crate::mail::html::reference::decoded;

/// The text so far, and how far apart the next word stands.
#[derive(Default)]
pub(super) struct Text {
    written: String,
    gap: Gap,
}

#[derive(Clone, Copy, Default, PartialEq, PartialOrd)]
enum Gap {
    #[default]
    None,
    Space,
    Line,
    Paragraph,
}

impl Text {
    /// Adds what stands between two tags.
    pub(super) fn words(&mut self, source: &str) {
        let text = decoded(source);
        if text.starts_with(is_space) {
            self.widen(Gap::Space);
        }
        let mut words = text.split(is_space).filter(|word| !word.is_empty()).peekable();
        while let Some(word) = words.next() {
            // Previews in mailboxes are kept short with such padding; it is in no one's way in HTML.
            let kept = word.trim_end_matches(is_padding);
            if !kept.is_empty() {
                self.close_gap();
                self.written.push_str(kept);
            }
            if word[kept.len()..].contains(char::is_whitespace)
                || words.peek().is_some()
                || text.ends_with(is_space)
            {
                self.widen(Gap::Space);
            }
        }
    }

    /// A line ends; a second time in a row, a paragraph does.
    pub(super) fn line_break(&mut self) {
        self.widen(if self.gap >= Gap::Line { Gap::Paragraph } else { Gap::Line });
    }

    /// Something begins or ends that stands apart.
    pub(super) fn block(&mut self, is_paragraph: bool) {
        self.widen(if is_paragraph { Gap::Paragraph } else { Gap::Line });
    }

    /// How much is written.
    pub(super) fn length(&self) -> usize {
        self.written.len()
    }

    /// The target behind the words that began at `began`, unless they are the target.
    pub(super) fn link(&mut self, target: &str, began: usize) {
        let words = self.written.get(began..).unwrap_or_default().trim();
        let is_shown = words == target
            || ["mailto:", "tel:"].iter().any(|scheme| target.strip_prefix(scheme) == Some(words));
        if is_shown || !can_be_followed(target) {
            return;
        }
        let gap = if words.is_empty() {
            self.close_gap();
            Gap::Space
        } else {
            self.written.push(' ');
            std::mem::take(&mut self.gap)
        };
        self.written.push('[');
        self.written.extend(target.chars().filter(|c| !c.is_control()));
        self.written.push(']');
        self.gap = gap;
    }

    /// The whole.
    pub(super) fn finish(mut self) -> String {
        self.written.truncate(self.written.trim_end().len());
        self.written
    }

    fn widen(&mut self, gap: Gap) {
        if gap > self.gap {
            self.gap = gap;
        }
    }

    fn close_gap(&mut self) {
        if !self.written.is_empty() {
            self.written.push_str(match self.gap {
                Gap::None => "",
                Gap::Space => " ",
                Gap::Line => "\n",
                Gap::Paragraph => "\n\n",
            });
        }
        self.gap = Gap::None;
    }
}

/// Whether a character only keeps others apart, and is nothing at the end of a word.
fn is_padding(c: char) -> bool {
    c.is_whitespace()
        || matches!(c, '\u{ad}' | '\u{34f}' | '\u{200b}'..='\u{200d}' | '\u{2060}' | '\u{feff}')
}

/// Whether a target leads out of the document, and is an address rather than a program or a whole file.
fn can_be_followed(target: &str) -> bool {
    let has_scheme = |scheme: &str| {
        target.get(..scheme.len()).is_some_and(|start| start.eq_ignore_ascii_case(scheme))
    };
    !target.is_empty()
        && !target.starts_with('#')
        && !["javascript:", "vbscript:", "data:"].into_iter().any(has_scheme)
}
