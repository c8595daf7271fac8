//! Which variables of the data a template asks for.

use super::parse::{Block, Kind, Node};
use super::path::{Path, Start};

/// How many are told.
const MOST: usize = 100;

/// How much of a name is told, in characters.
const MAX_NAME: usize = 100;

/// The variables that are taken from the data itself.
pub(super) fn of(nodes: &[Node<'_>]) -> Vec<String> {
    let mut found = Vec::new();
    collect(nodes, 0, &mut found);
    found
}

/// `depth` is how many blocks around the nodes have a value of their own.
fn collect(nodes: &[Node<'_>], depth: usize, found: &mut Vec<String>) {
    for node in nodes {
        match node {
            Node::Text(_) => {}
            Node::Value { path, .. } => note(path, depth, found),
            Node::Block(Block { kind, path, body, inverse, .. }) => {
                note(path, depth, found);
                let has_value = matches!(kind, Kind::Each | Kind::With);
                collect(body, depth + usize::from(has_value), found);
                collect(inverse, depth, found);
            }
        }
    }
}

fn note(path: &Path<'_>, depth: usize, found: &mut Vec<String>) {
    let is_of_data = match path.start {
        Start::Name => depth == 0,
        Start::Outer(distance) => distance == depth,
        Start::Root => true,
        Start::Index | Start::Key | Start::First | Start::Last => false,
    };
    if !is_of_data || path.segments.is_empty() || found.len() >= MOST {
        return;
    }
    let name = path.segments.join(".");
    let name: String = name.chars().filter(|c| !c.is_control()).take(MAX_NAME).collect();
    if !found.contains(&name) {
        found.push(name);
    }
}
