//! Reads Rust source as text: its words, its module and the paths it spells, without comments and literals.

use std::ops::Range;

/// A line counted from 0, and a word of the code on it.
pub type Token<'a> = (usize, &'a str);

/// One file.
pub struct Source {
    /// Where it lies, from the top of the repository, such as `src/kernel/money.rs`.
    pub path: String,
    /// What it says.
    pub text: String,
    /// The text with comments and literals blanked, line for line.
    code: String,
    /// The words of the code: the line of each, and where it lies in `code`.
    words: Vec<(usize, Range<usize>)>,
    /// Where the literals lie in `text`.
    literals: Vec<Range<usize>>,
}

impl Source {
    pub fn new(path: &str, text: &str) -> Source {
        let (code, literals) = blanked(text);
        Source { path: path.to_owned(), text: text.to_owned(), words: find_words(&code), code, literals }
    }

    pub fn is_under(&self, folder: &str) -> bool {
        self.path.starts_with(folder)
    }

    /// The line where the tests at the foot of the file begin, or the number of lines.
    pub fn foot(&self) -> usize {
        let lines: Vec<&str> = self.code.lines().map(str::trim_end).collect();
        let opens_tests = |at: usize| {
            let next = lines[at + 1..].iter().find(|line| !line.is_empty() && !line.starts_with("#["));
            lines[at] == "#[cfg(test)]" && next.is_some_and(|line| line.starts_with("mod tests"))
        };
        (0..lines.len()).find(|&at| opens_tests(at)).unwrap_or(lines.len())
    }

    /// The file's module, such as `["domain", "bookings", "create"]`.
    pub fn module(&self) -> Vec<&str> {
        let inside = self.path.trim_start_matches("src/").trim_end_matches(".rs");
        inside.split('/').filter(|&name| name != "mod" && name != "lib").collect()
    }

    pub fn tokens(&self) -> Vec<Token<'_>> {
        self.words.iter().map(|(line, range)| (*line, &self.code[range.clone()])).collect()
    }

    /// Every line of every literal.
    pub fn literals(&self) -> impl Iterator<Item = (usize, &str)> {
        self.literals.iter().flat_map(|range| {
            let first = self.text[..range.start].matches('\n').count();
            self.text[range.clone()].lines().enumerate().map(move |(line, text)| (first + line, text))
        })
    }

    /// Every path that the code spells from the crate's root or from a module above, as names below the root.
    pub fn named_paths(&self) -> Vec<(usize, Vec<&str>)> {
        let (tokens, mut found, mut inline) = (self.tokens(), Vec::new(), Vec::new());
        let mut at = 0;
        while at < tokens.len() {
            let here = at;
            let before = |steps: usize| here.checked_sub(steps).map_or("", |at| tokens[at].1);
            at += 1;
            match tokens[here].1 {
                "{" => inline.push(if before(2) == "mod" { Some(before(1)) } else { None }),
                "}" => drop(inline.pop()),
                root @ ("crate" | "roost" | "super") => {
                    let mut above = Vec::new();
                    if root == "super" {
                        above = self.module();
                        above.extend(inline.iter().flatten());
                        above.pop();
                    }
                    while spells(&tokens[at..], &["::", "super"]) {
                        above.pop();
                        at += 2;
                    }
                    if spells(&tokens[at..], &["::"]) {
                        at = spread(&tokens, at + 1, above, &mut found);
                    }
                }
                _ => {}
            }
        }
        found
    }
}

/// Reads `a::b`, `a::{b, c::d}` or `a::*` at `at` as one path each, and returns the place after it.
fn spread<'a>(
    tokens: &[Token<'a>],
    mut at: usize,
    mut path: Vec<&'a str>,
    found: &mut Vec<(usize, Vec<&'a str>)>,
) -> usize {
    while let Some(&(line, word)) = tokens.get(at) {
        at += 1;
        if word == "{" {
            while tokens.get(at).is_some_and(|token| token.1 != "}") {
                at = if tokens[at].1 == "," { at + 1 } else { spread(tokens, at, path.clone(), found) };
                at += if spells(&tokens[at..], &["as"]) { 2 } else { 0 };
            }
            return at + 1;
        }
        path.push(word);
        if !spells(&tokens[at..], &["::"]) {
            found.push((line, path));
            return at;
        }
        at += 1;
    }
    at
}

/// Whether the words stand at the start of the tokens.
pub fn spells(tokens: &[Token], words: &[&str]) -> bool {
    tokens.len() >= words.len() && tokens.iter().zip(words).all(|(token, word)| token.1 == *word)
}

pub fn is_word(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

/// The words of blanked code: the line of each, and where it lies.
fn find_words(code: &str) -> Vec<(usize, Range<usize>)> {
    let (mut words, mut at, mut line) = (Vec::new(), 0, 0);
    while let Some(first) = code[at..].chars().next() {
        let rest = &code[at..];
        let length = match first {
            _ if is_word(first) => rest.find(|c| !is_word(c)).unwrap_or(rest.len()),
            ':' if rest.starts_with("::") => 2,
            _ => first.len_utf8(),
        };
        if !first.is_whitespace() {
            words.push((line, at..at + length));
        }
        line += usize::from(first == '\n');
        at += length;
    }
    words
}

/// Comments and literals become spaces; lines stay where they are. Also returns where the literals lie in the text.
fn blanked(text: &str) -> (String, Vec<Range<usize>>) {
    let (mut out, mut from, mut previous) = (String::with_capacity(text.len()), 0, ' ');
    let (mut characters, mut literals) = (text.chars(), Vec::new());
    while let Some(c) = characters.next() {
        let at = text.len() - characters.as_str().len() - c.len_utf8();
        let may_begin = matches!(c, '/' | '"' | '\'') || matches!(c, 'r' | 'b' | 'c') && !is_word(previous);
        let length = if may_begin { literal(&text[at..]) } else { 0 };
        previous = c;
        if length > 0 {
            let end = at + length;
            literals.extend((c != '/').then_some(at..end));
            out.push_str(&text[from..at]);
            out.extend(text[at..end].chars().map(|c| if c == '\n' { c } else { ' ' }));
            (from, previous, characters) = (end, ' ', text[end..].chars());
        }
    }
    out.push_str(&text[from..]);
    (out, literals)
}

/// The length of the comment or literal at the start of `rest`: 0 if there is none.
fn literal(rest: &str) -> usize {
    let up_to = |end: &str, from: usize| rest[from..].find(end).map_or(rest.len(), |at| from + at + end.len());
    let raw = rest.trim_start_matches(['b', 'c']).strip_prefix('r').unwrap_or("");
    let opened = raw.trim_start_matches('#');
    if rest.starts_with("//") {
        rest.find('\n').unwrap_or(rest.len())
    } else if rest.starts_with("/*") {
        up_to("*/", 2)
    } else if opened.starts_with('"') {
        let hashes = "#".repeat(raw.len() - opened.len());
        up_to(&format!("\"{hashes}"), rest.len() - opened.len() + 1)
    } else if rest.starts_with('"') {
        quoted(rest, '"')
    } else if rest.starts_with("'\\") || rest.starts_with('\'') && rest.chars().nth(2) == Some('\'') {
        quoted(rest, '\'')
    } else {
        0
    }
}

fn quoted(rest: &str, quote: char) -> usize {
    let mut characters = rest.char_indices().skip(1);
    while let Some((at, c)) = characters.next() {
        match c {
            '\\' => drop(characters.next()),
            _ if c == quote => return at + 1,
            _ => {}
        }
    }
    rest.len()
}

#[test]
fn comments_and_literals_are_blanked_line_for_line() {
    let blanks = |text| blanked(text).0.split_whitespace().collect::<Vec<_>>().join(" ");
    assert_eq!(blanks("a // b\nc /* d */ e"), "a c e");
    assert_eq!(blanks(r#"f("a \" b", 'c', '"', '\'', b"d", x)"#), "f( , , , , b , x)");
    assert_eq!(blanks("r#\"a \" b\"# + br\"c\" + for<'a> &'a str"), "+ + for<'a> &'a str");
    assert_eq!(blanked("a\n\"b\nc\"\nd").0.lines().count(), 4);
}

#[test]
fn literals_are_read_line_by_line_without_comments() {
    let source = Source::new("src/a.rs", "a(\"b\", 'c'); // \"d\"\ne(r#\"f\ng\"#);");
    assert_eq!(source.literals().collect::<Vec<_>>(), [(0, "\"b\""), (0, "'c'"), (1, "r#\"f"), (2, "g\"#")]);
}

#[test]
fn paths_are_spread_and_counted_from_the_root() {
    let text = "use crate::a::{b::c, d as e, *};\nmod tests { use super::super::f; }\nfn g() { super::h::i() }";
    let source = Source::new("src/x/y/z.rs", text);
    let paths = source.named_paths().into_iter().map(|(line, path)| format!("{line} {}", path.join("::")));
    let expected = ["0 a::b::c", "0 a::d", "0 a::*", "1 x::y::f", "2 x::y::h::i"];
    assert_eq!(paths.collect::<Vec<_>>(), expected);
}

#[test]
fn the_foot_begins_at_the_tests_only() {
    let foot = |text| Source::new("src/a.rs", text).foot();
    assert_eq!(foot("a\n#[cfg(test)]\nmod tests {\n}"), 1);
    assert_eq!(foot("a\n#[cfg(test)]\nuse b;\nc"), 4);
    assert_eq!(foot("a\n// #[cfg(test)]\nmod tests {\n}"), 4);
}
