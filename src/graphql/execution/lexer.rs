//! Cuts a text into tokens by the lexical grammar (section 2.1 of the specification), before it is parsed.

/// A name, a number, a string or a punctuator.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Token<'a> {
    /// Position in the text, in bytes.
    pub start: usize,
    /// Its bytes, with the quotes of a string.
    pub bytes: &'a [u8],
}

impl Token<'_> {
    /// The position after it, in bytes.
    pub fn end(self) -> usize {
        self.start + self.bytes.len()
    }

    /// Whether it is a string or a block string.
    pub fn is_string(self) -> bool {
        self.bytes.first() == Some(&b'"')
    }

    /// Whether it is a name or a number.
    pub fn is_name(self) -> bool {
        self.bytes.first().is_some_and(|&first| is_name_byte(first))
    }
}

/// The tokens of a text. Ignored tokens, such as commas and comments, are left out. A byte that starts no token is a
/// token of its own, so that any text has tokens.
pub fn tokens(text: &str) -> impl Iterator<Item = Token<'_>> {
    let bytes = text.as_bytes();
    let mut at = 0;
    std::iter::from_fn(move || {
        at += ignored_length(&bytes[at..]);
        let rest = &bytes[at..];
        let &first = rest.first()?;
        let length = match first {
            b'"' if rest.starts_with(b"\"\"\"") => block_string_length(rest),
            b'"' => string_length(rest),
            b'.' if rest.starts_with(b"...") => 3,
            byte if is_name_byte(byte) => run_length(rest, is_name_byte),
            b'-' | b'.' => 1 + run_length(&rest[1..], is_number_byte),
            _ => 1,
        };
        let token = Token { start: at, bytes: &rest[..length] };
        at += length;
        Some(token)
    })
}

/// The length of white space, commas, comments and byte order marks, in bytes.
fn ignored_length(rest: &[u8]) -> usize {
    let mut at = 0;
    while let Some(&byte) = rest.get(at) {
        match byte {
            b' ' | b'\t' | b'\n' | b'\r' | b',' => at += 1,
            b'#' => at += run_length(&rest[at..], |byte| !matches!(byte, b'\n' | b'\r')),
            // The byte order mark.
            0xEF if rest[at..].starts_with(b"\xEF\xBB\xBF") => at += 3,
            _ => break,
        }
    }
    at
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
