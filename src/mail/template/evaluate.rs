//! From a template's nodes and the data to the result.

use serde_json::{Map, Value};

use super::parse::{Block, Kind, Node};
use super::path::{Path, Start};
use super::steps::{MOST_OF_A_PART, Steps};
use super::{Escape, Fault, MAX_OUTPUT, Rendered};

/// How much of a missing variable's name is told, in characters.
const MAX_NAME: usize = 100;

/// How many missing variables are told.
const MAX_MISSING: usize = 100;

/// Renders the nodes. `expected` is about how long the result will be, in bytes.
pub(super) fn evaluate(
    nodes: &[Node<'_>],
    data: &Map<String, Value>,
    escape: Escape,
    expected: usize,
    steps: &Steps,
) -> Result<Rendered, Fault> {
    let text = String::with_capacity(expected.min(MAX_OUTPUT));
    let most = steps.of_a_part();
    let mut evaluation = Evaluation { escape, text, missing: Vec::new(), steps: 0, most };
    let root = Scope { here: Found::Root(data), parent: None, names: &[], turn: None };
    let done = evaluation.nodes(nodes, &root);
    steps.take(evaluation.steps);
    done?;
    Ok(Rendered { text: evaluation.text, missing: evaluation.missing })
}

/// A value, in the data or known to a loop.
#[derive(Clone, Copy)]
enum Found<'a> {
    Root(&'a Map<String, Value>),
    Value(&'a Value),
    Number(usize),
    Text(&'a str),
    Flag(bool),
    Nothing,
}

impl Found<'_> {
    fn get(self, segment: &str) -> Self {
        let found = match self {
            Self::Root(map) | Self::Value(Value::Object(map)) => map.get(segment),
            Self::Value(Value::Array(items)) if segment == "length" => {
                return Self::Number(items.len());
            }
            Self::Value(Value::Array(items)) => {
                segment.parse().ok().and_then(|index: usize| items.get(index))
            }
            _ => None,
        };
        found.map_or(Self::Nothing, Self::Value)
    }

    /// What is missing or empty is not true, and neither is zero.
    fn is_true(self) -> bool {
        match self {
            Self::Root(map) | Self::Value(Value::Object(map)) => !map.is_empty(),
            Self::Value(Value::Array(items)) => !items.is_empty(),
            Self::Value(Value::String(text)) => !text.is_empty(),
            Self::Value(Value::Number(number)) => number.as_f64() != Some(0.0),
            Self::Value(Value::Bool(flag)) => *flag,
            Self::Value(Value::Null) | Self::Nothing => false,
            Self::Number(number) => number != 0,
            Self::Text(text) => !text.is_empty(),
            Self::Flag(flag) => flag,
        }
    }
}

/// What names mean inside a block.
struct Scope<'a> {
    here: Found<'a>,
    parent: Option<&'a Scope<'a>>,
    /// The block's own names: of its value, and of the index or key.
    names: &'a [&'a str],
    turn: Option<Turn<'a>>,
}

/// What a loop knows of its present turn.
#[derive(Clone, Copy)]
struct Turn<'a> {
    index: usize,
    key: Option<&'a str>,
    is_last: bool,
}

impl<'a> Turn<'a> {
    fn index_or_key(self) -> Found<'a> {
        self.key.map_or(Found::Number(self.index), Found::Text)
    }
}

impl<'a> Scope<'a> {
    fn find(&'a self, path: &Path<'_>) -> Found<'a> {
        let turn = || self.scopes().find_map(|scope| scope.turn);
        let mut segments = &path.segments[..];
        let start = match path.start {
            Start::Name => match segments.first().and_then(|name| self.named(name)) {
                Some(found) => {
                    segments = &segments[1..];
                    found
                }
                None => self.here,
            },
            Start::Outer(distance) => {
                self.scopes().nth(distance).map_or(Found::Nothing, |scope| scope.here)
            }
            Start::Root => self.scopes().last().map_or(Found::Nothing, |scope| scope.here),
            Start::Index => turn().map_or(Found::Nothing, |turn| Found::Number(turn.index)),
            Start::Key => turn().map_or(Found::Nothing, Turn::index_or_key),
            Start::First => turn().map_or(Found::Nothing, |turn| Found::Flag(turn.index == 0)),
            Start::Last => turn().map_or(Found::Nothing, |turn| Found::Flag(turn.is_last)),
        };
        let follow = |found: Found<'a>, segment: &&str| match found.get(segment) {
            Found::Nothing => None,
            next => Some(next),
        };
        // Stops at the first that is missing: however long a path is, data is at most 128 deep (serde_json's limit).
        segments.iter().try_fold(start, follow).unwrap_or(Found::Nothing)
    }

    /// This scope and those around it.
    fn scopes(&'a self) -> impl Iterator<Item = &'a Self> {
        std::iter::successors(Some(self), |scope| scope.parent)
    }

    /// The value of a block's own name.
    fn named(&'a self, name: &str) -> Option<Found<'a>> {
        self.scopes().find_map(|scope| match scope.names.iter().position(|own| *own == name)? {
            0 => Some(scope.here),
            _ => scope.turn.map(Turn::index_or_key),
        })
    }
}

struct Evaluation {
    escape: Escape,
    text: String,
    missing: Vec<String>,
    steps: usize,
    /// How many steps it may be.
    most: usize,
}

impl Evaluation {
    fn nodes(&mut self, nodes: &[Node<'_>], scope: &Scope<'_>) -> Result<(), Fault> {
        for node in nodes {
            match node {
                // Its tag's place would say more, but a text alone is never too long: the source is bounded.
                Node::Text(text) => self.write(0, text)?,
                Node::Value { at, path, raw } => {
                    self.step(*at)?;
                    let escape = if *raw { Escape::None } else { self.escape };
                    match scope.find(path) {
                        Found::Nothing => self.note_missing(path),
                        found => self.value(*at, found, escape)?,
                    }
                }
                Node::Block(block) => {
                    self.step(block.at)?;
                    self.block(block, scope)?;
                }
            }
        }
        Ok(())
    }

    fn block(&mut self, block: &Block<'_>, scope: &Scope<'_>) -> Result<(), Fault> {
        let found = scope.find(&block.path);
        match block.kind {
            Kind::If if found.is_true() => self.nodes(&block.body, scope),
            Kind::Unless if !found.is_true() => self.nodes(&block.body, scope),
            Kind::With if found.is_true() => self.turn(block, scope, found, None),
            Kind::Each if found.is_true() => self.each(block, scope, found),
            _ => self.nodes(&block.inverse, scope),
        }
    }

    fn each(
        &mut self,
        block: &Block<'_>,
        scope: &Scope<'_>,
        found: Found<'_>,
    ) -> Result<(), Fault> {
        match found {
            Found::Value(Value::Array(items)) => {
                for (index, item) in items.iter().enumerate() {
                    let turn = Turn { index, key: None, is_last: index + 1 == items.len() };
                    self.turn(block, scope, Found::Value(item), Some(turn))?;
                }
                Ok(())
            }
            Found::Root(members) | Found::Value(Value::Object(members)) => {
                for (index, (key, member)) in members.iter().enumerate() {
                    let turn = Turn { index, key: Some(key), is_last: index + 1 == members.len() };
                    self.turn(block, scope, Found::Value(member), Some(turn))?;
                }
                Ok(())
            }
            _ => self.nodes(&block.inverse, scope),
        }
    }

    fn turn(
        &mut self,
        block: &Block<'_>,
        parent: &Scope<'_>,
        here: Found<'_>,
        turn: Option<Turn<'_>>,
    ) -> Result<(), Fault> {
        self.step(block.at)?;
        self.nodes(&block.body, &Scope { here, parent: Some(parent), names: &block.names, turn })
    }

    fn step(&mut self, at: usize) -> Result<(), Fault> {
        if self.steps < self.most {
            self.steps += 1;
            return Ok(());
        }
        let problem = if self.most == MOST_OF_A_PART {
            format!("with this data the template takes more than {MOST_OF_A_PART} steps")
        } else {
            "with their data the mails of this request take too many steps together; send fewer at once".into()
        };
        Err(Fault::new(at, problem))
    }

    fn note_missing(&mut self, path: &Path<'_>) {
        // It is stored and shown as it is told: text of one line that is not too long.
        let name: String = path.source.chars().filter(|c| !c.is_control()).take(MAX_NAME).collect();
        if self.missing.len() < MAX_MISSING && !self.missing.contains(&name) {
            self.missing.push(name);
        }
    }

    /// Writes a value as JavaScript would: Handlebars is from there, and so are its templates.
    fn value(&mut self, at: usize, found: Found<'_>, escape: Escape) -> Result<(), Fault> {
        match found {
            Found::Root(_) | Found::Value(Value::Object(_)) => self.write(at, "[object Object]"),
            Found::Value(Value::Array(items)) => {
                for (index, item) in items.iter().enumerate() {
                    self.step(at)?;
                    if index > 0 {
                        self.write(at, ",")?;
                    }
                    self.value(at, Found::Value(item), escape)?;
                }
                Ok(())
            }
            Found::Value(Value::String(text)) => self.escaped(at, text, escape),
            Found::Value(Value::Number(number)) => match number.as_f64() {
                Some(float) if number.is_f64() && float.fract() == 0.0 && float.abs() < 1e15 => {
                    self.write(at, &format!("{float:.0}"))
                }
                _ => self.write(at, &number.to_string()),
            },
            Found::Value(Value::Bool(flag)) => self.write(at, if *flag { "true" } else { "false" }),
            Found::Value(Value::Null) | Found::Nothing => Ok(()),
            Found::Number(number) => self.write(at, &number.to_string()),
            Found::Text(text) => self.escaped(at, text, escape),
            Found::Flag(flag) => self.write(at, if flag { "true" } else { "false" }),
        }
    }

    fn escaped(&mut self, at: usize, text: &str, escape: Escape) -> Result<(), Fault> {
        if escape == Escape::None {
            return self.write(at, text);
        }
        let mut rest = text;
        while let Some(place) = rest.find(['&', '<', '>', '"', '\'', '`', '=']) {
            self.write(at, &rest[..place])?;
            self.write(
                at,
                match rest.as_bytes()[place] {
                    b'&' => "&amp;",
                    b'<' => "&lt;",
                    b'>' => "&gt;",
                    b'"' => "&quot;",
                    b'\'' => "&#x27;",
                    b'`' => "&#x60;",
                    _ => "&#x3D;",
                },
            )?;
            rest = &rest[place + 1..];
        }
        self.write(at, rest)
    }

    fn write(&mut self, at: usize, text: &str) -> Result<(), Fault> {
        if self.text.len() + text.len() > MAX_OUTPUT {
            return Err(Fault::new(at, "with this data the result has more than 10 MiB"));
        }
        self.text.push_str(text);
        Ok(())
    }
}
