//! What a search asks for, and the part of it that the database decides.

use chrono::{DateTime, Utc};
use sea_orm::sea_query::{Alias, Expr, ExprTrait, Func, LikeExpr, Query, SelectStatement, SimpleExpr};
use sea_orm::{ColumnTrait, Condition, Iterable};
use serde::{Deserialize, Serialize};
use unicode_normalization::UnicodeNormalization;
use unicode_normalization::char::is_combining_mark;
use uuid::Uuid;

use super::super::table::{claim, listing, listing_amenity, listing_rating};
use crate::domain::error::{Code, Error, Refusals};
use crate::domain::listings::StayRequest;
use crate::domain::listings::enums::{BookingMode, ListingStatus, RoomType};
use crate::domain::listings::listing::amenities;
use crate::domain::listings::listing::location::{SHIFT_M, around};
use crate::domain::listings::listing::policy::CancellationPolicy;
use crate::domain::listings::nights::claims::alive;
use crate::kernel::money::{Currency, MAX_MINOR, Money};

const LONGEST_TEXT: usize = 200;
const MOST_WORDS: usize = 8;
const MOST_AMENITIES: usize = 20;
const LARGEST_RADIUS_M: i64 = 500_000;

/// The order of results.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum SearchSort {
    /// Best match first: where the words stand, then what guests thought.
    Relevance,
    /// Cheapest first.
    TotalAsc,
    /// Dearest first.
    TotalDesc,
    /// Best rated first.
    RatingDesc,
    /// Nearest first.
    DistanceAsc,
    /// Latest published first.
    Newest,
}

/// What is searched for; all of it must hold.
#[derive(Clone, Debug, Default)]
#[expect(missing_docs, reason = "the API describes the fields")]
pub struct SearchWhere {
    pub text: Option<String>,
    /// Centre and radius in metres.
    pub near: Option<((f64, f64), i32)>,
    /// South, west, north, east; west may exceed east across the 180th meridian.
    pub within: Option<(f64, f64, f64, f64)>,
    pub stay: Option<StayRequest>,
    /// Only listings that charge in this currency.
    pub currency: Option<Currency>,
    pub capacity: Option<i32>,
    pub room_types: Option<Vec<RoomType>>,
    pub amenities: Vec<String>,
    pub bedrooms_min: Option<i32>,
    pub beds_min: Option<i32>,
    pub total_min: Option<Money>,
    pub total_max: Option<Money>,
    pub instant_only: bool,
    pub free_cancellation: bool,
    pub rating_min: Option<f64>,
    pub host_id: Option<Uuid>,
}

impl SearchWhere {
    /// Refuses what no search can mean.
    pub fn validate(&self, sort: SearchSort) -> Result<(), Error> {
        let mut refusals = Refusals::default();
        if let Some(text) = &self.text {
            refusals.text_or_empty(&["where", "text"], text, LONGEST_TEXT);
        }
        if let Some(((latitude, longitude), radius)) = self.near {
            degrees(&mut refusals, &["where", "near", "latitude"], latitude, 90.0);
            degrees(&mut refusals, &["where", "near", "longitude"], longitude, 180.0);
            refusals.range(&["where", "near", "radiusMeters"], radius.into(), 1, LARGEST_RADIUS_M);
        }
        if let Some((south, west, north, east)) = self.within {
            for (name, value, most) in
                [("south", south, 90.0), ("north", north, 90.0), ("west", west, 180.0), ("east", east, 180.0)]
            {
                degrees(&mut refusals, &["where", "within", name], value, most);
            }
            let field = ["where", "within", "north"];
            refusals.check(south <= north, Code::Invalid, &field, "must not be south of `south`");
        }
        for (name, number) in
            [("capacity", self.capacity), ("bedroomsMin", self.bedrooms_min), ("bedsMin", self.beds_min)]
        {
            refusals.range(&["where", name], number.unwrap_or(0).into(), 0, 1_000);
        }
        let field = ["where", "amenities"];
        refusals.check(self.amenities.len() <= MOST_AMENITIES, Code::TooMany, &field, "must have at most 20 codes");
        for code in self.amenities.iter().filter(|code| amenities::find(code).is_none()).take(MOST_AMENITIES) {
            let message = format!("`{}` is not an amenity", code.chars().take(50).collect::<String>());
            refusals.add(Code::Invalid, &field, message);
        }
        if let Some(rating) = self.rating_min {
            let field = ["where", "ratingMin"];
            refusals.check((0.0..=5.0).contains(&rating), Code::Invalid, &field, "must be between 0 and 5");
        }
        self.validate_prices(&mut refusals);
        if sort == SearchSort::DistanceAsc && self.near.is_none() {
            refusals.add(Code::Required, &["where", "near"], "a sort by distance needs a centre");
        }
        refusals.finish()?;
        self.stay.map_or(Ok(()), |stay| {
            stay.validate(&["where", "stay"])?;
            match stay.stay() {
                Some(_) => Ok(()),
                None => Err(Error::refused(
                    Code::Invalid,
                    &["where", "stay", "checkOut"],
                    "must be 1 to 365 nights after `checkIn`",
                )),
            }
        })
    }

    fn validate_prices(&self, refusals: &mut Refusals) {
        for (name, total) in [("totalMin", self.total_min), ("totalMax", self.total_max)] {
            let Some(total) = total else { continue };
            refusals.range(&["where", name, "amount"], total.minor, 0, MAX_MINOR);
            let dated = self.stay.is_some();
            refusals.check(dated, Code::Required, &["where", "stay"], "a total needs the dates of a stay");
        }
        if let (Some(least), Some(most)) = (self.total_min, self.total_max) {
            let field = ["where", "totalMax", "currency"];
            refusals.check(least.currency == most.currency, Code::Invalid, &field, "must be that of `totalMin`");
        }
    }

    /// The words of the text, folded.
    fn words(&self) -> Vec<String> {
        let text = folded(self.text.as_deref().unwrap_or(""));
        text.split_whitespace().take(MOST_WORDS).map(ToOwned::to_owned).collect()
    }

    /// The listings that match as far as the database can tell, without columns yet.
    pub(super) fn select(&self, now: DateTime<Utc>) -> SelectStatement {
        let mut all = Condition::all().add(listing::Column::Status.eq(ListingStatus::Published));
        for word in self.words() {
            all = all.add(contains(&word, "%"));
        }
        if let Some((centre, radius)) = self.near {
            all = all.add(inside(around(centre, f64::from(radius) + SHIFT_M)));
        }
        if let Some((south, west, north, east)) = self.within {
            let margin = around(((south + north) / 2.0, 0.0), SHIFT_M);
            let (north_by, east_by) = ((margin.2 - margin.0) / 2.0, (margin.3 - margin.1) / 2.0 + 0.01);
            all = all.add(inside((south - north_by, west - east_by, north + north_by, east + east_by)));
        }
        let heads = Ord::max(self.stay.map(|stay| stay.guests.paying()), self.capacity);
        for (column, least) in [
            (listing::Column::Capacity, heads),
            (listing::Column::Bedrooms, self.bedrooms_min),
            (listing::Column::Beds, self.beds_min),
        ] {
            all = all.add_option(least.map(|least| column.gte(least)));
        }
        all = all.add_option(self.room_types.as_ref().map(|types| listing::Column::RoomType.is_in(types.clone())));
        all = all.add_option(self.instant_only.then(|| listing::Column::BookingMode.eq(BookingMode::Instant)));
        all = all.add_option(self.currency.map(|currency| listing::Column::Currency.eq(currency.code())));
        all = all.add_option(self.host_id.map(|host| listing::Column::HostId.eq(host)));
        all = all.add_option(self.free_cancellation.then(|| {
            use CancellationPolicy::{Firm, Flexible, Limited, Moderate};
            listing::Column::CancellationPolicy.is_in([Flexible, Moderate, Limited, Firm])
        }));
        for code in &self.amenities {
            all = all.add(Expr::exists(
                Query::select()
                    .expr(Expr::val(1))
                    .from(listing_amenity::Entity)
                    .and_where(
                        Expr::col((listing_amenity::Entity, listing_amenity::Column::ListingId))
                            .equals((listing::Entity, listing::Column::Id)),
                    )
                    .and_where(listing_amenity::Column::Amenity.eq(code.as_str()))
                    .take(),
            ));
        }
        all = all.add_option(self.rating_min.filter(|&least| least > 0.0).map(|least| {
            // Sums are hundredths of stars.
            let hundredths = Expr::expr(rating(listing_rating::Column::OverallCount)).mul(least * 100.0);
            Expr::expr(rating(listing_rating::Column::OverallSum)).gte(hundredths).and(
                Expr::expr(rating(listing_rating::Column::OverallCount))
                    .gte(crate::domain::listings::listing::rating::SHOWN_FROM),
            )
        }));
        if let Some(stay) = self.stay.as_ref() {
            all = all.add(open(stay, now));
        }
        Query::select().from(listing::Entity).cond_where(all).take()
    }

    /// How well the words match: 7 for one in the title, 3 in the place, 1 in the description.
    pub(super) fn text_score(&self) -> SimpleExpr {
        self.words().iter().fold(Expr::val(0_i64), |score, word| {
            let place = Expr::case(contains(word, "%\n%\n%"), 7).case(contains(word, "%\n%"), 3).finally(1);
            score.add(Expr::expr(place))
        })
    }
}

fn degrees(refusals: &mut Refusals, field: &[&str], value: f64, most: f64) {
    if !(-most..=most).contains(&value) {
        refusals.add(Code::Invalid, field, format!("must be between -{most} and {most} degrees"));
    }
}

/// Rules of the stay that the database can decide alone, as a first sieve; `stay_check` has the last word.
fn open(stay: &StayRequest, now: DateTime<Utc>) -> Condition {
    let nights = (stay.check_out - stay.check_in).num_days();
    let taken = Query::select()
        .expr(Expr::val(1))
        .from(claim::Entity)
        .and_where(Expr::col((claim::Entity, claim::Column::ListingId)).equals((listing::Entity, listing::Column::Id)))
        .and_where(claim::Column::Night.gte(stay.check_in))
        .and_where(claim::Column::Night.lt(stay.check_out))
        .cond_where(alive(now))
        .take();
    let pets = (stay.guests.pets > 0).then(|| listing::Column::PetsAllowed.eq(true));
    Condition::all()
        .add(listing::Column::MinNights.lte(nights))
        .add(listing::Column::MaxNights.gte(nights))
        .add_option(pets)
        .add(Expr::exists(taken).not())
}

fn inside((south, west, north, east): (f64, f64, f64, f64)) -> Condition {
    let latitude = listing::Column::Latitude.between(south, north);
    // A box that crosses the 180th meridian is two.
    let longitude = if east - west >= 360.0 {
        Condition::all()
    } else if west > east {
        Condition::any().add(listing::Column::Longitude.gte(west)).add(listing::Column::Longitude.lte(east))
    } else {
        let around = |shift: f64| listing::Column::Longitude.between(west + shift, east + shift);
        Condition::any().add(around(0.0)).add(around(360.0)).add(around(-360.0))
    };
    Condition::all().add(latitude).add(longitude)
}

/// A sum over the ratings of one listing, of guests and imported together.
pub(super) fn rating(column: listing_rating::Column) -> SimpleExpr {
    let sum = Query::select()
        .expr(Expr::expr(Func::coalesce([Expr::col(column).sum(), Expr::val(0)])).cast_as("BIGINT"))
        .from(listing_rating::Entity)
        .and_where(
            Expr::col((listing_rating::Entity, listing_rating::Column::ListingId))
                .equals((listing::Entity, listing::Column::Id)),
        )
        .take();
    SimpleExpr::SubQuery(None, Box::new(sum.into()))
}

/// The lines of `search_text` are title, place and description; what must follow the word tells which line it is on.
fn contains(word: &str, followed_by: &str) -> SimpleExpr {
    let escaped = word.replace('\\', "\\\\").replace('%', "\\%").replace('_', "\\_");
    Expr::col((listing::Entity, listing::Column::SearchText))
        .like(LikeExpr::new(format!("%{escaped}{followed_by}")).escape('\\'))
}

/// Every column of a listing but the long texts, which no filter needs.
pub(super) fn slim(select: &mut SelectStatement) {
    for column in listing::Column::iter() {
        match column {
            listing::Column::Description | listing::Column::SearchText => {
                select.expr_as(Expr::val(""), Alias::new(sea_orm::IdenStatic::as_str(&column)));
            }
            _ => {
                select.expr(column.select_as(Expr::col((listing::Entity, column))));
            }
        }
    }
}

/// Lower case without accents, in compatibility form: what a searcher types for what a host wrote.
fn folded(text: &str) -> String {
    text.nfkd().filter(|&c| !is_combining_mark(c)).flat_map(char::to_lowercase).nfc().collect()
}

/// The folded text of a listing: title, place and description on a line each.
pub(in crate::domain::listings) fn text_of(title: &str, place: &str, description: &str) -> String {
    let line = |text: &str| folded(text).split_whitespace().collect::<Vec<_>>().join(" ");
    format!("{}\n{}\n{}", line(title), line(place), line(description))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn accents_and_case_do_not_matter() {
        assert_eq!(text_of("São  Paulo\nLoft", "Ville d’Été", ""), "sao paulo loft\nville d’ete\n");
        assert_eq!(folded("한국 サウナ"), folded("한국 サウナ"));
    }
}
