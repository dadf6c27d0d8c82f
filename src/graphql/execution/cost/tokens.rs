//! Counts the tokens of a text before it is parsed.

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

/// Counts tokens by the lexical grammar (section 2.1 of the specification). A character that starts no token counts as
/// one, so that a text that cannot be parsed is limited like one that can.
pub fn count_tokens(text: &str) -> Tokens {
    let mut rest = text.as_bytes();
    let mut tokens = Tokens::default();
    let mut open: u64 = 0;
    while let Some(&first) = rest.first() {
        let length = match first {
            b' ' | b'\t' | b'\n' | b'\r' | b',' => {
                rest = &rest[1..];
                continue;
            }
            b'#' => {
                rest = &rest[run_length(rest, |byte| !matches!(byte, b'\n' | b'\r'))..];
                continue;
            }
            // The byte order mark.
            0xEF if rest.starts_with(b"\xEF\xBB\xBF") => {
                rest = &rest[3..];
                continue;
            }
            b'"' if rest.starts_with(b"\"\"\"") => block_string_length(rest),
            b'"' => string_length(rest),
            b'.' if rest.starts_with(b"...") => 3,
            byte if is_name_byte(byte) => run_length(rest, is_name_byte),
            b'-' | b'.' => 1 + run_length(&rest[1..], is_number_byte),
            _ => 1,
        };
        match first {
            b'{' | b'[' | b'(' => open += 1,
            b'}' | b']' | b')' => open = open.saturating_sub(1),
            _ => {}
        }
        tokens.count += 1;
        tokens.brackets = tokens.brackets.max(open);
        if is_name_byte(first) {
            tokens.name = tokens.name.max(u64::try_from(length).unwrap_or(u64::MAX));
        }
        rest = &rest[length..];
    }
    tokens
}

fn run_length(rest: &[u8], is_part: impl Fn(u8) -> bool) -> usize {
    rest.iter().position(|&byte| !is_part(byte)).unwrap_or(rest.len())
}

fn is_name_byte(byte: u8) -> bool {
    byte == b'_' || byte.is_ascii_alphanumeric()
}

fn is_number_byte(byte: u8) -> bool {
    matches!(byte, b'0'..=b'9' | b'.' | b'e' | b'E' | b'+' | b'-')
}

/// The length of a string with its quotes, in bytes. An unterminated string ends at the end of its line.
fn string_length(rest: &[u8]) -> usize {
    let mut at = 1;
    while let Some(&byte) = rest.get(at) {
        match byte {
            b'\\' => at += 2,
            b'"' => return at + 1,
            b'\n' | b'\r' => return at,
            _ => at += 1,
        }
    }
    rest.len()
}

/// The length of a block string with its quotes, in bytes.
fn block_string_length(rest: &[u8]) -> usize {
    let mut at = 3;
    while at < rest.len() {
        if rest[at..].starts_with(b"\\\"\"\"") {
            at += 4;
        } else if rest[at..].starts_with(b"\"\"\"") {
            return at + 3;
        } else {
            at += 1;
        }
    }
    rest.len()
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
