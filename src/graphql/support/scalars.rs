//! The scalars of the API: instants, dates, times, time zones, currencies and numbers.

use async_graphql::{Description, InputType, InputValueError, InputValueResult, Scalar, ScalarType, Value};
use chrono::{NaiveDate, NaiveTime, SecondsFormat, Utc};
use chrono_tz::Tz;

use crate::domain::error::{Code, Error, Refusals};
use crate::kernel::money::{Currency, MAX_MINOR};

fn wrong<T: InputType>(expected: &str) -> InputValueError<T> {
    InputValueError::custom(expected).with_extension("code", "INVALID")
}

/// Instant as an RFC 3339 string, such as `2027-03-04T15:00:00Z`. In UTC with the suffix `Z` on output; any offset is
/// accepted on input.
#[derive(Clone, Copy, Debug, Description)]
pub struct DateTime(pub chrono::DateTime<Utc>);

#[Scalar(name = "DateTime", specified_by_url = "https://www.rfc-editor.org/rfc/rfc3339", use_type_description)]
impl ScalarType for DateTime {
    fn parse(value: Value) -> InputValueResult<Self> {
        match &value {
            Value::String(text) => chrono::DateTime::parse_from_rfc3339(text)
                .map(|at| DateTime(at.to_utc()))
                .map_err(|_| wrong("must be an RFC 3339 instant such as 2027-03-04T15:00:00Z")),
            _ => Err(wrong("must be an RFC 3339 instant such as 2027-03-04T15:00:00Z")),
        }
    }

    fn is_valid(value: &Value) -> bool {
        <Self as ScalarType>::parse(value.clone()).is_ok()
    }

    fn to_value(&self) -> Value {
        Value::String(self.0.to_rfc3339_opts(SecondsFormat::AutoSi, true))
    }
}

/// Calendar date as a string `YYYY-MM-DD`, without time or offset. It is meant in the listing's time zone.
#[derive(Clone, Copy, Debug, Description)]
pub struct Date(pub NaiveDate);

#[Scalar(name = "Date", use_type_description)]
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

#[Scalar(name = "LocalTime", use_type_description)]
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

#[Scalar(name = "TimeZone", use_type_description)]
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

/// Integer in minor units of a currency, such as cents for EUR or yen for JPY. Its absolute value is less than 2^53; an
/// Int would end at 2^31-1.
#[derive(Clone, Copy, Debug, Description)]
pub struct MinorUnits(pub i64);

#[Scalar(name = "MinorUnits", use_type_description)]
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

#[Scalar(name = "Ppm", use_type_description)]
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

/// Any JSON value: object, list, string, number, boolean or null.
#[derive(Clone, Debug, Description)]
pub struct Json(pub serde_json::Value);

#[Scalar(name = "JSON", use_type_description)]
impl ScalarType for Json {
    fn parse(value: Value) -> InputValueResult<Self> {
        value.into_json().map(Json).map_err(|_| wrong("must be JSON"))
    }

    fn to_value(&self) -> Value {
        Value::from_json(self.0.clone()).unwrap_or_default()
    }
}
