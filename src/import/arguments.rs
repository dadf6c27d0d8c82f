//! The command line of `roost import`.

use std::path::PathBuf;

use chrono::NaiveDate;
use chrono_tz::Tz;
use clap::{Args, Subcommand};

use super::inside_airbnb::Overrides;
use super::run::Options;
use crate::kernel::money::Currency;

/// Import listings, reviews and calendars from elsewhere
#[derive(Args, Clone, Debug)]
pub struct ImportArgs {
    #[command(subcommand)]
    source: Source,
}

#[derive(Subcommand, Clone, Debug)]
enum Source {
    /// A snapshot of Inside Airbnb: listings.csv[.gz], and reviews.csv[.gz] and calendar.csv[.gz] where they are there
    InsideAirbnb(InsideAirbnb),
}

#[derive(Args, Clone, Debug)]
struct InsideAirbnb {
    /// Folder with the files; a single summary file may have any name
    #[arg(value_name = "DIR")]
    folder: PathBuf,

    /// City or region of the listings; without it, the known one nearest to them
    #[arg(long, value_name = "NAME", value_parser = name)]
    city: Option<String>,

    /// ISO 3166 code of its country
    #[arg(long, value_name = "CODE", value_parser = country)]
    country: Option<String>,

    /// IANA time zone of its calendars
    #[arg(long, value_name = "ZONE", value_parser = zone)]
    time_zone: Option<Tz>,

    /// ISO 4217 code of its prices, whatever sign stands before them
    #[arg(long, value_name = "CODE")]
    currency: Option<Currency>,

    /// Move the calendar by whole weeks so that it begins on this date or in the week after it
    #[arg(long, value_name = "YYYY-MM-DD")]
    shift_calendar_to: Option<NaiveDate>,

    /// Write every record that was skipped or adjusted into this CSV file
    #[arg(long, value_name = "FILE")]
    report: Option<PathBuf>,
}

impl From<ImportArgs> for Options {
    fn from(args: ImportArgs) -> Options {
        let Source::InsideAirbnb(args) = args.source;
        Options {
            folder: args.folder,
            overrides: Overrides {
                city: args.city,
                country: args.country,
                zone: args.time_zone,
                currency: args.currency,
            },
            shift_calendar_to: args.shift_calendar_to,
            report: args.report,
        }
    }
}

fn name(text: &str) -> Result<String, String> {
    let text = text.trim();
    if text.is_empty() { Err("must not be blank".into()) } else { Ok(text.to_owned()) }
}

fn country(text: &str) -> Result<String, String> {
    if text.len() == 2 && text.bytes().all(|byte| byte.is_ascii_uppercase()) {
        Ok(text.to_owned())
    } else {
        Err("must be two capital letters (ISO 3166-1), such as PT".into())
    }
}

fn zone(text: &str) -> Result<Tz, String> {
    text.parse().map_err(|_| "is not an IANA time zone, such as Europe/Lisbon".into())
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::Parser;

    #[derive(Parser)]
    struct Line {
        #[command(flatten)]
        import: ImportArgs,
    }

    fn options(args: &[&str]) -> Result<Options, clap::Error> {
        Line::try_parse_from(["roost", "inside-airbnb"].iter().chain(args)).map(|line| line.import.into())
    }

    #[test]
    fn what_is_known_better_than_by_the_files_can_be_said() {
        let options = options(&[
            "somewhere",
            "--currency=EUR",
            "--time-zone=Europe/Lisbon",
            "--country=PT",
            "--city=Faro",
            "--shift-calendar-to=2027-01-01",
        ])
        .unwrap();
        assert_eq!(options.overrides.currency.map(Currency::code), Some("EUR"));
        assert_eq!(options.overrides.city.as_deref(), Some("Faro"));
        assert_eq!(options.shift_calendar_to, NaiveDate::from_ymd_opt(2027, 1, 1));
    }

    #[test]
    fn what_is_wrong_is_refused_before_anything_starts() {
        for bad in ["--currency=XTS", "--time-zone=Faro", "--country=Portugal", "--shift-calendar-to=soon", "--city= "]
        {
            assert!(options(&["somewhere", bad]).is_err(), "{bad}");
        }
        assert!(options(&[]).is_err());
    }
}
