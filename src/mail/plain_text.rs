//! Text from HTML, for mails whose author gave no text part: some readers show nothing else, and spam filters ask for it.
//!
//! One pass over the document, because it is a stranger's: the small libraries that were tried take time that grows
//! with the square of a hostile document (minutes for 400 KB), and the large ones bring a browser's parser.

/// Elements whose content nobody reads.
const SILENT: &[&str] = &["script", "style", "title", "template", "noscript", "svg"];

/// Elements that stand on lines of their own.
const BLOCKS: &[&str] = &[
    "p",
    "div",
    "table",
    "tr",
    "ul",
    "ol",
    "li",
    "h1",
    "h2",
    "h3",
    "h4",
    "h5",
    "h6",
    "blockquote",
    "pre",
    "section",
    "article",
    "header",
    "footer",
    "hr",
    "address",
    "center",
];

/// Elements with an empty line around them.
const PARAGRAPHS: &[&str] =
    &["p", "h1", "h2", "h3", "h4", "h5", "h6", "blockquote", "table", "ul", "ol"];

/// The text of an HTML document, with the targets of its links in brackets behind their words.
pub fn from_html(html: &str) -> String {
    let mut text = Text::default();
    let mut link: Option<(String, usize)> = None;
    let mut rest = html;
    let mut quotes_close = true;
    while let Some(start) = rest.find('<') {
        text.words(&rest[..start]);
        let tag = &rest[start..];
        if tag.starts_with("<!--") {
            rest = tag.find("-->").map_or("", |end| &tag[end + 3..]);
            continue;
        }
        if !tag[1..].starts_with(|c: char| c.is_ascii_alphabetic() || "/!?".contains(c)) {
            text.words("<");
            rest = &tag[1..];
            continue;
        }
        let end = end_of_tag(tag, &mut quotes_close);
        let inside = &tag[1..end];
        rest = tag.get(end + 1..).unwrap_or_default();

        let closes = inside.starts_with('/');
        let name_end = inside[usize::from(closes)..].find(|c: char| !c.is_ascii_alphanumeric());
        let from = usize::from(closes);
        let name =
            inside[from..name_end.map_or(inside.len(), |end| from + end)].to_ascii_lowercase();
        if !closes && SILENT.contains(&&*name) && !inside.ends_with('/') {
            rest = after_closing(rest, &name);
        } else if name == "br" {
            text.line_break();
        } else if name == "a" {
            if let Some((target, began)) = link.take() {
                text.link(&target, began);
            }
            if !closes {
                link = attribute(inside, "href").map(|target| (target, text.written.len()));
            }
        } else if name == "img" {
            if let Some(described) = attribute(inside, "alt") {
                text.words(&described);
            }
        } else if BLOCKS.contains(&&*name) {
            text.block(PARAGRAPHS.contains(&&*name));
            if !closes && name == "li" {
                text.words("* ");
            }
        } else if name == "td" || name == "th" {
            text.words(" ");
        }
    }
    text.words(rest);
    if let Some((target, began)) = link {
        text.link(&target, began);
    }
    text.written.trim_end().to_owned()
}

/// Where the tag's `>` is, past any inside quotes; the end of the document if there is none.
///
/// An open quote would swallow the document, so such a tag ends at its first `>`, as a reader would have it. From there
/// on quotes are not followed any more: each would be followed to the end of the document again, and minutes would pass.
fn end_of_tag(tag: &str, quotes_close: &mut bool) -> usize {
    let mut quote = None;
    for (place, byte) in tag.bytes().enumerate() {
        match (quote, byte) {
            (None, b'>') => return place,
            (None, b'"' | b'\'') if *quotes_close => quote = Some(byte),
            (Some(open), byte) if open == byte => quote = None,
            _ => {}
        }
    }
    *quotes_close = false;
    tag.find('>').filter(|_| quote.is_some()).unwrap_or(tag.len())
}

fn after_closing<'a>(rest: &'a str, name: &str) -> &'a str {
    let mut from = 0;
    while let Some(at) = rest[from..].find("</") {
        let inside = &rest[from + at + 2..];
        if inside.get(..name.len()).is_some_and(|start| start.eq_ignore_ascii_case(name)) {
            return inside.find('>').map_or("", |end| &inside[end + 1..]);
        }
        from += at + 2;
    }
    ""
}

fn attribute(inside: &str, wanted: &str) -> Option<String> {
    let mut rest = inside;
    while let Some(equals) = rest.find('=') {
        let name = rest[..equals]
            .trim_end()
            .rsplit(|c: char| c.is_whitespace() || c == '"' || c == '\'')
            .next();
        let value = rest[equals + 1..].trim_start();
        let (value, after) = match value.chars().next() {
            Some(quote @ ('"' | '\'')) => value[1..].split_once(quote).unwrap_or((&value[1..], "")),
            _ => value.split_once(char::is_whitespace).unwrap_or((value, "")),
        };
        if name.is_some_and(|name| name.eq_ignore_ascii_case(wanted)) {
            return Some(decoded(value.trim()));
        }
        rest = after;
    }
    None
}

/// The text so far, with white space folded as a reader would.
#[derive(Default)]
struct Text {
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
    fn words(&mut self, source: &str) {
        let text = decoded(source);
        if text.starts_with(is_space) {
            self.widen(Gap::Space);
        }
        for word in text.split(is_space).filter(|word| !word.is_empty()) {
            self.close_gap();
            self.written.push_str(word);
            self.gap = Gap::Space;
        }
        if !text.is_empty() && !text.ends_with(is_space) {
            self.gap = Gap::None;
        }
    }

    fn line_break(&mut self) {
        if self.gap == Gap::Line {
            self.gap = Gap::Paragraph;
        }
        self.widen(Gap::Line);
    }

    fn block(&mut self, paragraph: bool) {
        self.widen(if paragraph { Gap::Paragraph } else { Gap::Line });
    }

    /// The target behind the words, unless they are the target.
    fn link(&mut self, target: &str, began: usize) {
        let words = self.written.get(began..).unwrap_or_default().trim();
        let is_shown = words == target || target.strip_prefix("mailto:") == Some(words);
        if !target.starts_with('#') && !target.is_empty() && !is_shown {
            let gap = std::mem::replace(&mut self.gap, Gap::None);
            self.written.push_str(" [");
            self.written.extend(target.chars().filter(|c| !c.is_control()));
            self.written.push(']');
            self.gap = gap;
        }
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

/// HTML's white space; a no-break space is a character like others.
fn is_space(c: char) -> bool {
    matches!(c, ' ' | '\t' | '\n' | '\r' | '\u{c}')
}

/// Character references decoded: numbers, and the names that mails use.
fn decoded(source: &str) -> String {
    let mut text = String::with_capacity(source.len());
    let mut rest = source;
    while let Some(start) = rest.find('&') {
        text.push_str(&rest[..start]);
        rest = &rest[start + 1..];
        let end = rest.bytes().take(12).position(|byte| byte == b';');
        match end.and_then(|end| Some((end, reference(&rest[..end])?))) {
            Some((end, c)) => {
                text.push(c);
                rest = &rest[end + 1..];
            }
            None => text.push('&'),
        }
    }
    text.push_str(rest);
    text
}

fn reference(name: &str) -> Option<char> {
    if let Some(number) = name.strip_prefix('#') {
        let code = match number.strip_prefix(['x', 'X']) {
            Some(hex) => u32::from_str_radix(hex, 16).ok()?,
            None => number.parse().ok()?,
        };
        return char::from_u32(code).filter(|c| !c.is_control() || is_space(*c));
    }
    Some(match name {
        "amp" => '&',
        "lt" => '<',
        "gt" => '>',
        "quot" => '"',
        "apos" => '\'',
        "nbsp" => '\u{a0}',
        "copy" => '©',
        "reg" => '®',
        "trade" => '™',
        "mdash" => '—',
        "ndash" => '–',
        "hellip" => '…',
        "lsquo" => '‘',
        "rsquo" => '’',
        "ldquo" => '“',
        "rdquo" => '”',
        "laquo" => '«',
        "raquo" => '»',
        "euro" => '€',
        "pound" => '£',
        "yen" => '¥',
        "cent" => '¢',
        "sect" => '§',
        "middot" => '·',
        "bull" => '•',
        "times" => '×',
        "deg" => '°',
        "rarr" => '→',
        "larr" => '←',
        "auml" => 'ä',
        "ouml" => 'ö',
        "uuml" => 'ü',
        "Auml" => 'Ä',
        "Ouml" => 'Ö',
        "Uuml" => 'Ü',
        "szlig" => 'ß',
        "eacute" => 'é',
        "egrave" => 'è',
        "agrave" => 'à',
        "ccedil" => 'ç',
        _ => return None,
    })
}

#[cfg(test)]
mod tests;
