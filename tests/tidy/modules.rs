//! The modules of one crate, read from its source: what each defines and imports, and where a path leads.
//!
//! It resolves names as the compiler does, with three simplifications: visibility is ignored, a name that no module
//! defines is taken for the work of a macro in the module where the path ends, and local variables count as the
//! imported names that they hide. The last two could report an import that is none; no method call is seen at all.

use std::collections::{HashMap, HashSet};

use crate::source::{Token, spells};

/// The words that can stand where a path begins, but begin none.
const KEYWORDS: &[&str] = &[
    "as", "async", "await", "break", "const", "continue", "dyn", "else", "enum", "extern", "fn", "for", "if", "impl",
    "in", "let", "loop", "match", "mod", "move", "mut", "pub", "ref", "return", "static", "struct", "trait", "type",
    "unsafe", "use", "where", "while",
];

/// What makes the word after it a name of the module.
const DEFINES: &[&str] = &["fn", "struct", "enum", "union", "trait", "type", "const", "static"];

/// How many imports a path is followed through. Imports that lead to each other would never end.
const DEEPEST: usize = 12;

/// The modules of one crate. The first is its root.
#[derive(Default)]
pub struct Modules<'a> {
    pub all: Vec<Module<'a>>,
    by_path: HashMap<Vec<&'a str>, usize>,
}

#[derive(Default)]
pub struct Module<'a> {
    /// The names from the root, such as `["domain", "bookings", "create"]`.
    pub path: Vec<&'a str>,
    /// How many of these names lead to its file. The others are blocks in that file.
    pub file_depth: usize,
    pub imports: Vec<Import<'a>>,
    /// The paths spelled in the code, a single name being a path too, with the `::` between the names.
    pub spelled: Vec<&'a [Token<'a>]>,
    defined: HashSet<&'a str>,
}

/// One name that a `use` brings in.
pub struct Import<'a> {
    pub line: usize,
    pub path: Vec<&'a str>,
    /// What it is called here; `*` for everything.
    pub name: &'a str,
}

/// Where a path leads.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Target<'a> {
    Module(usize),
    /// What the module defines under this name.
    Item(usize, &'a str),
}

enum Found<'a> {
    Here(Target<'a>),
    /// It comes from another crate.
    Elsewhere,
    Nowhere,
}

impl<'a> Modules<'a> {
    /// Reads the files of a crate: its root, and the others with the names of their modules. What is compiled for
    /// tests only is left out.
    pub fn read(files: &[(Vec<&'a str>, &'a [Token<'a>])]) -> Modules<'a> {
        let (mut modules, mut tests) = (Modules::default(), HashSet::new());
        for (path, tokens) in files {
            let module = modules.add(Module { path: path.clone(), file_depth: path.len(), ..Module::default() });
            Reader { modules: &mut modules, tests: &mut tests, tokens, at: 0 }.read(module);
        }
        let is_test = |path: &[&str]| (1..=path.len()).any(|length| tests.contains(&path[..length]));
        modules.by_path.retain(|path, _| !is_test(path));
        for module in &mut modules.all {
            if is_test(&module.path) {
                (module.imports, module.spelled) = (Vec::new(), Vec::new());
            }
        }
        modules
    }

    fn add(&mut self, module: Module<'a>) -> usize {
        self.by_path.insert(module.path.clone(), self.all.len());
        self.all.push(module);
        self.all.len() - 1
    }

    fn child(&self, module: usize, name: &'a str) -> Option<Target<'a>> {
        let path: Vec<&str> = self.all[module].path.iter().copied().chain([name]).collect();
        self.by_path.get(&path).map(|&child| Target::Module(child))
    }

    fn parent(&self, module: usize) -> Option<usize> {
        let (_, above) = self.all[module].path.split_last()?;
        self.by_path.get(above).copied()
    }

    /// Where a path leads that is spelled in this module: to nothing if it comes from another crate or is a local name.
    pub fn resolve(&self, module: usize, path: &[&'a str]) -> Option<Target<'a>> {
        self.follow(module, path, false, 0)
    }

    /// `leads_on`: whether more names follow, so that the path leads to a module rather than to a function of its name.
    fn follow(&self, module: usize, path: &[&'a str], leads_on: bool, depth: usize) -> Option<Target<'a>> {
        let (mut place, mut rest) = (module, path);
        match *rest.first()? {
            "crate" => (place, rest) = (0, &rest[1..]),
            "self" => rest = &rest[1..],
            "super" => {}
            name => match self.find(module, name, leads_on || rest.len() > 1, depth) {
                Found::Here(Target::Module(found)) => (place, rest) = (found, &rest[1..]),
                Found::Here(item) => return Some(item),
                Found::Elsewhere | Found::Nowhere => return None,
            },
        }
        while let Some((&name, more)) = rest.split_first() {
            match name {
                "super" => place = self.parent(place)?,
                _ => match self.find(place, name, leads_on || !more.is_empty(), depth) {
                    Found::Here(Target::Module(found)) => place = found,
                    Found::Here(item) => return Some(item),
                    Found::Elsewhere => return None,
                    // A macro defined it, as `Entity` and `Column` beside a `Model`.
                    Found::Nowhere => return Some(Target::Item(place, name)),
                },
            }
            rest = more;
        }
        Some(Target::Module(place))
    }

    fn find(&self, module: usize, name: &'a str, leads_on: bool, depth: usize) -> Found<'a> {
        let child = self.child(module, name);
        let here = &self.all[module];
        if let Some(child) = child.filter(|_| leads_on) {
            return Found::Here(child);
        }
        if here.defined.contains(name) {
            return Found::Here(Target::Item(module, name));
        }
        if depth > DEEPEST {
            return Found::Elsewhere;
        }
        let mut named = here.imports.iter().filter(|import| import.name == name).peekable();
        let is_imported = named.peek().is_some();
        let found = named.find_map(|import| self.follow(module, &import.path, leads_on, depth + 1));
        if let Some(found) = found.or(child) {
            return Found::Here(found);
        }
        if is_imported {
            return Found::Elsewhere;
        }
        for import in here.imports.iter().filter(|import| import.name == "*") {
            if let Some(Target::Module(from)) = self.follow(module, &import.path, true, depth + 1)
                && let found @ Found::Here(_) = self.find(from, name, leads_on, depth + 1)
            {
                return found;
            }
        }
        Found::Nowhere
    }
}

/// Reads one file into the modules.
struct Reader<'a, 'm> {
    modules: &'m mut Modules<'a>,
    tests: &'m mut HashSet<Vec<&'a str>>,
    tokens: &'a [Token<'a>],
    at: usize,
}

impl<'a> Reader<'a, '_> {
    fn text(&self, at: usize) -> &'a str {
        self.tokens.get(at).map_or("", |token| token.1)
    }

    fn spells(&self, at: usize, words: &[&str]) -> bool {
        self.tokens.get(at..).is_some_and(|tokens| spells(tokens, words))
    }

    /// Reads up to the brace that ends the module, or the end of the file.
    fn read(&mut self, module: usize) {
        let mut depth = 0_usize;
        while self.at < self.tokens.len() {
            let (here, word) = (self.at, self.text(self.at));
            let previous = here.checked_sub(1).map_or("", |at| self.text(at));
            self.at += 1;
            match word {
                "#" if self.spells(here, &["#", "[", "cfg", "(", "test", ")", "]"]) => self.skip_test(module),
                "{" => depth += 1,
                "}" if depth == 0 => return,
                "}" => depth -= 1,
                "mod" if self.text(here + 2) == "{" => {
                    self.at = here + 3;
                    let path = self.below(module, self.text(here + 1));
                    let file_depth = self.modules.all[module].file_depth;
                    let inner = self.modules.add(Module { path, file_depth, ..Module::default() });
                    self.read(inner);
                }
                "use" if self.text(self.at) != "<" => {
                    self.import(module, Vec::new());
                }
                _ => self.name(module, previous, depth == 0),
            }
        }
    }

    fn below(&self, module: usize, name: &'a str) -> Vec<&'a str> {
        self.modules.all[module].path.iter().copied().chain([name]).collect()
    }

    /// Skips the item, statement or field that is compiled for tests only.
    fn skip_test(&mut self, module: usize) {
        self.at += 6;
        let (mut depth, mut is_item) = (0_usize, false);
        while self.at < self.tokens.len() {
            let word = self.text(self.at);
            if word == "mod" && depth == 0 {
                let path = self.below(module, self.text(self.at + 1));
                self.tests.insert(path);
            }
            is_item |= depth == 0 && (word == "impl" || DEFINES.contains(&word));
            match word {
                "{" | "(" | "[" => depth += 1,
                "}" | ")" | "]" if depth == 0 => return,
                "}" | ")" | "]" => depth -= 1,
                _ => {}
            }
            self.at += 1;
            if depth == 0 && (matches!(word, "}" | ";") || word == "," && !is_item) {
                return;
            }
        }
    }

    /// Reads one branch of a `use`, up to the comma, brace or semicolon after it.
    fn import(&mut self, module: usize, mut path: Vec<&'a str>) {
        while self.at < self.tokens.len() {
            let (line, word) = self.tokens[self.at];
            self.at += 1;
            match word {
                "{" => {
                    while !matches!(self.text(self.at), "}" | "") {
                        if self.text(self.at) == "," {
                            self.at += 1;
                        } else {
                            self.import(module, path.clone());
                        }
                    }
                    self.at += 1;
                    return;
                }
                "::" => {}
                _ => {
                    if word != "self" || path.is_empty() {
                        path.extend((word != "*").then_some(word));
                    }
                    if self.text(self.at) != "::" {
                        let mut name = if word == "*" { "*" } else { path.last().copied().unwrap_or("") };
                        if self.text(self.at) == "as" {
                            name = self.text(self.at + 1);
                            self.at += 2;
                        }
                        self.modules.all[module].imports.push(Import { line, path, name });
                        return;
                    }
                }
            }
        }
    }

    fn name(&mut self, module: usize, previous: &str, is_outermost: bool) {
        let here = self.at - 1;
        let word = self.text(here);
        if !is_name(word) || KEYWORDS.contains(&word) || matches!(previous, "." | "::" | "'" | "mod") {
            return;
        }
        let before = here.checked_sub(2).map_or("", |at| self.text(at));
        // Neither `&'static str` nor `*const u8` defines anything.
        let defines = DEFINES.contains(&previous) && !matches!(before, "'" | "*");
        if defines || before == "macro_rules" && previous == "!" {
            if is_outermost {
                self.modules.all[module].defined.insert(word);
            }
            return;
        }
        while self.text(self.at) == "::" && is_name(self.text(self.at + 1)) {
            self.at += 2;
        }
        // The name of a field or of a parameter.
        if self.at == here + 1 && self.text(self.at) == ":" {
            return;
        }
        let spelled = &self.tokens[here..self.at];
        self.modules.all[module].spelled.push(spelled);
    }
}

fn is_name(word: &str) -> bool {
    word.starts_with(|c: char| c.is_alphabetic() || c == '_')
}
