//! Parses numbers of rooms from texts: "1.5 shared baths", "Half-bath", "Villa in … · 2 bedrooms · 3 beds · 1 bath".

/// The parts of a generated name.
#[derive(Debug, Default, PartialEq)]
pub struct NamedRooms {
    /// Title, such as `Villa in Springfield`.
    pub title: String,
    /// Number of bedrooms. 0 for a studio.
    pub bedrooms: Option<i32>,
    /// Number of beds.
    pub beds: Option<i32>,
    /// Number of bathrooms.
    pub bathrooms: Option<f64>,
}

/// Parses a generated name. A name written by a person is returned as the title.
pub fn parse_name(name: &str) -> NamedRooms {
    let mut rooms = NamedRooms::default();
    let mut parts = name.split(" · ");
    let title = parts.next().unwrap_or_default();
    let mut generated = false;
    for part in parts {
        if let Some(bathrooms) = parse_bathrooms(part) {
            rooms.bathrooms = Some(bathrooms);
        } else if let Some(bedrooms) = parse_count(part, &["bedroom", "bedrooms"]) {
            rooms.bedrooms = Some(bedrooms);
        } else if part == "Studio" {
            rooms.bedrooms = Some(0);
        } else if let Some(beds) = parse_count(part, &["bed", "beds"]) {
            rooms.beds = Some(beds);
        } else {
            // The rating, or "New", begins with a star. Another part shows that a person wrote the name.
            generated |= part.starts_with('★');
            continue;
        }
        generated = true;
    }
    rooms.title = if generated { title.to_owned() } else { name.to_owned() };
    rooms
}

/// Parses a number of bathrooms, such as `1 bath`, `2.5 shared baths`, `0 baths`, `Private half-bath`.
pub fn parse_bathrooms(text: &str) -> Option<f64> {
    let text = text.trim().to_ascii_lowercase();
    let mut words = text.split_whitespace();
    if words.next_back().is_some_and(|last| matches!(last, "half-bath" | "half-baths")) {
        return Some(0.5);
    }
    let unit = text.rsplit(' ').next()?;
    if !matches!(unit, "bath" | "baths" | "bathroom" | "bathrooms") {
        return None;
    }
    text.split_whitespace().next()?.parse().ok().filter(|count: &f64| count.is_finite() && *count >= 0.0)
}

/// The number of bedrooms in a title written by a person: `Sunny 2 bedroom flat`, `3BR near the park`, `Studio`.
pub fn bedrooms_in_title(title: &str) -> Option<i32> {
    let title = title.to_lowercase();
    let words: Vec<&str> = title.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty()).collect();
    let is_unit = |word: &str| matches!(word, "bedroom" | "bedrooms" | "br" | "bdrm" | "bdrms" | "bdr" | "bd");
    let numbered = words.windows(2).find_map(|pair| match pair {
        [count, unit] if is_unit(unit) => parse_number_word(count),
        _ => None,
    });
    let joined = || {
        words.iter().find_map(|word| {
            let unit = word.trim_start_matches(|c: char| c.is_ascii_digit());
            is_unit(unit).then(|| parse_number_word(word.strip_suffix(unit)?)).flatten()
        })
    };
    let studio = || words.contains(&"studio").then_some(0);
    numbered.or_else(joined).or_else(studio)
}

/// Larger numbers in a title are taken for something else, such as a house number.
const MAX_BEDROOMS_IN_A_TITLE: i32 = 12;

fn parse_number_word(word: &str) -> Option<i32> {
    match word {
        "one" => Some(1),
        "two" => Some(2),
        "three" => Some(3),
        "four" => Some(4),
        "five" => Some(5),
        digits => digits.parse().ok().filter(|count| (1..=MAX_BEDROOMS_IN_A_TITLE).contains(count)),
    }
}

fn parse_count(text: &str, units: &[&str]) -> Option<i32> {
    let (count, unit) = text.split_once(' ')?;
    if units.contains(&unit) { count.parse().ok().filter(|count| *count >= 0) } else { None }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bathrooms_are_counted_in_halves() {
        for (text, count) in [
            ("1 bath", Some(1.0)),
            ("1.5 shared baths", Some(1.5)),
            ("0 shared baths", Some(0.0)),
            ("1 private bath", Some(1.0)),
            ("Half-bath", Some(0.5)),
            ("Shared half-bath", Some(0.5)),
            ("", None),
            ("bath", None),
            ("-1 baths", None),
            ("2 beds", None),
        ] {
            assert_eq!(parse_bathrooms(text), count, "{text}");
        }
    }

    #[test]
    fn a_generated_name_is_split_into_its_parts() {
        let rooms = parse_name("Villa in Springfield · ★4.44 · 2 bedrooms · 3 beds · 1 private bath");
        assert_eq!(
            rooms,
            NamedRooms { title: "Villa in Springfield".into(), bedrooms: Some(2), beds: Some(3), bathrooms: Some(1.0) }
        );
        let studio = parse_name("Hostel in Springfield · Studio · 1 bed · Shared half-bath");
        assert_eq!((studio.bedrooms, studio.beds, studio.bathrooms), (Some(0), Some(1), Some(0.5)));
    }

    #[test]
    fn a_name_written_by_a_person_is_a_title() {
        for name in ["Cosy · quiet · central", "None", "Loft", ""] {
            assert_eq!(parse_name(name), NamedRooms { title: name.into(), ..NamedRooms::default() });
        }
    }

    #[test]
    fn bedrooms_are_parsed_from_titles() {
        for (title, bedrooms) in [
            ("Sunny 2 bedroom flat", Some(2)),
            ("3BR near the park", Some(3)),
            ("Two-Bedroom with a view", Some(2)),
            ("STUDIO uptown", Some(0)),
            ("Sunny flat", None),
            ("Sleeps 2, bedroom upstairs", Some(2)),
            ("1920 bedroom", None),
        ] {
            assert_eq!(bedrooms_in_title(title), bedrooms, "{title}");
        }
    }
}
