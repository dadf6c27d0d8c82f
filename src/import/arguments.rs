//! The command line of `roost import`.

use std::path::PathBuf;

use chrono::NaiveDate;
use chrono_tz::Tz;
use clap::{Args, Subcommand};

use super::inside_airbnb::Overrides;
use super::options::Options;
use crate::kernel::money::Currency;

/// Import listings, reviews and calendars from another platform
#[derive(Args, Clone, Debug)]
pub struct ImportArgs {
    #[command(subcommand)]
    source: Source,
}

#[derive(Subcommand, Clone, Debug)]
enum Source {
    /// A snapshot of Inside Airbnb: listings.csv[.gz], and optionally reviews.csv[.gz] and calendar.csv[.gz]
    InsideAirbnb(InsideAirbnb),
}

#[derive(Args, Clone, Debug)]
struct InsideAirbnb {
    /// Folder with the files. A single summary file can have any name
    #[arg(value_name = "DIR")]
    folder: PathBuf,

    /// City or region of the listings [default: the nearest one in the built-in table]
    #[arg(long, value_name = "NAME", value_parser = parse_name)]
    city: Option<String>,

    /// ISO 3166-1 alpha-2 code of the country
    #[arg(long, value_name = "CODE", value_parser = parse_country)]
    country: Option<String>,

    /// IANA time zone of the calendars
    #[arg(long, value_name = "ZONE", value_parser = parse_zone)]
    time_zone: Option<Tz>,

    /// ISO 4217 code of the prices. The currency sign in the files is ignored
    #[arg(long, value_name = "CODE")]
    currency: Option<Currency>,

    /// Move the calendar by whole weeks so that it begins on this date or within the week after it
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

fn parse_name(text: &str) -> Result<String, String> {
    let text = text.trim();
    if text.is_empty() { Err("must not be blank".into()) } else { Ok(text.to_owned()) }
}

fn parse_country(text: &str) -> Result<String, String> {
    if text.len() == 2 && text.bytes().all(|byte| byte.is_ascii_uppercase()) {
        Ok(text.to_owned())
    } else {
        Err("must be two capital letters (ISO 3166-1), such as PT".into())
    }
}

fn parse_zone(text: &str) -> Result<Tz, String> {
    text.parse().map_err(|_| "is not an IANA time zone, such as Europe/Lisbon".into())
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::Parser;

    #[derive(Parser)]
    struct CommandLine {
        #[command(flatten)]
        import: ImportArgs,
    }

    fn parse_options(args: &[&str]) -> Result<Options, clap::Error> {
        CommandLine::try_parse_from(["roost", "inside-airbnb"].iter().chain(args)).map(|line| line.import.into())
    }

    #[test]
    fn city_country_zone_and_currency_can_be_overridden() {
        let options = parse_options(&[
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
    fn invalid_options_are_refused() {
        for bad in ["--currency=XTS", "--time-zone=Faro", "--country=Portugal", "--shift-calendar-to=soon", "--city= "]
        {
            assert!(parse_options(&["somewhere", bad]).is_err(), "{bad}");
        }
        assert!(parse_options(&[]).is_err());
    }
}
