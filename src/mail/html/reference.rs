//! Character references (the HTML standard, section 13.5): numbers, and the names that mails use.

use std::borrow::Cow;

use super::is_space;

/// A text with its references replaced; what is none is left as it is.
pub(in crate::mail) fn decoded(source: &str) -> Cow<'_, str> {
    if !source.contains('&') {
        return Cow::Borrowed(source);
    }
    let mut text = String::with_capacity(source.len());
    let mut rest = source;
    while let Some(start) = rest.find('&') {
        text.push_str(&rest[..start]);
        rest = &rest[start + 1..];
        // The longest that is read is `&#x10ffff;` with some zeros before it.
        let end = rest.bytes().take(16).position(|byte| byte == b';');
        match end.and_then(|end| Some((end, character(&rest[..end])?))) {
            Some((end, c)) => {
                text.push(c);
                rest = &rest[end + 1..];
            }
            None => text.push('&'),
        }
    }
    text.push_str(rest);
    Cow::Owned(text)
}

fn character(name: &str) -> Option<char> {
    let Some(number) = name.strip_prefix('#') else { return named(name) };
    let (digits, radix) = match number.strip_prefix(['x', 'X']) {
        Some(digits) => (digits, 16),
        None => (number, 10),
    };
    if !digits.starts_with(|c: char| c.is_digit(radix)) {
        return None;
    }
    let code = u32::from_str_radix(digits, radix).ok()?;
    if let 0x80..=0x9f = code {
        return from_windows(code);
    }
    char::from_u32(code).filter(|c| !c.is_control() || is_space(*c))
}

/// Old mails number these by Windows-1252, and browsers read them so.
fn from_windows(code: u32) -> Option<char> {
    const FROM_80: [char; 32] = [
        '€', '\0', '‚', 'ƒ', '„', '…', '†', '‡', 'ˆ', '‰', 'Š', '‹', 'Œ', '\0', 'Ž', '\0', '\0',
        '‘', '’', '“', '”', '•', '–', '—', '˜', '™', 'š', '›', 'œ', '\0', 'ž', 'Ÿ',
    ];
    FROM_80.get(usize::try_from(code).ok()? - 0x80).copied().filter(|c| *c != '\0')
}

fn named(name: &str) -> Option<char> {
    Some(match name {
        "amp" | "AMP" => '&',
        "lt" | "LT" => '<',
        "gt" | "GT" => '>',
        "quot" | "QUOT" => '"',
        "apos" => '\'',
        "nbsp" => '\u{a0}',
        "ensp" => '\u{2002}',
        "emsp" => '\u{2003}',
        "thinsp" => '\u{2009}',
        "zwnj" => '\u{200c}',
        "zwj" => '\u{200d}',
        "shy" => '\u{ad}',
        "copy" => '©',
        "reg" => '®',
        "trade" => '™',
        "mdash" => '—',
        "ndash" => '–',
        "hellip" => '…',
        "lsquo" => '‘',
        "rsquo" => '’',
        "sbquo" => '‚',
        "ldquo" => '“',
        "rdquo" => '”',
        "bdquo" => '„',
        "laquo" => '«',
        "raquo" => '»',
        "lsaquo" => '‹',
        "rsaquo" => '›',
        "euro" => '€',
        "pound" => '£',
        "yen" => '¥',
        "cent" => '¢',
        "sect" => '§',
        "para" => '¶',
        "middot" => '·',
        "bull" => '•',
        "times" => '×',
        "divide" => '÷',
        "plusmn" => '±',
        "minus" => '−',
        "frac12" => '½',
        "deg" => '°',
        "micro" => 'µ',
        "iexcl" => '¡',
        "iquest" => '¿',
        "rarr" => '→',
        "larr" => '←',
        "check" => '✓',
        "star" => '☆',
        "hearts" => '♥',
        _ => return letter(name),
    })
}

/// The letters of western Europe, by base and accent: `eacute` is `é`.
fn letter(name: &str) -> Option<char> {
    const ACCENTS: [(&str, &str, &str); 7] = [
        ("grave", "AEIOUaeiou", "ÀÈÌÒÙàèìòù"),
        ("acute", "AEIOUYaeiouy", "ÁÉÍÓÚÝáéíóúý"),
        ("circ", "AEIOUaeiou", "ÂÊÎÔÛâêîôû"),
        ("tilde", "ANOano", "ÃÑÕãñõ"),
        ("uml", "AEIOUaeiouy", "ÄËÏÖÜäëïöüÿ"),
        ("cedil", "Cc", "Çç"),
        ("slash", "Oo", "Øø"),
    ];
    match name {
        "szlig" => return Some('ß'),
        "aring" => return Some('å'),
        "Aring" => return Some('Å'),
        "aelig" => return Some('æ'),
        "AElig" => return Some('Æ'),
        "oelig" => return Some('œ'),
        "OElig" => return Some('Œ'),
        "eth" => return Some('ð'),
        "thorn" => return Some('þ'),
        _ => {}
    }
    let mut rest = name.chars();
    let base = rest.next()?;
    let (_, bases, letters) = ACCENTS.iter().find(|(accent, ..)| *accent == rest.as_str())?;
    letters.chars().nth(bases.find(base)?)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn references_are_read_by_name_and_by_number() {
        assert_eq!(decoded("&lt;&euro;&#8364;&#x20AC;&#X20ac;&#128;&#0000008364;"), "<€€€€€€");
        assert_eq!(decoded("&auml;&Eacute;&ccedil;&yuml;&oslash;&szlig;&ntilde;"), "äÉçÿøßñ");
        assert_eq!(decoded("it&#146;s &nbsp; on"), "it’s \u{a0} on");
    }

    #[test]
    fn what_is_no_reference_stays() {
        for text in [
            "&",
            "&;",
            "&#;",
            "&#x;",
            "&#0;",
            "&#+65;",
            "&#xd800;",
            "&#1114112;",
            "&nope;",
            "a&b",
            "&amp",
            "&ä;",
            "&zcirc;",
        ] {
            assert_eq!(decoded(text), text);
        }
        assert_eq!(decoded("&amp;lt;"), "&lt;", "once and not again");
    }

    proptest! {
        #[test]
        fn no_text_makes_it_panic_or_gains_a_control_character(text in "(?s)(&#?x?[0-9a-fA-Z]{0,8};?|.){0,20}") {
            let controls = |text: &str| text.chars().filter(|c| c.is_control() && !is_space(*c)).count();
            prop_assert!(controls(&decoded(&text)) <= controls(&text));
        }
    }
}
