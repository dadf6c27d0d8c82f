//! The scalars of the API: instants, dates, times, time zones, currencies and numbers.

use async_graphql::{Description, InputType, InputValueError, InputValueResult, Scalar, ScalarType, Value};
use chrono::{NaiveDate, NaiveTime, SecondsFormat, Utc};
use chrono_tz::Tz;

use crate::domain::error::{Code, Error, Refusals};
use crate::kernel::money::{Currency, MAX_MINOR};

fn wrong<T: InputType>(expected: &str) -> InputValueError<T> {
    InputValueError::custom(expected).with_extension("code", "INVALID")
}

/// Instant as an RFC 3339 string, such as `2027-03-04T15:00:00.000Z`. On output always in UTC with the suffix `Z` and
/// three decimals of the second, rounded down. On input any offset and up to nine decimals are accepted.
#[derive(Clone, Copy, Debug, Description)]
pub struct DateTime(pub chrono::DateTime<Utc>);

/// The most decimals of the second that are accepted.
const MAX_DECIMALS: usize = 9;

#[Scalar(
    name = "DateTime",
    specified_by_url = "https://scalars.graphql.org/andimarek/date-time.html",
    use_type_description
)]
impl ScalarType for DateTime {
    fn parse(value: Value) -> InputValueResult<Self> {
        match &value {
            Value::String(text) if count_decimals(text) <= MAX_DECIMALS => chrono::DateTime::parse_from_rfc3339(text)
                .map(|at| DateTime(at.to_utc()))
                .map_err(|_| wrong("must be an RFC 3339 instant such as 2027-03-04T15:00:00Z")),
            _ => Err(wrong("must be an RFC 3339 instant such as 2027-03-04T15:00:00Z")),
        }
    }

    fn is_valid(value: &Value) -> bool {
        <Self as ScalarType>::parse(value.clone()).is_ok()
    }

    /// Rounds down: a deadline is never later than the one that is kept.
    fn to_value(&self) -> Value {
        // chrono cuts the decimals off, which rounds down, because it counts them from the second before.
        Value::String(self.0.to_rfc3339_opts(SecondsFormat::Millis, true))
    }
}

/// Counts the decimals of the second.
fn count_decimals(text: &str) -> usize {
    let decimals = text.split_once('.').map_or("", |(_, decimals)| decimals);
    decimals.bytes().take_while(u8::is_ascii_digit).count()
}

/// Calendar date as a string `YYYY-MM-DD`, without time or offset. It is meant in the listing's time zone.
#[derive(Clone, Copy, Debug, Description)]
pub struct Date(pub NaiveDate);

#[Scalar(
    name = "Date",
    specified_by_url = "https://scalars.graphql.org/andimarek/local-date.html",
    use_type_description
)]
impl ScalarType for Date {
    fn parse(value: Value) -> InputValueResult<Self> {
        match &value {
            Value::String(text) if text.len() == 10 => NaiveDate::parse_from_str(text, "%Y-%m-%d")
                .map(Date)
                .map_err(|_| wrong("must be a calendar date such as 2027-03-04")),
            _ => Err(wrong("must be a calendar date such as 2027-03-04")),
        }
    }

    fn is_valid(value: &Value) -> bool {
        <Self as ScalarType>::parse(value.clone()).is_ok()
    }

    fn to_value(&self) -> Value {
        Value::String(self.0.to_string())
    }
}

/// Wall-clock time as a string `HH:MM`, in the listing's time zone.
#[derive(Clone, Copy, Debug, Description)]
pub struct LocalTime(pub NaiveTime);

#[Scalar(
    name = "LocalTime",
    specified_by_url = "https://www.iso.org/iso-8601-date-and-time-format.html",
    use_type_description
)]
impl ScalarType for LocalTime {
    fn parse(value: Value) -> InputValueResult<Self> {
        match &value {
            Value::String(text) if text.len() == 5 => NaiveTime::parse_from_str(text, "%H:%M")
                .map(LocalTime)
                .map_err(|_| wrong("must be a time such as 15:00")),
            _ => Err(wrong("must be a time such as 15:00")),
        }
    }

    fn is_valid(value: &Value) -> bool {
        <Self as ScalarType>::parse(value.clone()).is_ok()
    }

    fn to_value(&self) -> Value {
        Value::String(self.0.format("%H:%M").to_string())
    }
}

/// IANA time zone name, such as `Europe/Lisbon`. An unknown name is refused with INVALID.
#[derive(Clone, Debug, Description)]
pub struct TimeZone(pub String);

#[Scalar(name = "TimeZone", specified_by_url = "https://www.iana.org/time-zones", use_type_description)]
impl ScalarType for TimeZone {
    fn parse(value: Value) -> InputValueResult<Self> {
        match value {
            Value::String(text) => Ok(TimeZone(text)),
            _ => Err(wrong("must be an IANA zone name such as Europe/Lisbon")),
        }
    }

    fn is_valid(value: &Value) -> bool {
        <Self as ScalarType>::parse(value.clone()).is_ok()
    }

    fn to_value(&self) -> Value {
        Value::String(self.0.clone())
    }
}

impl TimeZone {
    /// The time zone. An unknown name is refused; the refusal names the argument at `field`.
    pub fn to_zone(&self, refusals: &mut Refusals, field: &[&str]) -> Option<Tz> {
        let zone = self.0.parse().ok();
        refusals.check(zone.is_some(), Code::Invalid, field, "is not an IANA zone name such as Europe/Lisbon");
        zone
    }
}

/// ISO 4217 alphabetic currency code, such as `EUR`. An unknown code is refused with INVALID.
#[derive(Clone, Debug, Description)]
pub struct CurrencyCode(pub String);

#[Scalar(
    name = "CurrencyCode",
    specified_by_url = "https://www.iso.org/iso-4217-currency-codes.html",
    use_type_description
)]
impl ScalarType for CurrencyCode {
    fn parse(value: Value) -> InputValueResult<Self> {
        match value {
            Value::String(text) => Ok(CurrencyCode(text)),
            _ => Err(wrong("must be an ISO 4217 code such as EUR")),
        }
    }

    fn is_valid(value: &Value) -> bool {
        <Self as ScalarType>::parse(value.clone()).is_ok()
    }

    fn to_value(&self) -> Value {
        Value::String(self.0.clone())
    }
}

impl CurrencyCode {
    /// The currency. An unknown code is added to the refusals, which name the argument at `field`.
    pub fn read(&self, refusals: &mut Refusals, field: &[&str]) -> Option<Currency> {
        let currency = self.0.parse::<Currency>();
        currency.map_err(|error| refusals.add(Code::Invalid, field, error.to_string())).ok()
    }

    /// The currency. An unknown code is refused; the refusal names the argument at `field`.
    pub fn to_currency(&self, field: &[&str]) -> Result<Currency, Error> {
        self.0.parse().map_err(|error: crate::kernel::money::UnknownCurrency| {
            Error::refused(Code::Invalid, field, error.to_string())
        })
    }
}

impl From<Currency> for CurrencyCode {
    fn from(currency: Currency) -> Self {
        CurrencyCode(currency.code().to_owned())
    }
}

/// Country as a two-letter code of ISO 3166-1, such as `PT`. An unknown code is refused with INVALID.
#[derive(Clone, Debug, Description)]
pub struct CountryCode(pub String);

#[Scalar(
    name = "CountryCode",
    specified_by_url = "https://www.iso.org/iso-3166-country-codes.html",
    use_type_description
)]
impl ScalarType for CountryCode {
    fn parse(value: Value) -> InputValueResult<Self> {
        match value {
            Value::String(text) => Ok(CountryCode(text)),
            _ => Err(wrong("must be an ISO 3166-1 code such as PT")),
        }
    }

    fn is_valid(value: &Value) -> bool {
        <Self as ScalarType>::parse(value.clone()).is_ok()
    }

    fn to_value(&self) -> Value {
        Value::String(self.0.clone())
    }
}

/// Language as a tag of BCP 47, such as `en` or `pt-BR`. A tag of another form is refused with INVALID.
#[derive(Clone, Debug, Description)]
pub struct LanguageTag(pub String);

#[Scalar(name = "LanguageTag", specified_by_url = "https://www.rfc-editor.org/rfc/rfc5646", use_type_description)]
impl ScalarType for LanguageTag {
    fn parse(value: Value) -> InputValueResult<Self> {
        match value {
            Value::String(text) => Ok(LanguageTag(text)),
            _ => Err(wrong("must be a BCP 47 language tag such as pt-BR")),
        }
    }

    fn is_valid(value: &Value) -> bool {
        <Self as ScalarType>::parse(value.clone()).is_ok()
    }

    fn to_value(&self) -> Value {
        Value::String(self.0.clone())
    }
}

/// Integer in minor units of a currency, such as cents for EUR or yen for JPY. Its absolute value is less than 2^53; an
/// Int would end at 2^31-1.
#[derive(Clone, Copy, Debug, Description)]
pub struct MinorUnits(pub i64);

#[Scalar(
    name = "MinorUnits",
    specified_by_url = "https://www.rfc-editor.org/rfc/rfc8259#section-6",
    use_type_description
)]
impl ScalarType for MinorUnits {
    fn parse(value: Value) -> InputValueResult<Self> {
        let number = if let Value::Number(number) = &value { number.as_i64() } else { None };
        number
            .filter(|number| number.unsigned_abs() <= MAX_MINOR.unsigned_abs())
            .map(MinorUnits)
            .ok_or_else(|| wrong("must be a whole number of minor units, smaller than 2^53"))
    }

    fn is_valid(value: &Value) -> bool {
        <Self as ScalarType>::parse(value.clone()).is_ok()
    }

    fn to_value(&self) -> Value {
        Value::Number(self.0.into())
    }
}

/// Integer in parts per million. 8.875 % is 88750.
#[derive(Clone, Copy, Debug, Description)]
pub struct Ppm(pub i64);

#[Scalar(name = "Ppm", specified_by_url = "https://www.rfc-editor.org/rfc/rfc8259#section-6", use_type_description)]
impl ScalarType for Ppm {
    fn parse(value: Value) -> InputValueResult<Self> {
        let number = if let Value::Number(number) = &value { number.as_i64() } else { None };
        number.map(Ppm).ok_or_else(|| wrong("must be a whole number of parts per million"))
    }

    fn is_valid(value: &Value) -> bool {
        <Self as ScalarType>::parse(value.clone()).is_ok()
    }

    fn to_value(&self) -> Value {
        Value::Number(self.0.into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(text: &str) -> Option<chrono::DateTime<Utc>> {
        <DateTime as ScalarType>::parse(Value::from(text)).ok().map(|at| at.0)
    }

    #[test]
    fn an_instant_is_printed_with_three_decimals_rounded_down() {
        for (given, printed) in [
            ("2027-03-04T15:00:00Z", "2027-03-04T15:00:00.000Z"),
            ("2027-03-04T15:00:00.9999Z", "2027-03-04T15:00:00.999Z"),
            ("2027-12-31T23:59:59.999999999Z", "2027-12-31T23:59:59.999Z"),
            ("2027-03-04T15:00:00.5+05:30", "2027-03-04T09:30:00.500Z"),
            ("2027-03-04T15:00:00.123456-03:00", "2027-03-04T18:00:00.123Z"),
            ("1969-12-31T23:59:59.9999Z", "1969-12-31T23:59:59.999Z"),
        ] {
            assert_eq!(ScalarType::to_value(&DateTime(parsed(given).unwrap())), Value::from(printed), "{given}");
        }
    }

    #[test]
    fn an_instant_without_offset_or_with_ten_decimals_is_refused() {
        for wrong in [
            "2027-03-04",
            "2027-03-04T15:00:00",
            "2027-03-04T15:00Z",
            "2027-03-04T15:00:00.Z",
            "2027-03-04T15:00:00.1234567890Z",
            "2027-02-30T15:00:00Z",
            "2027-03-04T15:00:00+0100",
            "",
        ] {
            assert_eq!(parsed(wrong), None, "{wrong}");
        }
        assert!(<DateTime as ScalarType>::parse(Value::from(1_804_172_400)).is_err());
    }
}
