//! Which file imports which, and whether the imports form a cycle.
//!
//! A file imports another one if it names something that the other one defines, in a `use` or in a
//! path. A file that only declares modules and re-exports names is looked through: what counts is
//! the file that defines the name.

use std::collections::{BTreeMap, BTreeSet};

use syn::visit::{self, Visit};
use syn::{Attribute, File, Item, ItemMod, ItemUse, Path, UseTree, Visibility};

/// The names from the crate's root to a module or to what is in it.
type Names = Vec<String>;

/// A source file: its module, and its references to other modules.
#[derive(Default)]
struct Module {
    /// Names that it re-exports, and what they stand for.
    exports: BTreeMap<String, Names>,
    /// Modules that it re-exports with a glob.
    globs: Vec<Names>,
    /// The paths that it names, made absolute where possible.
    paths: Vec<Names>,
    /// It only declares and re-exports.
    is_facade: bool,
}

/// The cycles among a crate's files. A file is given by the path of its module, such as
/// `["server", "api"]`, and its text; the crate's root has the empty path.
pub fn cycles(sources: &BTreeMap<Names, String>) -> Vec<Vec<String>> {
    let modules: BTreeSet<Names> = sources.keys().cloned().collect();
    let parsed: BTreeMap<&Names, Module> =
        sources.iter().map(|(name, text)| (name, parse(name, text, &modules))).collect();
    let edges: BTreeMap<&Names, BTreeSet<Names>> = parsed
        .iter()
        .map(|(&name, module)| {
            let targets = module.paths.iter().filter_map(|path| definer(path, &parsed, 0));
            (name, targets.filter(|target| target != name).collect())
        })
        .collect();

    // Two files are in a cycle if each reaches the other.
    let reached: BTreeMap<&Names, BTreeSet<&Names>> =
        edges.keys().map(|&name| (name, reachable(name, &edges))).collect();
    let mut found = BTreeSet::new();
    for (&name, others) in &reached {
        if others.contains(name) {
            let members = others.iter().filter(|&&other| reached[other].contains(name));
            found.insert(members.map(|member| member.join("::")).collect::<Vec<_>>());
        }
    }
    found.into_iter().collect()
}

fn reachable<'a>(
    start: &Names,
    edges: &'a BTreeMap<&'a Names, BTreeSet<Names>>,
) -> BTreeSet<&'a Names> {
    let mut seen = BTreeSet::new();
    let mut open: Vec<&Names> = edges[start].iter().collect();
    while let Some(name) = open.pop() {
        if seen.insert(name) {
            open.extend(&edges[name]);
        }
    }
    seen
}

/// The file that defines what a path names, or `None` where it is a file that only re-exports.
fn definer(path: &[String], modules: &BTreeMap<&Names, Module>, depth: usize) -> Option<Names> {
    let length = (0..=path.len()).rev().find(|&n| modules.contains_key(&path[..n].to_vec()))?;
    let (module, rest) = (path[..length].to_vec(), &path[length..]);
    let found = &modules[&module];
    if let Some(name) = rest.first().filter(|_| depth < 8) {
        if let Some(target) = found.exports.get(name) {
            return definer(&[target, &rest[1..]].concat(), modules, depth + 1);
        }
        for glob in &found.globs {
            let target = definer(&[glob, rest].concat(), modules, depth + 1);
            if target.is_some() {
                return target;
            }
        }
    }
    (!found.is_facade).then_some(module)
}

fn parse(name: &Names, text: &str, modules: &BTreeSet<Names>) -> Module {
    let file: File = syn::parse_file(text).unwrap_or_else(|e| panic!("{name:?}: {e}"));
    let is_facade = file.items.iter().all(|item| match item {
        Item::Mod(module) => module.content.is_none() || is_test(&module.attrs),
        Item::Use(item) => !matches!(item.vis, Visibility::Inherited),
        _ => false,
    });
    let mut reader = Reader {
        here: name.clone(),
        modules,
        module: Module { is_facade, ..Module::default() },
        at_top: true,
    };
    reader.visit_file(&file);
    reader.module
}

fn is_test(attributes: &[Attribute]) -> bool {
    attributes.iter().any(|attribute| {
        attribute.path().is_ident("cfg") && {
            let condition = attribute.meta.require_list().map(|list| list.tokens.to_string());
            condition
                .is_ok_and(|text| text.split(|c: char| !c.is_alphanumeric()).any(|w| w == "test"))
        }
    })
}

struct Reader<'a> {
    /// The module that is read, inline ones included.
    here: Names,
    modules: &'a BTreeSet<Names>,
    module: Module,
    at_top: bool,
}

impl Reader<'_> {
    /// A path from the root, or `None` where it leads out of the crate or to a local name.
    fn resolve(&self, path: &[String]) -> Option<Names> {
        let mut names = self.here.clone();
        let mut rest = path;
        match path.first()?.as_str() {
            "crate" => {
                names.clear();
                rest = &path[1..];
            }
            "self" => rest = &path[1..],
            "super" => {
                while rest.first().is_some_and(|first| first == "super") {
                    names.pop();
                    rest = &rest[1..];
                }
            }
            child => {
                names.push(child.to_owned());
                if !self.modules.contains(&names) {
                    return None;
                }
                rest = &path[1..];
            }
        }
        names.extend_from_slice(rest);
        Some(names)
    }

    fn read_use(&mut self, tree: &UseTree, prefix: &mut Names, exported: bool) {
        match tree {
            UseTree::Path(path) => {
                prefix.push(path.ident.to_string());
                self.read_use(&path.tree, prefix, exported);
                prefix.pop();
            }
            UseTree::Group(group) => {
                group.items.iter().for_each(|tree| self.read_use(tree, prefix, exported));
            }
            UseTree::Glob(_) => {
                if let Some(target) = self.resolve(prefix) {
                    if exported {
                        self.module.globs.push(target.clone());
                    }
                    self.module.paths.push(target);
                }
            }
            UseTree::Name(_) | UseTree::Rename(_) => {
                let (name, alias) = match tree {
                    UseTree::Rename(rename) => {
                        (rename.ident.to_string(), rename.rename.to_string())
                    }
                    UseTree::Name(name) => (name.ident.to_string(), name.ident.to_string()),
                    _ => unreachable!("the other kinds are above"),
                };
                let mut path = prefix.clone();
                let own = name == "self";
                let alias = if own { prefix.last().cloned().unwrap_or_default() } else { alias };
                if !own {
                    path.push(name);
                }
                if let Some(target) = self.resolve(&path) {
                    if exported {
                        self.module.exports.insert(alias, target.clone());
                    }
                    self.module.paths.push(target);
                }
            }
        }
    }
}

impl<'ast> Visit<'ast> for Reader<'_> {
    fn visit_item_mod(&mut self, module: &'ast ItemMod) {
        if module.content.is_none() || is_test(&module.attrs) {
            return;
        }
        let at_top = std::mem::replace(&mut self.at_top, false);
        self.here.push(module.ident.to_string());
        visit::visit_item_mod(self, module);
        self.here.pop();
        self.at_top = at_top;
    }

    fn visit_item_use(&mut self, item: &'ast ItemUse) {
        let exported = self.at_top && !matches!(item.vis, Visibility::Inherited);
        self.read_use(&item.tree, &mut Vec::new(), exported);
    }

    fn visit_path(&mut self, path: &'ast Path) {
        let names: Names = path.segments.iter().map(|s| s.ident.to_string()).collect();
        if path.leading_colon.is_none()
            && names.len() > 1
            && let Some(target) = self.resolve(&names)
        {
            self.module.paths.push(target);
        }
        visit::visit_path(self, path);
    }

    fn visit_macro(&mut self, call: &'ast syn::Macro) {
        // A macro's text is not parsed; its paths are found by their first word.
        let text = call.tokens.to_string().replace(' ', "");
        for start in ["crate::", "super::"] {
            for (at, _) in text.match_indices(start) {
                let word = |c: char| c.is_alphanumeric() || c == '_' || c == ':';
                let path: String = text[at..].chars().take_while(|&c| word(c)).collect();
                let names: Names =
                    path.split("::").filter(|n| !n.is_empty()).map(Into::into).collect();
                if let Some(target) = self.resolve(&names) {
                    self.module.paths.push(target);
                }
            }
        }
        visit::visit_macro(self, call);
    }
}
