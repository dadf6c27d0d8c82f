//! Counts the tokens of a text before it is parsed.

use crate::graphql::execution::lexer;

/// The tokens of a text, and how deeply its brackets are nested.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tokens {
    /// Number of names, numbers, strings and punctuators. Ignored tokens, such as commas and comments, do not count.
    pub count: u64,
    /// The largest number of brackets of any kind that are open at the same time.
    pub brackets: u64,
    /// Length of the longest name or number, in bytes.
    pub name: u64,
}

/// Counts the tokens of a text. A text that cannot be parsed is limited like one that can.
pub fn count_tokens(text: &str) -> Tokens {
    let mut counted = Tokens::default();
    let mut open: u64 = 0;
    for token in lexer::tokens(text) {
        match token.bytes {
            b"{" | b"[" | b"(" => open += 1,
            b"}" | b"]" | b")" => open = open.saturating_sub(1),
            _ => {}
        }
        counted.count += 1;
        counted.brackets = counted.brackets.max(open);
        if token.is_name() {
            counted.name = counted.name.max(u64::try_from(token.bytes.len()).unwrap_or(u64::MAX));
        }
    }
    counted
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_of_token_counts_once() {
        for (text, tokens) in [
            ("", 0),
            (" \t\r\n,,, # a comment { with } marks\n", 0),
            ("\u{feff}{ a }", 3),
            ("query Q($a: Int = 1) { b(c: $a) @d { ...E } }", 25),
            ("\"one \\\" two\" \"three\"", 2),
            ("\"\"\"one \" \\\"\"\" two\"\"\" three", 2),
            ("-1.5e-3 7 .5", 3),
            ("\"never closed", 1),
            ("\"closed by its line\nname", 2),
            ("\"\"\"never closed", 1),
            ("\"ends in \\", 1),
            ("é", 2),
        ] {
            assert_eq!(count_tokens(text).count, tokens, "{text}");
        }
    }

    #[test]
    fn names_and_numbers_are_measured_and_strings_are_not() {
        assert_eq!(count_tokens("{ abc ab(text: \"abcdefgh\") } # abcdefgh").name, 4);
        assert_eq!(count_tokens("12345 \"\"\"abcdef\"\"\"").name, 5);
    }

    #[test]
    fn brackets_in_strings_and_comments_do_not_count() {
        assert_eq!(count_tokens("{ a(b: [[1]]) { c } }").brackets, 4);
        assert_eq!(count_tokens("{ a(b: \"[[[\") # {{{{\n }").brackets, 2);
        assert_eq!(count_tokens("}}}{").brackets, 1);
    }

    proptest::proptest! {
        #[test]
        fn any_text_can_be_counted(text in ".*") {
            proptest::prop_assert!(count_tokens(&text).count <= text.len() as u64);
        }
    }
}
