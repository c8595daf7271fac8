//! From a template's text to its nodes, in one pass and without recursion.

use super::path::{Path, quoted, read_path};
use super::tag::{Strip, Tag, TagKind, next_tag, read_tag, stands_alone};
use super::{Fault, Raw};

/// Blocks within blocks, the branches of an `else if` among them: the evaluation calls itself for each.
const MAX_DEPTH: usize = 64;

/// Tags in one template.
const MAX_TAGS: usize = 10_000;

/// A tag that is no comment, in bytes: each of its turns costs as much as its names are long.
const MAX_TAG: usize = 500;

/// A piece of a template. `at` is the byte at which its tag begins.
#[derive(Debug)]
pub(super) enum Node<'s> {
    /// Copied as it is.
    Text(&'s str),
    /// `{{path}}`, or `{{{path}}}`, which escapes nothing.
    Value { at: usize, path: Path<'s>, raw: bool },
    /// `{{#kind path as |a b|}}body{{else}}inverse{{/kind}}`.
    Block(Block<'s>),
}

/// A block and what it repeats or chooses.
#[derive(Debug)]
pub(super) struct Block<'s> {
    pub at: usize,
    pub kind: Kind,
    pub path: Path<'s>,
    /// The names that the block gives to its value, and to the index or key of that.
    pub names: Vec<&'s str>,
    pub body: Vec<Node<'s>>,
    pub inverse: Vec<Node<'s>>,
}

/// What a block does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    If,
    Unless,
    Each,
    With,
}

/// A block that is not closed yet.
struct Open<'s> {
    block: Block<'s>,
    in_inverse: bool,
    /// Whether it is the `if` of an `else if`, which has no end of its own.
    chained: bool,
}

/// Reads a template.
pub(super) fn parse(source: &str, raw: Raw) -> Result<Vec<Node<'_>>, Fault> {
    let mut parser = Parser { source, nodes: Vec::new(), open: Vec::new() };
    let mut at = 0;
    let mut strip_left = Strip::None;
    let mut tags = 0;
    while let Some((tag, escaped)) = next_tag(source, at) {
        if escaped {
            // `\{{` stands for the braces themselves.
            parser.text(strip_left.apply(&source[at..tag - 1]));
            parser.text("{{");
            strip_left = Strip::None;
            at = tag + 2;
            continue;
        }
        let Tag { end, kind, inside, tilde_before, tilde_after } = read_tag(source, tag, raw)?;
        tags += 1;
        if tags > MAX_TAGS {
            return Err(Fault::new(tag, "the template has more than 10000 tags"));
        }
        if inside.len() > MAX_TAG && !matches!(kind, TagKind::Comment) {
            return Err(Fault::new(tag, "the tag is longer than 500 bytes"));
        }
        let before = strip_left.apply(&source[at..tag]);
        let alone = kind.may_stand_alone() && stands_alone(source, at, tag, end);
        // A second backslash only says that the first escapes nothing.
        let before = if before.ends_with("\\\\") { &before[..before.len() - 1] } else { before };
        parser.text(match (tilde_before, alone) {
            (true, _) => before.trim_end(),
            (false, true) => before.trim_end_matches([' ', '\t']),
            (false, false) => before,
        });
        parser.tag(tag, kind, inside)?;
        strip_left = match (tilde_after, alone) {
            (true, _) => Strip::All,
            (false, true) => Strip::Line,
            (false, false) => Strip::None,
        };
        at = end;
    }
    parser.text(strip_left.apply(&source[at..]));
    match parser.open.pop() {
        Some(Open { block, .. }) => Err(Fault::new(block.at, "this block is never closed")),
        None => Ok(parser.nodes),
    }
}

struct Parser<'s> {
    source: &'s str,
    nodes: Vec<Node<'s>>,
    open: Vec<Open<'s>>,
}

impl<'s> Parser<'s> {
    fn text(&mut self, text: &'s str) {
        if !text.is_empty() {
            self.push(Node::Text(text));
        }
    }

    fn push(&mut self, node: Node<'s>) {
        match self.open.last_mut() {
            None => self.nodes.push(node),
            Some(Open { block, in_inverse: true, .. }) => block.inverse.push(node),
            Some(Open { block, .. }) => block.body.push(node),
        }
    }

    fn tag(&mut self, at: usize, kind: TagKind, inside: &'s str) -> Result<(), Fault> {
        match kind {
            TagKind::Comment => Ok(()),
            TagKind::Value | TagKind::RawValue => {
                let path = read_path(inside).map_err(|message| Fault::new(at, message))?;
                self.push(Node::Value { at, path, raw: kind == TagKind::RawValue });
                Ok(())
            }
            TagKind::Open => self.open(at, inside, false, false),
            TagKind::OpenInverse => self.open(at, inside, true, false),
            TagKind::Else => self.otherwise(at, inside),
            TagKind::Close => self.close(at, inside),
        }
    }

    fn open(
        &mut self,
        at: usize,
        inside: &'s str,
        in_inverse: bool,
        chained: bool,
    ) -> Result<(), Fault> {
        if self.open.len() == MAX_DEPTH {
            return Err(Fault::new(at, format!("blocks are nested more than {MAX_DEPTH} deep")));
        }
        let (kind, path, names) = block_head(inside).map_err(|message| Fault::new(at, message))?;
        let block = Block { at, kind, path, names, body: Vec::new(), inverse: Vec::new() };
        self.open.push(Open { block, in_inverse, chained });
        Ok(())
    }

    fn otherwise(&mut self, at: usize, inside: &'s str) -> Result<(), Fault> {
        let open =
            self.open.last_mut().ok_or_else(|| Fault::new(at, "this else is in no block"))?;
        if open.in_inverse {
            return Err(Fault::new(at, "this block has an else already"));
        }
        open.in_inverse = true;
        if inside.is_empty() { Ok(()) } else { self.open(at, inside, false, true) }
    }

    fn close(&mut self, at: usize, name: &str) -> Result<(), Fault> {
        loop {
            let Some(Open { block, chained, .. }) = self.open.pop() else {
                return Err(Fault::new(at, "this end belongs to no block"));
            };
            if !chained && block.kind.name() != name {
                let (line, kind) =
                    (self.source[..block.at].matches('\n').count() + 1, block.kind.name());
                return Err(Fault::new(
                    at,
                    format!("the block to be closed here is the {kind} of line {line}"),
                ));
            }
            self.push(Node::Block(block));
            if !chained {
                return Ok(());
            }
        }
    }
}

impl Kind {
    fn name(self) -> &'static str {
        match self {
            Self::If => "if",
            Self::Unless => "unless",
            Self::Each => "each",
            Self::With => "with",
        }
    }
}

/// Reads `kind path` and `kind path as |name name|`.
fn block_head(inside: &str) -> Result<(Kind, Path<'_>, Vec<&str>), String> {
    let (name, rest) = inside.split_once(char::is_whitespace).unwrap_or((inside, ""));
    let kinds = [Kind::If, Kind::Unless, Kind::Each, Kind::With];
    let Some(kind) = kinds.into_iter().find(|kind| kind.name() == name) else {
        return Err(format!(
            "there is no block {}: there are if, unless, each and with",
            quoted(name)
        ));
    };
    let (path, names) = match rest.trim().strip_suffix('|') {
        None => (rest, Vec::new()),
        Some(between) => {
            let (head, listed) =
                between.split_once('|').ok_or("the names after as stand between two |")?;
            let names: Vec<_> = listed.split_whitespace().collect();
            let path = head.trim_end().strip_suffix("as").ok_or("names between | come after as")?;
            let limit = if kind == Kind::Each { 2 } else { 1 };
            if names.is_empty() || names.len() > limit || matches!(kind, Kind::If | Kind::Unless) {
                return Err(format!("{} takes fewer names after as", kind.name()));
            }
            (path, names)
        }
    };
    if path.trim().is_empty() {
        return Err(format!("{} needs the name of a variable", kind.name()));
    }
    Ok((kind, read_path(path)?, names))
}
