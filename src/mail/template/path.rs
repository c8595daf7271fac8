//! The names of values: `order.id`, `../name`, `@index`.

/// Where a value is found.
#[derive(Debug)]
pub(super) struct Path<'s> {
    /// As it was written.
    pub source: &'s str,
    pub start: Start,
    pub segments: Vec<&'s str>,
}

/// Where a path begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Start {
    /// A name: a block's own, or else one in the present value.
    Name,
    /// The present value: `this`, `.`; or that of so many blocks further out: `../`.
    Outer(usize),
    /// All of the data: `@root`.
    Root,
    /// What a loop knows of its turn: `@index` and its like.
    Index,
    Key,
    First,
    Last,
}

/// Reads a path that nothing follows.
pub(super) fn read_path(text: &str) -> Result<Path<'_>, String> {
    let source = text.trim();
    let (start, mut rest) = path_start(source)?;
    let mut segments = Vec::new();
    while !rest.is_empty() {
        let (segment, after) = if let Some(literal) = rest.strip_prefix('[') {
            literal.split_once(']').ok_or("a [ has no ]")?
        } else {
            rest.split_at(rest.find(|c| !is_name(c)).unwrap_or(rest.len()))
        };
        if segment.is_empty() {
            return Err(format!("{} is not the name of a variable", quoted(source)));
        }
        segments.push(segment);
        rest = match after.strip_prefix(['.', '/']) {
            Some("") => return Err(format!("{} is not the name of a variable", quoted(source))),
            Some(next) => next,
            None if after.starts_with(char::is_whitespace) => {
                return Err(format!(
                    "helpers are not supported: {} has more than a variable's name",
                    quoted(source)
                ));
            }
            None if after.is_empty() => after,
            None => return Err(format!("{} is not the name of a variable", quoted(source))),
        };
    }
    if start == Start::Name
        && matches!(segments[..], [] | ["true" | "false" | "null" | "undefined"])
    {
        return Err(format!("{} is not the name of a variable", quoted(source)));
    }
    Ok(Path { source, start, segments })
}

/// Where a path begins, and what is left of it to be followed from there.
fn path_start(source: &str) -> Result<(Start, &str), String> {
    if let Some(name) = source.strip_prefix('@') {
        let (name, rest) = name.split_at(name.find(['.', '/']).unwrap_or(name.len()));
        let start = match name {
            "root" => Start::Root,
            "index" => Start::Index,
            "key" => Start::Key,
            "first" => Start::First,
            "last" => Start::Last,
            _ => {
                return Err(format!(
                    "there is no {}: there are @root, @index, @key, @first and @last",
                    quoted(source)
                ));
            }
        };
        return Ok((start, rest.strip_prefix(['.', '/']).unwrap_or(rest)));
    }
    let (mut outer, mut rest) = (0, source);
    while let Some(after) =
        rest.strip_prefix("..").filter(|after| after.is_empty() || after.starts_with('/'))
    {
        outer += 1;
        rest = after.strip_prefix('/').unwrap_or(after);
    }
    for here in ["this", "."] {
        if let Some(after) = rest.strip_prefix(here) {
            if after.is_empty() {
                return Ok((Start::Outer(outer), ""));
            }
            if let Some(after) =
                after.strip_prefix(if here == "." { &['/'][..] } else { &['.', '/'] })
            {
                return Ok((Start::Outer(outer), after));
            }
        }
    }
    Ok((if outer > 0 { Start::Outer(outer) } else { Start::Name }, rest))
}

/// What Handlebars allows in a name that stands without brackets.
fn is_name(c: char) -> bool {
    !c.is_whitespace() && !c.is_control() && !"!\"#%&'()*+,./;<=>@[\\]^`{|}~".contains(c)
}

/// A piece of the template for a message: of one line, and cut where it is long.
pub(super) fn quoted(text: &str) -> String {
    let short: String = text.chars().filter(|c| !c.is_control()).take(40).collect();
    let cut = if text.chars().nth(40).is_some() { "…" } else { "" };
    format!("\"{short}{cut}\"")
}
