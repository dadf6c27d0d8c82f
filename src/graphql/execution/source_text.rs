//! The text of a document as both parsers accept it. Every character stays at its place, so that the locations of errors
//! are those of the text that was sent.

use std::borrow::Cow;

use super::lexer::{self, Token};
use super::validation;

/// The keywords that begin a definition that may have a description.
const DEFINITIONS: [&[u8]; 4] = [b"query", b"mutation", b"subscription", b"fragment"];
/// The keywords that begin an operation, which may have variables.
const OPERATIONS: [&[u8]; 3] = [b"query", b"mutation", b"subscription"];

/// Replaces by spaces what the edition of September 2025 allows and neither parser accepts: the descriptions of
/// operations, fragments and variables. Also replaces the sign of `-0`, which the executor's parser takes for a
/// fraction. Nothing else is changed, so a text that is invalid stays invalid.
pub fn for_parsers(text: &str) -> Cow<'_, str> {
    if !text.contains('"') && !text.contains("-0") {
        return Cow::Borrowed(text);
    }
    let tokens: Vec<Token<'_>> = lexer::tokens(text).collect();
    let mut blanked = String::new();
    let mut copied = 0;
    for (start, end) in find_blanks(text, &tokens) {
        blanked.push_str(&text[copied..start]);
        blanked.extend(text[start..end].chars().map(|char| if matches!(char, '\n' | '\r') { char } else { ' ' }));
        copied = end;
    }
    if copied == 0 {
        return Cow::Borrowed(text);
    }
    blanked.push_str(&text[copied..]);
    Cow::Owned(blanked)
}

/// The ranges to replace, in bytes.
fn find_blanks(text: &str, tokens: &[Token<'_>]) -> Vec<(usize, usize)> {
    let mut blanks = Vec::new();
    let (mut depth, mut in_variables) = (0_u64, false);
    for (at, token) in tokens.iter().enumerate() {
        match token.bytes {
            b"(" | b"[" | b"{" => {
                in_variables |= depth == 0 && token.bytes == b"(" && begins_variables(&tokens[..at]);
                depth += 1;
            }
            b")" | b"]" | b"}" => {
                depth = depth.saturating_sub(1);
                in_variables &= depth > 0;
            }
            b"-0" if !continues_number(&tokens[..at], *token) => blanks.push((token.start, token.start + 1)),
            _ if token.is_string() => {
                let (before, after) = (&tokens[..at], tokens.get(at + 1).map_or(&b""[..], |next| next.bytes));
                let describes = match depth {
                    0 => describes_definition(before, after),
                    1 => in_variables && describes_variable(before, after),
                    _ => false,
                };
                if describes && validation::is_string(&text[token.start..token.end()]) {
                    blanks.push((token.start, token.end()));
                }
            }
            _ => {}
        }
    }
    blanks
}

/// A string between two definitions, or before the first. The short form of a query has no description.
fn describes_definition(before: &[Token<'_>], after: &[u8]) -> bool {
    before.last().is_none_or(|last| last.bytes == b"}") && DEFINITIONS.contains(&after)
}

/// A string before a variable that is not the default value of the variable before it.
fn describes_variable(before: &[Token<'_>], after: &[u8]) -> bool {
    before.last().is_some_and(|last| last.bytes != b"=") && after == b"$"
}

/// Whether a bracket after these tokens begins the variables of an operation: `query (` or `query Name (`.
fn begins_variables(before: &[Token<'_>]) -> bool {
    let is_operation = |token: &Token<'_>| OPERATIONS.contains(&token.bytes);
    match before {
        [.., first, second] if is_operation(first) => second.is_name(),
        [.., first, second] => is_operation(second) && first.bytes != b"@",
        [only] => is_operation(only),
        [] => false,
    }
}

/// Whether the token belongs to the number before it, such as in `1e-0`.
fn continues_number(before: &[Token<'_>], token: Token<'_>) -> bool {
    before.last().is_some_and(|last| last.is_name() && last.end() == token.start)
}

#[cfg(test)]
mod tests {
    use async_graphql::parser::parse_query;

    use super::*;

    /// Documents with descriptions, and the same documents without them.
    const DESCRIBED: [(&str, &str); 9] = [
        ("\"One.\" query { a }", "       query { a }"),
        (
            "\"One.\" query A { a } \"\"\"\nTwo.\n\"\"\" query B { b }",
            "       query A { a }    \n    \n    query B { b }",
        ),
        ("\"é\"mutation A { a }", "   mutation A { a }"),
        ("# x\n\"\" subscription { a }", "# x\n   subscription { a }"),
        ("{ a } \"One \\\"{\\\"\" fragment F on A { b }", "{ a }             fragment F on A { b }"),
        ("query(\"One.\" $a: Int) { a }", "query(       $a: Int) { a }"),
        (
            "query Q(\"x\" $a: String = \"y\" $b: [String] = [\"z\"] \"\"\"w\"\"\" $c: Int) { a(b: [\"v\" $a]) }",
            "query Q(    $a: String = \"y\" $b: [String] = [\"z\"]         $c: Int) { a(b: [\"v\" $a]) }",
        ),
        (
            "query query(\"x\" $a: String = \"y\", \"z\" $b: Int) { a }",
            "query query(    $a: String = \"y\",     $b: Int) { a }",
        ),
        ("{ a(b: -0, c: [-0 -0], d: 1e-0, e: -0.5) }", "{ a(b:  0, c: [ 0  0], d: 1e-0, e: -0.5) }"),
    ];

    #[test]
    fn descriptions_become_blanks_and_every_character_stays_at_its_place() {
        for (text, expected) in DESCRIBED {
            assert_eq!(for_parsers(text), expected, "{text}");
            assert!(parse_query(expected).is_ok(), "{expected}");
        }
    }

    #[test]
    fn strings_that_describe_nothing_stay() {
        for text in [
            "\"One.\" { a }",
            "\"One.\" \"Two.\" { a }",
            "query \"One.\" query { a }",
            "query Q \"One.\" { a }",
            "\"One.\" type A { b: Int }",
            "\"not closed query { a }",
            "\"wrong \\q escape\" query { a }",
            "\"\"\"not closed query { a }",
            "query($a: Int \"One.\") { a }",
            "query @query(a: \"One.\" $b: Int) { a }",
            "{ a(b: [\"c\" $d]) }",
            "{ \"One.\" query { a } }",
        ] {
            assert_eq!(for_parsers(text), text, "{text}");
        }
    }

    fn description() -> impl proptest::strategy::Strategy<Value = String> {
        let plain = proptest::string::string_regex("\"([a-zé#{}()$= ]|\\\\[\"\\\\/bfnrt]|\\\\u00e9)*\"").unwrap();
        let block = proptest::string::string_regex("\"\"\"([a-zé#{}()$= \n]|\\\\\"\"\"|\"[a-z])*\"\"\"").unwrap();
        proptest::prop_oneof![plain, block]
    }

    proptest::proptest! {
        #[test]
        fn any_text_keeps_its_lines_and_lengths(text in "([\"\\\\${}()=@# \n-]|query|fragment|[a-é]|0)*") {
            let blanked = for_parsers(&text);
            proptest::prop_assert_eq!(blanked.chars().count(), text.chars().count());
            let is_same_or_blank = |(new, old): (char, char)| new == old || new == ' ';
            proptest::prop_assert!(blanked.chars().zip(text.chars()).all(is_same_or_blank));
            proptest::prop_assert_eq!(blanked.lines().count(), text.lines().count());
        }

        /// Both parsers accept a document with any descriptions, and see the document without them.
        #[test]
        fn any_description_is_accepted_by_both_parsers(
            of_query in description(), of_variable in description(), of_fragment in description(), gap in "[ \n,]{0,3}",
        ) {
            let document = |query: &str, variable: &str, fragment: &str| format!(
                "{query}{gap}query Q({variable}{gap}$a: String = \"x\" {variable} $b: Int) {{ ...F a(b: [\"y\" $a $b]) }} \
                 {fragment}{gap}fragment F on Query {{ c(d: \"\"\"z\"\"\") }}"
            );
            let text = document(&of_query, &of_variable, &of_fragment);
            let blanked = for_parsers(&text);
            let plain = document("", "", "");
            proptest::prop_assert_eq!(validation::normalize(&blanked), validation::normalize(&plain));
            let tree = |text: &str| {
                let document = parse_query(text).unwrap();
                let operation = document.operations.iter().next().unwrap().1.node.clone();
                (operation.variable_definitions.len(), operation.selection_set.node.items.len(), document.fragments.len())
            };
            proptest::prop_assert_eq!(tree(&blanked), tree(&plain));
        }
    }
}
