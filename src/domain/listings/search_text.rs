//! The text that search looks through, in the form in which it is stored and compared.

use unicode_normalization::UnicodeNormalization;
use unicode_normalization::char::is_combining_mark;

/// The text in lower case without accents, in compatibility form, so that what a guest types matches what a host wrote.
pub(super) fn normalize(text: &str) -> String {
    text.nfkd().filter(|&c| !is_combining_mark(c)).flat_map(char::to_lowercase).nfc().collect()
}

/// The normalized text of a listing: title, place and description, each on a line of its own.
pub(super) fn listing_text(title: &str, place: &str, description: &str) -> String {
    let line = |text: &str| normalize(text).split_whitespace().collect::<Vec<_>>().join(" ");
    format!("{}\n{}\n{}", line(title), line(place), line(description))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn accents_and_case_do_not_matter() {
        assert_eq!(listing_text("São  Paulo\nLoft", "Ville d’Été", ""), "sao paulo loft\nville d’ete\n");
        // Hangul in decomposed form and half-width katakana.
        assert_eq!(normalize("\u{1112}\u{1161}\u{11ab}국 ｻｳﾅ"), "한국 サウナ");
    }
}
