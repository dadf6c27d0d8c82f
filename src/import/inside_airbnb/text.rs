//! Converts descriptions and comments with some HTML into plain text, once, during the import.

/// Removes markup from a text: breaks and blocks become line ends, other known tags are removed, entities are decoded
/// once.
///
/// Text that only looks like a tag (`<3`, `<all in>`) was written by a person and is not changed. Lines are trimmed,
/// and several empty lines become one.
pub fn plain(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(letter) = rest.chars().next() {
        let (written, length) = match letter {
            '<' => parse_tag(rest).unwrap_or(("<", 1)),
            '&' => match parse_entity(rest) {
                Some((letter, length)) => {
                    out.push(letter);
                    ("", length)
                }
                None => ("&", 1),
            },
            '\r' if rest.starts_with("\r\n") => ("\n", 2),
            // A carriage return followed by a break is one line end.
            '\r' | '\n' if follows_break(rest) => ("", 1),
            '\r' | '\u{2028}' | '\u{2029}' | '\u{85}' => ("\n", letter.len_utf8()),
            '\u{a0}' | '\t' => (" ", letter.len_utf8()),
            '\u{feff}' => ("", letter.len_utf8()),
            control if control.is_control() && control != '\n' => ("", letter.len_utf8()),
            _ => rest.split_at_checked(letter.len_utf8()).map_or(("", 1), |(this, _)| (this, this.len())),
        };
        out.push_str(written);
        rest = rest.get(length..).unwrap_or_default();
    }
    trim_lines(&out)
}

/// Converts a name or a title into plain text on one line.
pub fn one_line(text: &str) -> String {
    plain(text).split_whitespace().collect::<Vec<_>>().join(" ")
}

/// Shortens a text to at most `max_chars` characters. The second value is true if it was longer.
pub fn truncate(mut text: String, max_chars: usize) -> (String, bool) {
    match text.char_indices().nth(max_chars) {
        Some((end, _)) => {
            text.truncate(end);
            text.truncate(text.trim_end().len());
            (text, true)
        }
        None => (text, false),
    }
}

const BREAKS: [&str; 17] = [
    "br",
    "p",
    "div",
    "li",
    "ul",
    "ol",
    "tr",
    "table",
    "h1",
    "h2",
    "h3",
    "h4",
    "h5",
    "h6",
    "hr",
    "section",
    "blockquote",
];
const INLINE: [&str; 22] = [
    "a", "abbr", "b", "big", "code", "em", "font", "i", "img", "ins", "del", "mark", "s", "small", "span", "strike",
    "strong", "sub", "sup", "u", "td", "th",
];

/// The replacement for the known tag at the start of `text`, and the tag's length.
fn parse_tag(text: &str) -> Option<(&'static str, usize)> {
    let length = text.find('>')? + 1;
    let inner = text.get(1..length - 1)?.trim_start_matches('/').trim_end_matches('/').trim_end();
    let (name, attributes) = inner.split_once(char::is_whitespace).unwrap_or((inner, ""));
    if !(attributes.is_empty() || attributes.contains('=')) {
        return None;
    }
    let is = |known: &&str| known.eq_ignore_ascii_case(name);
    if BREAKS.iter().any(is) { Some(("\n", length)) } else { INLINE.iter().any(is).then_some(("", length)) }
}

fn follows_break(text: &str) -> bool {
    let next = text.get(1..).unwrap_or_default();
    next.get(..3).is_some_and(|start| start.eq_ignore_ascii_case("<br")) && parse_tag(next).is_some()
}

/// Most characters of an entity.
const MAX_ENTITY_CHARS: usize = 10;

/// The character of the entity at the start of `text`, and the entity's length.
fn parse_entity(text: &str) -> Option<(char, usize)> {
    let end = text.bytes().take(MAX_ENTITY_CHARS).position(|byte| byte == b';')?;
    let letter = match text.get(1..end)? {
        "amp" => '&',
        "lt" => '<',
        "gt" => '>',
        "quot" => '"',
        "apos" | "rsquo" | "lsquo" => '\'',
        "nbsp" => ' ',
        "ndash" => '–',
        "mdash" => '—',
        "hellip" => '…',
        "bull" => '•',
        "deg" => '°',
        "eacute" => 'é',
        number => parse_numeric_entity(number.strip_prefix('#')?)?,
    };
    Some((letter, end + 1))
}

fn parse_numeric_entity(digits: &str) -> Option<char> {
    let code = match digits.strip_prefix(['x', 'X']) {
        Some(hex) => u32::from_str_radix(hex, 16).ok()?,
        None => digits.parse().ok()?,
    };
    char::from_u32(code).filter(|letter| !letter.is_control() || *letter == '\n')
}

fn trim_lines(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut empty_lines = 0;
    for line in text.lines().map(str::trim) {
        if line.is_empty() {
            empty_lines += 1;
            continue;
        }
        if !out.is_empty() {
            out.push_str(if empty_lines > 0 { "\n\n" } else { "\n" });
        }
        out.push_str(line);
        empty_lines = 0;
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn breaks_become_line_ends_and_tags_are_removed() {
        assert_eq!(plain("One.<br /><br /><b>The space</b><br />Two."), "One.\n\nThe space\nTwo.");
        assert_eq!(plain("<p>One</p><p class=\"x\">Two</p>"), "One\n\nTwo");
        assert_eq!(plain("<a href=\"https://example.org/?a=1&amp;b=2\">Here</a>"), "Here");
    }

    #[test]
    fn a_carriage_return_before_a_break_is_the_same_line_end() {
        assert_eq!(plain("Clean.\r<br/>Tidy.\r\n<br/>Far.\rNear.\r\nEnd."), "Clean.\nTidy.\n\nFar.\nNear.\nEnd.");
    }

    #[test]
    fn text_that_only_looks_like_a_tag_is_not_changed() {
        for text in ["I <3 it", "<all in>", "a < b > c", "<facebook_contact>", "5 <b big>", "<", "&", "a & b; c", "<>"]
        {
            assert_eq!(plain(text), text);
        }
    }

    #[test]
    fn entities_are_decoded_once() {
        assert_eq!(plain("&lt;b&gt; &amp;amp; Tom&#39;s &#x2013; &quot;x&quot;&nbsp;y"), "<b> &amp; Tom's – \"x\" y");
        assert_eq!(plain("&#0;&#7;&#xD800;&unknown;"), "&#0;&#7;&#xD800;&unknown;");
    }

    #[test]
    fn other_scripts_and_emoji_are_not_changed() {
        assert_eq!(plain("很好 \u{1f600}\u{0}\u{a0}좋아요 "), "很好 \u{1f600} 좋아요");
        assert_eq!(one_line(" Two\r\nlines  <b>here</b> "), "Two lines here");
    }

    #[test]
    fn long_texts_are_truncated_between_characters() {
        assert_eq!(truncate("很好很好".into(), 3), ("很好很".into(), true));
        assert_eq!(truncate("ab cd".into(), 3), ("ab".into(), true));
        assert_eq!(truncate("abc".into(), 3), ("abc".into(), false));
    }
}
