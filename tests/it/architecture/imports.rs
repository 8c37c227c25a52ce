//! The import graph: which source file names which.
//!
//! A path is followed to the file that defines what it names: through `super`, `self` and `crate`, nested groups and what
//! a module re-exports. A re-export itself is not an arrow.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
};

use super::source::{test_modules, without_tests, words};

/// A module's path from the crate's root.
type Module = Vec<String>;

/// Every source file that more than tests compile, by its module.
pub(super) struct Graph {
    files: BTreeMap<Module, File>,
}

struct File {
    path: PathBuf,
    words: Vec<String>,
}

/// A path as it is written, and the name under which its end is known in the file.
#[derive(Debug, PartialEq, Eq)]
struct Named {
    path: Vec<String>,
    name: String,
}

impl Graph {
    /// Reads every file below `folder`, whose `lib.rs` is the root.
    pub(super) fn read(folder: &Path) -> Self {
        // A crate of its own.
        let is_other = |path: &PathBuf| path.strip_prefix(folder).is_ok_and(|path| path.starts_with("python"));
        let paths = super::below(folder)
            .into_iter()
            .filter(|path| path.extension().is_some_and(|end| end == "rs") && !is_other(path));
        Self::of(folder, paths.map(|path| (fs::read_to_string(&path).unwrap(), path)))
    }

    fn of(folder: &Path, texts: impl Iterator<Item = (String, PathBuf)>) -> Self {
        let (mut files, mut tests) = (BTreeMap::new(), BTreeSet::new());
        for (text, path) in texts {
            let module = module(path.strip_prefix(folder).unwrap());
            let all = words(&text);
            tests.extend(test_modules(&all).into_iter().map(|name| child(&module, &name)));
            files.insert(module, File { path, words: without_tests(&all) });
        }
        files.retain(|module, _| !(1..=module.len()).any(|length| tests.contains(&module[..length])));
        Self { files }
    }

    /// The files that a file below them names: their folders' common ground.
    pub(super) fn grounds(&self) -> BTreeSet<&Path> {
        let named = self.files.iter().flat_map(|(module, file)| {
            self.named_by(module, file).into_iter().filter(|other| module.starts_with(other))
        });
        named.map(|module| self.files[module].path.as_path()).collect()
    }

    /// The circles: every set of files of which each names every other, itself or through others. That a file names one
    /// above it in the tree of modules does not count: [`grounds`](Self::grounds) lists those.
    pub(super) fn circles(&self) -> Vec<BTreeSet<&Path>> {
        let not_above = |(module, file)| {
            let named: BTreeSet<&Module> = self.named_by(module, file);
            (module, named.into_iter().filter(|other| !module.starts_with(other)).collect::<BTreeSet<_>>())
        };
        let arrows: BTreeMap<&Module, BTreeSet<&Module>> = self.files.iter().map(not_above).collect();
        let reached: BTreeMap<_, _> = arrows.keys().map(|module| (*module, reached(&arrows, module))).collect();
        let circle = |module: &&Module| -> BTreeSet<&Path> {
            let others = reached[*module].iter().filter(|other| reached[**other].contains(*module));
            others.map(|other| self.files[*other].path.as_path()).collect()
        };
        let circles: BTreeSet<_> = reached.keys().map(circle).filter(|circle| circle.len() > 1).collect();
        circles.into_iter().collect()
    }

    /// The files that a file names, without itself.
    fn named_by(&self, module: &Module, file: &File) -> BTreeSet<&Module> {
        let paths = self.paths(module, &file.words).into_iter().filter(|(is_public, _)| !is_public);
        let defined = paths.filter_map(|(_, named)| self.defined(module, &named.path, 0));
        defined.filter(|other| *other != module).collect()
    }

    /// The module whose file defines what `path`, written in `module`, leads to.
    fn defined(&self, module: &Module, path: &[String], depth: usize) -> Option<&Module> {
        assert!(depth < 32, "`{}` leads in a circle of re-exports", path.join("::"));
        let (mut at, mut rest) = match path.split_first()? {
            (first, rest) if first == "crate" => (Module::new(), rest),
            (first, rest) if first == "self" => (module.clone(), rest),
            (first, rest) if first == "super" => (module.split_last()?.1.to_vec(), rest),
            _ => (module.clone(), path),
        };
        while let Some((segment, behind)) = rest.split_first() {
            let next = if segment == "super" { at.split_last()?.1.to_vec() } else { child(&at, segment) };
            if !self.files.contains_key(&next) {
                break;
            }
            (at, rest) = (next, behind);
        }
        let (found, file) = self.files.get_key_value(&at)?;
        let Some(item) = rest.first() else { return Some(found) };
        let imported = self.paths(found, &file.words).into_iter().find(|(_, named)| named.name == *item);
        match imported {
            Some((_, named)) if named.path != path => self.defined(found, &named.path, depth + 1),
            _ => Some(found),
        }
    }

    /// The paths into this crate that `words` of `module` name, each with whether it is a re-export.
    fn paths(&self, module: &Module, words: &[String]) -> Vec<(bool, Named)> {
        let (mut paths, mut at, mut is_public) = (Vec::new(), 0, false);
        while at < words.len() {
            let word = &words[at];
            let is_start = !(at > 0 && words[at - 1] == "::") && words.get(at + 1).is_some_and(|next| next == "::");
            let is_child = || self.files.contains_key(&child(module, word));
            if is_start && (["crate", "super", "self"].contains(&word.as_str()) || is_child()) {
                let mut named = Vec::new();
                at = tree(words, at, &[], &mut named);
                paths.extend(named.into_iter().map(|named| (is_public, named)));
            } else {
                match word.as_str() {
                    "use" => is_public = at > 0 && (words[at - 1] == "pub" || words[at - 1] == ")"),
                    ";" => is_public = false,
                    _ => {}
                }
                at += 1;
            }
        }
        paths
    }
}

/// The files that one names, itself or through others.
fn reached<'a>(arrows: &BTreeMap<&'a Module, BTreeSet<&'a Module>>, start: &Module) -> BTreeSet<&'a Module> {
    let mut reached = BTreeSet::new();
    let mut open: Vec<_> = arrows[start].iter().copied().collect();
    while let Some(module) = open.pop() {
        if reached.insert(module) {
            open.extend(&arrows[module]);
        }
    }
    reached
}

/// The paths of the tree that begins at `at`; returns where it ends.
fn tree(words: &[String], mut at: usize, prefix: &[String], named: &mut Vec<Named>) -> usize {
    let mut path = prefix.to_vec();
    while let Some(word) = words.get(at) {
        match word.as_str() {
            "::" => at += 1,
            "{" => return group(words, at + 1, &path, named),
            word if word.chars().all(|c| c.is_alphanumeric() || c == '_') && (at == 0 || words[at - 1] != "as") => {
                if path.len() > prefix.len() && words[at - 1] != "::" {
                    break;
                }
                // `self` in a group is the module itself.
                if word != "self" || path.is_empty() {
                    path.push(word.to_owned());
                }
                at += 1;
            }
            _ => break,
        }
    }
    let alias = words.get(at).filter(|word| *word == "as").and_then(|_| words.get(at + 1)).cloned();
    let end = if alias.is_some() { at + 2 } else { at };
    let name = alias.or_else(|| path.last().cloned()).unwrap_or_default();
    named.push(Named { path, name });
    end
}

/// The paths of a group behind its opening brace; returns where it ends.
fn group(words: &[String], mut at: usize, prefix: &[String], named: &mut Vec<Named>) -> usize {
    while let Some(word) = words.get(at) {
        match word.as_str() {
            "}" => return at + 1,
            "," | "*" => at += 1,
            _ => at = tree(words, at, prefix, named),
        }
    }
    at
}

/// The module of a file, whose path is relative to the root's folder.
fn module(path: &Path) -> Module {
    let path = path.with_extension("");
    let mut module: Module = path.iter().map(|part| part.to_str().unwrap().to_owned()).collect();
    if ["mod", "lib"].contains(&module[module.len() - 1].as_str()) {
        module.pop();
    }
    module
}

fn child(module: &Module, name: &str) -> Module {
    module.iter().map(String::as_str).chain([name]).map(str::to_owned).collect()
}

#[test]
fn a_path_is_followed_to_the_file_that_defines_its_end() {
    let texts = [
        ("lib.rs", "mod a; mod b;"),
        ("a/mod.rs", "mod one; mod two; pub use one::One; use self::two::{self, Two as Other};"),
        ("a/one.rs", "use super::two::Two; fn f() { crate::b::g(); }"),
        ("a/two.rs", "use super::{One, three::{self, Three}};"),
        ("a/three.rs", "#[cfg(test)] mod tests { use super::super::One; } // super::one"),
        ("b.rs", "use crate::a::{Other, One};"),
        ("c/mod.rs", "use self::one::One; pub struct C;"),
        ("c/one.rs", "use super::C;"),
    ];
    let files = texts.map(|(path, text)| (text.to_owned(), Path::new("host").join(path)));
    let graph = Graph::of(Path::new("host"), files.into_iter());
    let named = |path: &str| -> Vec<String> {
        let (module, file) = graph.files.iter().find(|(_, file)| file.path == Path::new("host").join(path)).unwrap();
        graph.named_by(module, file).into_iter().map(|module| module.join("::")).collect()
    };
    assert_eq!(named("a/mod.rs"), ["a::two"], "a re-export is not an arrow");
    assert_eq!(named("a/one.rs"), ["a::two", "b"]);
    assert_eq!(named("a/two.rs"), ["a::one", "a::three"]);
    assert_eq!(named("a/three.rs"), [""; 0]);
    assert_eq!(named("b.rs"), ["a::one", "a::two"]);
    let circle = ["host/a/one.rs", "host/a/two.rs", "host/b.rs"].map(Path::new);
    assert_eq!(graph.circles(), [BTreeSet::from(circle)]);
    assert_eq!(graph.grounds(), BTreeSet::from([Path::new("host/c/mod.rs")]));
}
