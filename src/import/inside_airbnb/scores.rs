//! Converts the ratings of listings to one scale. Newer files have a scale of 5, older ones of 100 overall and of 10 by
//! aspect.

use super::header::Row;
use crate::domain::listings::import::ImportedRating;
use crate::import::findings::Problem;

const COLUMNS: [&str; 7] = [
    "review_scores_rating",
    "review_scores_cleanliness",
    "review_scores_accuracy",
    "review_scores_checkin",
    "review_scores_communication",
    "review_scores_location",
    "review_scores_value",
];
/// Highest scores of the scales that exist.
const SCALES: [f64; 3] = [5.0, 10.0, 100.0];
/// Five stars, in hundredths of a star.
const HUNDREDTHS_OF_STARS: f64 = 500.0;

/// The highest score of each aspect in a file, which shows its scale.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Scales {
    highest: [f64; COLUMNS.len()],
}

impl Scales {
    /// Takes the scores of one listing into account.
    pub fn add(&mut self, row: Row<'_>) {
        for (highest, column) in self.highest.iter_mut().zip(COLUMNS) {
            let score = row.decimal(column).ok().flatten().unwrap_or_default();
            *highest = highest.max(score);
        }
    }

    /// The scale of one aspect.
    fn scale_of(&self, aspect: usize) -> f64 {
        let highest = self.highest.get(aspect).copied().unwrap_or_default();
        SCALES.into_iter().find(|scale| highest <= *scale).unwrap_or(f64::INFINITY)
    }
}

/// Parses the ratings of a listing. `None` if it has no reviews or no scores. A blank score is not a score, but 0.0 is.
pub fn parse_ratings(row: Row<'_>, scales: &Scales, problem: &mut impl FnMut(Problem)) -> Option<ImportedRating> {
    let count = row.whole("number_of_reviews").unwrap_or_else(|wrong| {
        problem(wrong);
        None
    })?;
    if count < 1 {
        return None;
    }
    let mut scores = [None; COLUMNS.len()];
    for (aspect, (score, column)) in scores.iter_mut().zip(COLUMNS).enumerate() {
        *score = parse_hundredths(row, column, scales.scale_of(aspect)).unwrap_or_else(|wrong| {
            problem(wrong);
            None
        });
    }
    let [overall, cleanliness, accuracy, check_in, communication, location, value] = scores;
    scores.iter().any(Option::is_some).then_some(ImportedRating {
        count,
        overall,
        cleanliness,
        accuracy,
        check_in,
        communication,
        location,
        value,
    })
}

fn parse_hundredths(row: Row<'_>, column: &'static str, scale: f64) -> Result<Option<i64>, Problem> {
    let Some(score) = row.decimal(column)? else { return Ok(None) };
    if !(0.0..=scale).contains(&score) || scale.is_infinite() {
        let text = row.text(column).unwrap_or_default();
        return Err(Problem::new(column, "is not on a known scale", text));
    }
    Ok(format!("{:.0}", score * HUNDREDTHS_OF_STARS / scale).parse().ok())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::import::findings::At;
    use crate::import::inside_airbnb::header::Header;
    use csv::StringRecord;

    fn read_all(rows: &[[&str; 4]]) -> (Vec<Option<ImportedRating>>, usize) {
        let names = vec!["number_of_reviews", "review_scores_rating", "review_scores_value", "x"];
        let header = Header::new(&StringRecord::from(names));
        let records: Vec<StringRecord> = rows.iter().map(|row| StringRecord::from(row.to_vec())).collect();
        let at = At { record: 1, line: 2 };
        let mut scales = Scales::default();
        records.iter().for_each(|fields| scales.add(Row::new(&header, fields, at)));
        let mut problems = 0;
        let ratings = records
            .iter()
            .map(|fields| parse_ratings(Row::new(&header, fields, at), &scales, &mut |_| problems += 1))
            .collect();
        (ratings, problems)
    }

    #[test]
    fn zero_is_a_score_and_a_blank_is_not() {
        let (ratings, problems) = read_all(&[["9", "4.44", "", ""], ["1", "0.0", "5.0", ""], ["0", "", "", ""]]);
        let some = |count, overall, value| Some(ImportedRating { count, overall, value, ..Default::default() });
        assert_eq!(ratings, [some(9, Some(444), None), some(1, Some(0), Some(500)), None]);
        assert_eq!(problems, 0);
    }

    #[test]
    fn older_scales_are_converted_to_five_stars() {
        let (ratings, _) = read_all(&[["3", "93", "9", ""], ["2", "20.0", "10.0", ""]]);
        let seen: Vec<_> = ratings.iter().flatten().map(|rating| (rating.overall, rating.value)).collect();
        assert_eq!(seen, [(Some(465), Some(450)), (Some(100), Some(500))]);
    }

    #[test]
    fn invalid_scores_are_left_out() {
        let (ratings, problems) = read_all(&[["3", "-1", "4.0", ""], ["x", "4", "4", ""], ["3", "", "", ""]]);
        assert_eq!(ratings.iter().map(Option::is_some).collect::<Vec<_>>(), [true, false, false]);
        assert_eq!(problems, 2);
    }
}
