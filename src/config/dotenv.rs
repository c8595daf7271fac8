//! Reads a `.env` file.

use super::Problem;

/// The pairs of a `.env` file, as Docker Compose and a shell read them too: `NAME=value` lines, with the value perhaps
/// in quotes and the line perhaps after `export`, and comments after `#`.
///
/// Nothing within a value is special, neither `$` nor `\`; to the other readers of the file that is so in single quotes
/// only. What is not a pair becomes a problem that names the line and quotes nothing of it: a secret that was broken in
/// two looks like a name.
pub(super) fn pairs<'a>(text: &'a str, problems: &mut Vec<Problem>) -> Vec<(&'a str, &'a str)> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let mut pairs = Vec::new();
    for (index, line) in text.lines().enumerate() {
        let line = line.trim();
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        match pair(line) {
            Ok(pair) => pairs.push(pair),
            Err(message) => {
                problems.push(Problem::new(&format!("line {} of .env", index + 1), message));
            }
        }
    }
    pairs
}

fn pair(line: &str) -> Result<(&str, &str), &'static str> {
    let line = line.strip_prefix("export ").unwrap_or(line);
    let (name, value) = line
        .split_once('=')
        .map(|(name, value)| (name.trim(), value))
        .filter(|(name, _)| is_name(name))
        .ok_or("must be NAME=value, with the name in capitals, or begin with #")?;
    let value = unquoted(value).ok_or("has a quote that does not end where its value does")?;
    Ok((name, value))
}

fn is_name(text: &str) -> bool {
    text.starts_with(|c: char| c.is_ascii_uppercase())
        && text.chars().all(|c| c.is_ascii_uppercase() || c.is_ascii_digit() || c == '_')
}

/// A value without its quotes and without the comment after it.
fn unquoted(value: &str) -> Option<&str> {
    // A comment begins at the start of a word: `a#b` is a value, and so is the `#` of a URL.
    let is_comment = |text: &str| text.is_empty() || text.starts_with('#');
    let trimmed = value.trim();
    for quote in ['"', '\''] {
        if let Some(rest) = trimmed.strip_prefix(quote) {
            let (within, after) = rest.split_once(quote)?;
            let after_space = after.is_empty() || after.starts_with(char::is_whitespace);
            return (after_space && is_comment(after.trim())).then_some(within);
        }
    }
    let comment = value
        .match_indices('#')
        .map(|(start, _)| start)
        .find(|&start| value[..start].ends_with(char::is_whitespace));
    Some(comment.map_or(trimmed, |start| value[..start].trim()))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn read(text: &str) -> (Vec<(&str, &str)>, Vec<String>) {
        let mut problems = Vec::new();
        let pairs = pairs(text, &mut problems);
        (pairs, problems.iter().map(ToString::to_string).collect())
    }

    #[test]
    fn values_are_read_as_a_shell_would() {
        let text = "\u{feff}A=1\r\n# B=2\n\nexport C = 3\nD=\"a # b\" # c\nE='a\"b'\nF=a#b # c\nG= # nothing\nH=\nI=a=b\n";
        let (pairs, problems) = read(text);
        assert_eq!(
            pairs,
            [
                ("A", "1"),
                ("C", "3"),
                ("D", "a # b"),
                ("E", "a\"b"),
                ("F", "a#b"),
                ("G", ""),
                ("H", ""),
                ("I", "a=b")
            ]
        );
        assert!(problems.is_empty(), "{problems:?}");
    }

    #[test]
    fn a_line_that_is_no_pair_is_named_and_not_quoted() {
        let text = "SECRET_KEY=\nhunter2==\nHunter2=\npostgres://u:hunter2@h/d?a=b\nA=\"hunter2\nB='hunter2'hunter2\n=hunter2";
        let (pairs, problems) = read(text);
        assert_eq!(pairs, [("SECRET_KEY", "")]);
        assert_eq!(problems.len(), 6, "{problems:?}");
        assert!(!problems.join("").to_lowercase().contains("hunter2"));
        assert!(problems[0].starts_with("line 2 of .env must be NAME=value"));
        assert!(problems[3].starts_with("line 5 of .env has a quote"));
    }

    proptest! {
        #[test]
        fn what_is_quoted_comes_back(value in "[^'\r\n]{0,40}") {
            let line = format!("NAME='{value}'");
            prop_assert_eq!(read(&line).0, [("NAME", value.as_str())]);
        }

        #[test]
        fn no_file_makes_it_panic(text in "(.{0,30}\n){0,6}", value in r#"[A #='"\t]{0,12}"#) {
            drop(read(&text));
            drop(read(&format!("A={value}")));
        }
    }
}
