//! What a source file refers to: imports, paths, and what hides in macros and attributes.

use syn::visit::{self, Visit};

/// A thing that a file refers to by its path.
#[derive(Debug, PartialEq)]
pub enum Reference {
    /// `crate::…`, with `self` and `super` resolved. `use crate::*` and `use crate as x` end in `*` and nothing.
    Ours(Vec<String>),
    /// Anything else: a library, or a name that is in scope.
    Theirs(Vec<String>),
}

/// Everything that the source of this module refers to, and whether it does so in tests only.
pub fn references(module: Vec<String>, source: &str) -> Vec<(Reference, bool)> {
    let file = syn::parse_file(source).expect("a source file that compiles");
    let in_tests = module.iter().any(|name| name == "tests");
    let mut reader = Reader { module, in_tests, references: Vec::new() };
    reader.visit_file(&file);
    reader.references
}

/// Gathers what a file refers to.
struct Reader {
    /// Where we are: `["store", "mails", "tests"]`.
    module: Vec<String>,
    in_tests: bool,
    references: Vec<(Reference, bool)>,
}

impl Reader {
    fn record(&mut self, path: &[String], is_global: bool) {
        let reference = match path.first().map(String::as_str) {
            Some("crate" | "self" | "super") if !is_global => Reference::Ours(self.resolve(path)),
            _ => Reference::Theirs(path.to_vec()),
        };
        self.references.push((reference, self.in_tests));
    }

    /// `super::x` in `store::mails` → `store::x`.
    fn resolve(&self, path: &[String]) -> Vec<String> {
        let mut resolved = self.module.clone();
        for segment in path {
            match segment.as_str() {
                "crate" => resolved.clear(),
                "self" => {}
                "super" => drop(resolved.pop()),
                name => resolved.push(name.to_owned()),
            }
        }
        resolved
    }

    fn record_tree(&mut self, tree: &syn::UseTree, before: &[String], is_global: bool) {
        let mut path = before.to_vec();
        match tree {
            syn::UseTree::Path(part) => {
                path.push(part.ident.to_string());
                self.record_tree(&part.tree, &path, is_global);
            }
            syn::UseTree::Group(group) => {
                for item in &group.items {
                    self.record_tree(item, before, is_global);
                }
            }
            syn::UseTree::Name(name) => {
                path.push(name.ident.to_string());
                self.record(&path, is_global);
            }
            syn::UseTree::Rename(rename) => {
                path.push(rename.ident.to_string());
                self.record(&path, is_global);
            }
            syn::UseTree::Glob(_) => {
                path.push("*".to_owned());
                self.record(&path, is_global);
            }
        }
    }

    /// Looks for paths in the arguments of a macro or an attribute, which are tokens in no known grammar.
    fn record_tokens(&mut self, mut rest: syn::buffer::Cursor<'_>, in_attribute: bool) {
        while !rest.eof() {
            if let Some((inside, _, _, after)) = rest.any_group() {
                self.record_tokens(inside, in_attribute);
                rest = after;
            } else if let Some((path, after)) = path_at(rest) {
                // A single name is more often a field or a variable than anything else.
                if path.len() > 1 {
                    self.record(&path, false);
                }
                rest = after;
            } else {
                // Attributes name functions in strings: `#[serde(with = "crate::…")]`.
                if in_attribute
                    && let Some((literal, _)) = rest.literal()
                    && let Ok(path) = syn::parse_str::<syn::LitStr>(&literal.to_string())
                        .and_then(|text| text.parse())
                {
                    self.visit_path(&path);
                }
                let Some((_, after)) = rest.token_tree() else { return };
                rest = after;
            }
        }
    }
}

/// The path `a::b::c` that begins here, and what follows it.
fn path_at(start: syn::buffer::Cursor<'_>) -> Option<(Vec<String>, syn::buffer::Cursor<'_>)> {
    let (first, mut rest) = start.ident()?;
    let mut path = vec![first.to_string()];
    while let Some((colon, after)) = rest.punct()
        && colon.as_char() == ':'
        && let Some((colon, after)) = after.punct()
        && colon.as_char() == ':'
        && let Some((name, after)) = after.ident()
    {
        path.push(name.to_string());
        rest = after;
    }
    Some((path, rest))
}

impl<'ast> Visit<'ast> for Reader {
    fn visit_item_mod(&mut self, item: &'ast syn::ItemMod) {
        let outside = self.in_tests;
        self.in_tests |= item.attrs.iter().any(|attribute| {
            attribute.path().is_ident("cfg")
                && attribute
                    .parse_args::<syn::Path>()
                    .is_ok_and(|condition| condition.is_ident("test"))
        });
        self.module.push(item.ident.to_string());
        visit::visit_item_mod(self, item);
        self.module.pop();
        self.in_tests = outside;
    }

    fn visit_item_use(&mut self, item: &'ast syn::ItemUse) {
        self.record_tree(&item.tree, &[], item.leading_colon.is_some());
    }

    fn visit_path(&mut self, path: &'ast syn::Path) {
        if path.segments.len() > 1 {
            let names: Vec<String> =
                path.segments.iter().map(|segment| segment.ident.to_string()).collect();
            self.record(&names, path.leading_colon.is_some());
        }
        visit::visit_path(self, path);
    }

    fn visit_macro(&mut self, call: &'ast syn::Macro) {
        visit::visit_macro(self, call);
        self.record_tokens(syn::buffer::TokenBuffer::new2(call.tokens.clone()).begin(), false);
    }

    fn visit_attribute(&mut self, attribute: &'ast syn::Attribute) {
        visit::visit_attribute(self, attribute);
        if let syn::Meta::List(list) = &attribute.meta {
            self.record_tokens(syn::buffer::TokenBuffer::new2(list.tokens.clone()).begin(), true);
        }
    }
}
