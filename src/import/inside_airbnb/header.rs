//! Finds columns by name and parses their texts.

use std::collections::HashMap;

use chrono::NaiveDate;
use csv::StringRecord;

use super::amount::parse_minor;
use crate::import::findings::{At, Problem};
use crate::kernel::money::Currency;

/// The columns of a file, in any order.
#[derive(Clone, Debug)]
pub struct Header {
    names: Vec<String>,
    positions: HashMap<String, usize>,
}

impl Header {
    /// The header from the first record of a file.
    pub fn new(record: &StringRecord) -> Header {
        let clean = |name: &str| name.trim_start_matches('\u{feff}').trim().to_ascii_lowercase();
        let names: Vec<String> = record.iter().map(clean).collect();
        let positions = names.iter().cloned().enumerate().map(|(position, name)| (name, position)).collect();
        Header { names, positions }
    }

    /// The names of the columns, in order.
    pub fn columns(&self) -> impl Iterator<Item = &str> {
        self.names.iter().map(String::as_str)
    }

    /// Whether there is a column with this name.
    pub fn has(&self, name: &str) -> bool {
        self.positions.contains_key(name)
    }

    /// The required columns that are missing.
    pub fn missing<'a>(&self, required: &[&'a str]) -> Vec<&'a str> {
        required.iter().copied().filter(|name| !self.has(name)).collect()
    }
}

/// A record with its columns.
#[derive(Clone, Copy, Debug)]
pub struct Row<'a> {
    /// Position in the file.
    pub at: At,
    header: &'a Header,
    fields: &'a StringRecord,
}

impl<'a> Row<'a> {
    /// Combines a record with the header of its file.
    pub fn new(header: &'a Header, fields: &'a StringRecord, at: At) -> Row<'a> {
        Row { at, header, fields }
    }

    /// Refuses a record that has more or fewer fields than the header: its values can be in the wrong columns.
    pub fn check_width(&self) -> Result<(), Problem> {
        let (fields, columns) = (self.fields.len(), self.header.names.len());
        if fields == columns {
            return Ok(());
        }
        let value = format!("{fields} fields, {columns} columns");
        Err(Problem::new("record", "has a different number of fields than the header", &value))
    }

    /// Whether the file has a column with this name.
    pub fn has(&self, column: &str) -> bool {
        self.header.has(column)
    }

    /// The text of a column. `None` if it is blank or there is no such column.
    pub fn text(&self, column: &str) -> Option<&'a str> {
        let position = *self.header.positions.get(column)?;
        self.fields.get(position).map(str::trim).filter(|text| !text.is_empty())
    }

    /// The text of a column in which `N/A` means that the value is not known.
    fn known_text(&self, column: &str) -> Option<&'a str> {
        self.text(column).filter(|text| *text != "N/A")
    }

    /// A key of the source: a whole number of up to 63 bits, greater than 0.
    pub fn key(&self, column: &'static str) -> Result<i64, Problem> {
        let text = self.text(column).ok_or_else(|| Problem::new(column, "is missing", ""))?;
        parse_key(text).ok_or_else(|| Problem::new(column, "is not a whole number above 0", text))
    }

    /// A whole number. Some layouts write it as `3.0`.
    pub fn whole(&self, column: &'static str) -> Result<Option<i64>, Problem> {
        let Some(text) = self.known_text(column) else { return Ok(None) };
        let digits = text.split_once('.').filter(|(_, rest)| rest.bytes().all(|b| b == b'0')).map_or(text, |(n, _)| n);
        digits.parse().map(Some).map_err(|_| Problem::new(column, "is not a whole number", text))
    }

    /// A number with decimals.
    pub fn decimal(&self, column: &'static str) -> Result<Option<f64>, Problem> {
        let Some(text) = self.known_text(column) else { return Ok(None) };
        match text.parse::<f64>() {
            Ok(number) if number.is_finite() => Ok(Some(number)),
            _ => Err(Problem::new(column, "is not a number", text)),
        }
    }

    /// A calendar date.
    pub fn date(&self, column: &'static str) -> Result<Option<NaiveDate>, Problem> {
        let Some(text) = self.known_text(column) else { return Ok(None) };
        parse_date(text).map(Some).ok_or_else(|| Problem::new(column, "is not a date", text))
    }

    /// A boolean, written `t` or `f`.
    pub fn flag(&self, column: &'static str) -> Result<Option<bool>, Problem> {
        match self.known_text(column) {
            None => Ok(None),
            Some("t" | "true" | "True" | "TRUE") => Ok(Some(true)),
            Some("f" | "false" | "False" | "FALSE") => Ok(Some(false)),
            Some(text) => Err(Problem::new(column, "is neither t nor f", text)),
        }
    }

    /// An amount of money in minor units of `currency`. The sign before it is ignored.
    pub fn money(&self, column: &'static str, currency: Currency) -> Result<Option<i64>, Problem> {
        let Some(text) = self.known_text(column) else { return Ok(None) };
        parse_minor(text, currency).map(Some).ok_or_else(|| Problem::new(column, "is not an amount of money", text))
    }
}

/// Parses a key of the source.
fn parse_key(text: &str) -> Option<i64> {
    text.parse().ok().filter(|key| *key > 0)
}

/// Parses `2024-11-05`. One calendar has millions of dates, so this is faster than a general parser.
fn parse_date(text: &str) -> Option<NaiveDate> {
    let (year, rest) = text.split_once('-')?;
    let (month, day) = rest.split_once('-')?;
    if (year.len(), month.len(), day.len()) != (4, 2, 2) {
        return None;
    }
    NaiveDate::from_ymd_opt(year.parse().ok()?, month.parse().ok()?, day.parse().ok()?)
}

#[cfg(test)]
mod tests {
    use super::*;

    const NAMES: [&str; 9] = ["id", "n", "d", "day", "yes", "price", "blank", "rate", "name"];

    fn with<T>(fields: [&str; 9], read: impl FnOnce(Row<'_>) -> T) -> T {
        let header = Header::new(&StringRecord::from(NAMES.to_vec()));
        let fields = StringRecord::from(fields.to_vec());
        read(Row::new(&header, &fields, At { record: 1, line: 2 }))
    }

    const GOOD: [&str; 9] = ["973486502034928311", "3.0", "4.5", "2024-02-29", "t", "$1,250.00", " ", "N/A", "None"];

    #[test]
    fn values_are_parsed_by_type() {
        with(GOOD, |row| {
            assert_eq!(row.key("id"), Ok(973_486_502_034_928_311));
            assert_eq!(row.whole("n"), Ok(Some(3)));
            assert_eq!(row.decimal("d"), Ok(Some(4.5)));
            assert_eq!(row.date("day"), Ok(NaiveDate::from_ymd_opt(2024, 2, 29)));
            assert_eq!(row.flag("yes"), Ok(Some(true)));
            assert_eq!(row.money("price", "SGD".parse().unwrap()), Ok(Some(125_000)));
        });
    }

    #[test]
    fn a_blank_value_is_not_zero_and_none_is_a_name() {
        with(GOOD, |row| {
            assert_eq!((row.whole("blank"), row.flag("blank"), row.text("blank")), (Ok(None), Ok(None), None));
            assert_eq!((row.decimal("rate"), row.text("rate")), (Ok(None), Some("N/A")));
            assert_eq!((row.text("name"), row.text("no such column")), (Some("None"), None));
            assert_eq!(row.key("blank"), Err(Problem::new("blank", "is missing", "")));
        });
    }

    #[test]
    fn a_value_that_cannot_be_parsed_names_its_column() {
        let bad = ["6.63E+17", "3.5", "inf", "2024-2-9", "maybe", "about 5", "", "", ""];
        with(bad, |row| {
            let wrong = [
                row.key("id").unwrap_err(),
                row.whole("n").unwrap_err(),
                row.decimal("d").unwrap_err(),
                row.date("day").unwrap_err(),
                row.flag("yes").unwrap_err(),
                row.money("price", "USD".parse().unwrap()).unwrap_err(),
            ];
            assert_eq!(wrong.map(|problem| problem.field), ["id", "n", "d", "day", "yes", "price"]);
            assert_eq!(row.check_width(), Ok(()));
        });
        for text in ["0", "-1", "9223372036854775808", "1 ", ""] {
            assert_eq!(parse_key(text), None, "{text}");
        }
    }

    #[test]
    fn columns_are_found_by_name_and_extra_ones_are_ignored() {
        let header = Header::new(&StringRecord::from(vec!["\u{feff}ID ", "new", "Price"]));
        assert_eq!(header.missing(&["id", "price", "name"]), ["name"]);
        let fields = StringRecord::from(vec!["1", "2"]);
        let row = Row::new(&header, &fields, At { record: 1, line: 2 });
        assert_eq!(row.check_width().unwrap_err().value, "2 fields, 3 columns");
    }
}
