//! The scalars of the API: instants, dates, times, zones, currencies and amounts.

use async_graphql::{InputType, InputValueError, InputValueResult, Scalar, ScalarType, Value};
use chrono::{NaiveDate, NaiveTime, SecondsFormat, Utc};
use chrono_tz::Tz;

use crate::domain::error::{Code, Error, Refusals};
use crate::kernel::money::{Currency, MAX_MINOR};

fn wrong<T: InputType>(expected: &str) -> InputValueError<T> {
    InputValueError::custom(expected).with_extension("code", "INVALID")
}

/// RFC 3339 instant, in UTC on output (…Z).
#[derive(Clone, Copy, Debug)]
pub struct DateTime(pub chrono::DateTime<Utc>);

/// RFC 3339 instant, in UTC on output (…Z).
#[Scalar(name = "DateTime", specified_by_url = "https://www.rfc-editor.org/rfc/rfc3339")]
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

/// ISO 8601 calendar date in the LISTING's zone; never has a time or an offset.
#[derive(Clone, Copy, Debug)]
pub struct Date(pub NaiveDate);

/// ISO 8601 calendar date in the LISTING's zone; never has a time or an offset.
#[Scalar(name = "Date")]
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

/// HH:MM wall-clock time in the listing's zone.
#[derive(Clone, Copy, Debug)]
pub struct LocalTime(pub NaiveTime);

/// HH:MM wall-clock time in the listing's zone.
#[Scalar(name = "LocalTime")]
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

/// IANA zone name, e.g. Europe/Lisbon. Unknown names are refused where they are used, by the name of their field.
#[derive(Clone, Debug)]
pub struct TimeZone(pub String);

/// IANA zone name, e.g. Europe/Lisbon.
#[Scalar(name = "TimeZone")]
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
    /// The zone, or a refusal that names the field.
    pub fn read(&self, refusals: &mut Refusals, field: &[&str]) -> Option<Tz> {
        let zone = self.0.parse().ok();
        refusals.check(zone.is_some(), Code::Invalid, field, "is not an IANA zone name such as Europe/Lisbon");
        zone
    }
}

/// ISO 4217 alphabetic code. Unknown codes are refused where they are used, by the name of their field.
#[derive(Clone, Debug)]
pub struct CurrencyCode(pub String);

/// ISO 4217 alphabetic code.
#[Scalar(name = "CurrencyCode", specified_by_url = "https://www.iso.org/iso-4217-currency-codes.html")]
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
    /// The currency, or a refusal that names the field.
    pub fn read(&self, field: &[&str]) -> Result<Currency, Error> {
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

/// Integer in minor units, |x| < 2^53 (Int stops at 2^31-1).
#[derive(Clone, Copy, Debug)]
pub struct MinorUnits(pub i64);

/// Integer in minor units, |x| < 2^53 (Int stops at 2^31-1).
#[Scalar(name = "MinorUnits")]
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

/// Parts per million: 8.875 % = 88750.
#[derive(Clone, Copy, Debug)]
pub struct Ppm(pub i64);

/// Parts per million: 8.875 % = 88750.
#[Scalar(name = "Ppm")]
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

/// Any JSON value.
#[derive(Clone, Debug)]
pub struct Json(pub serde_json::Value);

/// Any JSON value.
#[Scalar(name = "JSON")]
impl ScalarType for Json {
    fn parse(value: Value) -> InputValueResult<Self> {
        value.into_json().map(Json).map_err(|_| wrong("must be JSON"))
    }

    fn to_value(&self) -> Value {
        Value::from_json(self.0.clone()).unwrap_or_default()
    }
}
