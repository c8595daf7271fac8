//! The words of a migration: enough of SQL's grammar to judge statements, not to run them.

/// One statement.
#[derive(Debug, PartialEq)]
pub struct Statement {
    /// Keywords and plain names in lower case, quoted names without quotes, strings with theirs, and each sign alone.
    /// The body of a `DO` block follows as if it stood there.
    pub words: Vec<String>,
    /// A comment in or right before it says `-- safe: why`.
    pub is_declared_safe: bool,
}

/// Splits a migration into its statements, without comments.
pub fn statements(source: &str) -> Vec<Statement> {
    let mut found = Vec::new();
    let mut words: Vec<String> = Vec::new();
    let mut is_declared_safe = false;
    let mut rest = source;
    while let Some(first) = rest.chars().next() {
        if first.is_whitespace() {
            rest = &rest[first.len_utf8()..];
        } else if rest.starts_with("--") {
            let (comment, after) = rest.split_once('\n').unwrap_or((rest, ""));
            is_declared_safe |=
                comment.strip_prefix("-- safe: ").is_some_and(|why| !why.trim().is_empty());
            rest = after;
        } else if rest.starts_with("/*") {
            rest = after_block_comment(rest);
        } else if first == ';' {
            if !words.is_empty() {
                found.push(Statement { words: std::mem::take(&mut words), is_declared_safe });
            }
            is_declared_safe = false;
            rest = &rest[1..];
        } else if let Some((body, after)) = dollar_quoted(rest) {
            if words.first().is_some_and(|word| word == "do") {
                words.extend(statements(body).into_iter().flat_map(|inner| inner.words));
            } else {
                words.push("''".to_owned());
            }
            rest = after;
        } else if first == '\'' {
            let escapes = words.last().is_some_and(|word| word == "e");
            let end = quoted_length(rest, '\'', escapes);
            words.push(rest[..end].to_owned());
            rest = &rest[end..];
        } else if first == '"' {
            let end = quoted_length(rest, '"', false);
            words.push(rest[..end].trim_matches('"').to_owned());
            rest = &rest[end..];
        } else if first.is_alphanumeric() || first == '_' {
            let is_part = |letter: char| letter.is_alphanumeric() || letter == '_' || letter == '$';
            let end = rest.find(|letter| !is_part(letter)).unwrap_or(rest.len());
            words.push(rest[..end].to_lowercase());
            rest = &rest[end..];
        } else {
            words.push(first.to_string());
            rest = &rest[first.len_utf8()..];
        }
    }
    if !words.is_empty() {
        found.push(Statement { words, is_declared_safe });
    }
    found
}

/// What follows each place where these words stand.
pub fn after<'a>(words: &'a [String], sought: &'a [&str]) -> impl Iterator<Item = &'a [String]> {
    (0..words.len())
        .filter(move |start| {
            words[*start..].iter().map(String::as_str).take(sought.len()).eq(sought.iter().copied())
        })
        .map(move |start| &words[start + sought.len()..])
}

/// The table that is named here.
pub fn table_name(words: &[String]) -> String {
    table_and_rest(words).0
}

/// Reads `[IF [NOT] EXISTS] [ONLY] [schema.]name`; answers the name without its schema, and what follows.
pub fn table_and_rest(words: &[String]) -> (String, &[String]) {
    let is_noise =
        |word: &&String| ["table", "if", "not", "exists", "only"].contains(&word.as_str());
    let start = words.iter().take_while(is_noise).count();
    match &words[start..] {
        [_, dot, name, rest @ ..] if dot == "." => (name.clone(), rest),
        [name, rest @ ..] => (name.clone(), rest),
        [] => (String::new(), &[]),
    }
}

/// Splits at commas outside parentheses.
pub fn split_at_commas(words: &[String]) -> Vec<Vec<String>> {
    let mut parts = vec![Vec::new()];
    let mut depth = 0;
    for word in words {
        match word.as_str() {
            "(" => depth += 1,
            ")" => depth -= 1,
            _ => {}
        }
        if word == "," && depth == 0 {
            parts.push(Vec::new());
        } else if let Some(part) = parts.last_mut() {
            part.push(word.clone());
        }
    }
    parts
}

/// What follows a `/* comment */`; they nest.
fn after_block_comment(source: &str) -> &str {
    let mut depth = 0;
    let mut rest = source;
    while !rest.is_empty() {
        if let Some(inside) = rest.strip_prefix("/*") {
            depth += 1;
            rest = inside;
        } else if let Some(outside) = rest.strip_prefix("*/") {
            depth -= 1;
            rest = outside;
            if depth == 0 {
                break;
            }
        } else {
            rest = &rest[rest.chars().next().map_or(0, char::len_utf8)..];
        }
    }
    rest
}

/// The inside of `$tag$ … $tag$` and what follows it.
fn dollar_quoted(source: &str) -> Option<(&str, &str)> {
    let after_dollar = source.strip_prefix('$')?;
    let (tag, rest) = after_dollar.split_once('$')?;
    if !tag.chars().all(|letter| letter.is_alphanumeric() || letter == '_') {
        return None;
    }
    let end = format!("${tag}$");
    Some(rest.split_once(end.as_str()).unwrap_or((rest, "")))
}

/// The length of a quoted text with its quotes; a doubled quote stands for one.
fn quoted_length(source: &str, quote: char, escapes: bool) -> usize {
    let mut letters = source.char_indices().skip(1).peekable();
    while let Some((position, letter)) = letters.next() {
        if letter == '\\' && escapes {
            letters.next();
        } else if letter == quote && letters.next_if(|(_, next)| *next == quote).is_none() {
            return position + 1;
        }
    }
    source.len()
}

#[test]
fn comments_and_strings_hide_nothing_and_split_nothing() {
    let words = |source: &str| -> Vec<String> {
        statements(source).iter().map(|statement| statement.words.join(" ")).collect()
    };
    assert_eq!(words(""), Vec::<String>::new());
    assert_eq!(words("-- DROP TABLE x;\n/* DROP /* TABLE */ y; */ SELECT 1"), ["select 1"]);
    assert_eq!(words("SELECT 'a;''b--' ; SELECT \"C;\""), ["select 'a;''b--'", "select C;"]);
    assert_eq!(words("SELECT E'\\';' , 2;;"), ["select e '\\';' , 2"]);
    assert_eq!(words("SELECT $x$ ; $$ ; $x$; SELECT $1"), ["select ''", "select $ 1"]);
    assert_eq!(words("DO $$ BEGIN DROP TABLE x; END $$;"), ["do begin drop table x end"]);
    assert_eq!(words("SELECT 'é"), ["select 'é"]);
}
