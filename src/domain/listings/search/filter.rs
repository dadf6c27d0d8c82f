//! The filters of a search, and their translation into SQL as far as the database can decide them.

use chrono::{DateTime, Utc};
use sea_orm::sea_query::{Alias, Expr, ExprTrait, Func, LikeExpr, Query, SelectStatement, SimpleExpr};
use sea_orm::{ColumnTrait, Condition, Iterable};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::domain::error::{Code, Error, Refusals};
use crate::domain::listings::availability::evaluate::is_instant_for;
use crate::domain::listings::availability::request::StayRequest;
use crate::domain::listings::cancellation_policy::CancellationPolicy;
use crate::domain::listings::enums::{BookingMode, ListingStatus, RoomType};
use crate::domain::listings::limits::{
    MAX_NIGHTS, MAX_SEARCH_AMENITIES, MAX_SEARCH_COUNT, MAX_SEARCH_RADIUS_M, MAX_SEARCH_TEXT_CHARS, MAX_SEARCH_WORDS,
};
use crate::domain::listings::listing::amenities;
use crate::domain::listings::listing::location::{MAX_SHIFT_M, box_around};
use crate::domain::listings::listing::rating::MIN_SHOWN_RATINGS;
use crate::domain::listings::nights::claims::active_at;
use crate::domain::listings::search_text::normalize;
use crate::domain::listings::table::{claim, listing, listing_amenity, listing_rating};
use crate::domain::viewer::Viewer;
use crate::kernel::money::{Currency, MAX_MINOR, Money};

/// The order of the results.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum SearchSort {
    /// Best match first: by the places where the words occur, then by rating.
    Relevance,
    /// Cheapest first.
    TotalAsc,
    /// Most expensive first.
    TotalDesc,
    /// Best rated first.
    RatingDesc,
    /// Nearest to the centre of the search first.
    DistanceAsc,
    /// Most recently published first.
    Newest,
}

/// The filters of a search. A listing must match all of them.
#[derive(Clone, Debug, Default)]
#[expect(missing_docs, reason = "the API describes the fields")]
pub struct SearchWhere {
    pub text: Option<String>,
    /// Centre (latitude, longitude) and radius in metres.
    pub near: Option<((f64, f64), i32)>,
    /// South, west, north, east. West is greater than east if the box crosses the 180th meridian.
    pub within: Option<(f64, f64, f64, f64)>,
    pub stay: Option<StayRequest>,
    /// Only listings with prices in this currency.
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
    /// Refuses values out of range and filters that contradict each other.
    pub fn validate(&self, sort: SearchSort) -> Result<(), Error> {
        let mut refusals = Refusals::default();
        if let Some(text) = &self.text {
            refusals.text_or_empty(&["where", "text"], text, MAX_SEARCH_TEXT_CHARS);
        }
        if let Some(((latitude, longitude), radius)) = self.near {
            check_degrees(&mut refusals, &["where", "near", "latitude"], latitude, 90.0);
            check_degrees(&mut refusals, &["where", "near", "longitude"], longitude, 180.0);
            refusals.range(&["where", "near", "radiusMeters"], radius.into(), 1, MAX_SEARCH_RADIUS_M.into());
        }
        if let Some((south, west, north, east)) = self.within {
            for (name, value, most) in
                [("south", south, 90.0), ("north", north, 90.0), ("west", west, 180.0), ("east", east, 180.0)]
            {
                check_degrees(&mut refusals, &["where", "within", name], value, most);
            }
            let field = ["where", "within", "north"];
            refusals.check(south <= north, Code::Invalid, &field, "must not be south of `south`");
        }
        for (name, number) in
            [("capacity", self.capacity), ("bedroomsMin", self.bedrooms_min), ("bedsMin", self.beds_min)]
        {
            refusals.range(&["where", name], number.unwrap_or(0).into(), 0, MAX_SEARCH_COUNT.into());
        }
        let field = ["where", "amenities"];
        let message = format!("must have at most {MAX_SEARCH_AMENITIES} codes");
        refusals.check(self.amenities.len() <= MAX_SEARCH_AMENITIES, Code::TooMany, &field, &message);
        for code in self.amenities.iter().filter(|code| amenities::find(code).is_none()).take(MAX_SEARCH_AMENITIES) {
            let message = format!("`{}` is not an amenity", code.chars().take(50).collect::<String>());
            refusals.add(Code::Invalid, &field, message);
        }
        if let Some(rating) = self.rating_min {
            let field = ["where", "ratingMin"];
            refusals.check((0.0..=5.0).contains(&rating), Code::Invalid, &field, "must be between 0 and 5");
        }
        self.validate_prices(&mut refusals);
        if sort == SearchSort::DistanceAsc && self.near.is_none() {
            refusals.add(Code::Required, &["where", "near"], "is required to sort by distance");
        }
        refusals.finish()?;
        self.stay.map_or(Ok(()), |stay| {
            stay.validate(&["where", "stay"])?;
            match stay.stay() {
                Some(_) => Ok(()),
                None => Err(Error::refused(
                    Code::Invalid,
                    &["where", "stay", "checkOut"],
                    format!("must be 1 to {MAX_NIGHTS} nights after `checkIn`"),
                )),
            }
        })
    }

    fn validate_prices(&self, refusals: &mut Refusals) {
        for (name, total) in [("totalMin", self.total_min), ("totalMax", self.total_max)] {
            let Some(total) = total else { continue };
            refusals.range(&["where", name, "amount"], total.minor, 0, MAX_MINOR);
            let dated = self.stay.is_some();
            refusals.check(dated, Code::Required, &["where", "stay"], "is required to filter by total");
        }
        if let (Some(least), Some(most)) = (self.total_min, self.total_max) {
            let field = ["where", "totalMax", "currency"];
            refusals.check(
                least.currency == most.currency,
                Code::Invalid,
                &field,
                "must be the currency of `totalMin`",
            );
        }
    }

    /// The normalized words of the text.
    fn words(&self) -> Vec<String> {
        let text = normalize(self.text.as_deref().unwrap_or(""));
        text.split_whitespace().take(MAX_SEARCH_WORDS).map(ToOwned::to_owned).collect()
    }

    /// The statement that selects the listings that match as far as the database can decide. It has no columns yet.
    pub(super) fn select(&self, viewer: &Viewer, now: DateTime<Utc>) -> SelectStatement {
        let mut all = Condition::all().add(listing::Column::Status.eq(ListingStatus::Published));
        for word in self.words() {
            all = all.add(contains(&word, "%"));
        }
        if let Some((centre, radius)) = self.near {
            all = all.add(is_inside(box_around(centre, f64::from(radius) + MAX_SHIFT_M)));
        }
        if let Some((south, west, north, east)) = self.within {
            let margin = box_around(((south + north) / 2.0, 0.0), MAX_SHIFT_M);
            let (north_by, east_by) = ((margin.2 - margin.0) / 2.0, (margin.3 - margin.1) / 2.0 + 0.01);
            all = all.add(is_inside((south - north_by, west - east_by, north + north_by, east + east_by)));
        }
        let guests = Ord::max(self.stay.map(|stay| stay.guests.paying()), self.capacity);
        for (column, least) in [
            (listing::Column::Capacity, guests),
            (listing::Column::Bedrooms, self.bedrooms_min),
            (listing::Column::Beds, self.beds_min),
        ] {
            all = all.add_option(least.map(|least| column.gte(least)));
        }
        all = all.add_option(self.room_types.as_ref().map(|types| listing::Column::RoomType.is_in(types.clone())));
        all = all.add_option(self.instant_only.then(|| {
            let instant = BookingMode::iter().filter(|&mode| is_instant_for(mode, viewer));
            listing::Column::BookingMode.is_in(instant)
        }));
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
            // Sums are in hundredths of a star.
            let hundredths = Expr::expr(rating_sum(listing_rating::Column::OverallCount)).mul(least * 100.0);
            Expr::expr(rating_sum(listing_rating::Column::OverallSum))
                .gte(hundredths)
                .and(Expr::expr(rating_sum(listing_rating::Column::OverallCount)).gte(MIN_SHOWN_RATINGS))
        }));
        if let Some(stay) = self.stay.as_ref() {
            all = all.add(allows_stay(stay, now));
        }
        Query::select().from(listing::Entity).cond_where(all).take()
    }

    /// The score of the text: for each word 7 if it is in the title, 3 if in the place, 1 if in the description.
    pub(super) fn text_score(&self) -> SimpleExpr {
        self.words().iter().fold(Expr::val(0_i64), |score, word| {
            let place = Expr::case(contains(word, "%\n%\n%"), 7).case(contains(word, "%\n%"), 3).finally(1);
            score.add(Expr::expr(place))
        })
    }
}

fn check_degrees(refusals: &mut Refusals, field: &[&str], value: f64, most: f64) {
    if !(-most..=most).contains(&value) {
        refusals.add(Code::Invalid, field, format!("must be between -{most} and {most} degrees"));
    }
}

/// The rules of the stay that the database can decide, as a first filter. `stay_check` decides about the rest.
fn allows_stay(stay: &StayRequest, now: DateTime<Utc>) -> Condition {
    let nights = (stay.check_out - stay.check_in).num_days();
    let claimed = Query::select()
        .expr(Expr::val(1))
        .from(claim::Entity)
        .and_where(Expr::col((claim::Entity, claim::Column::ListingId)).equals((listing::Entity, listing::Column::Id)))
        .and_where(claim::Column::Night.gte(stay.check_in))
        .and_where(claim::Column::Night.lt(stay.check_out))
        .cond_where(active_at(now))
        .take();
    let pets = (stay.guests.pets > 0).then(|| listing::Column::PetsAllowed.eq(true));
    Condition::all()
        .add(listing::Column::MinNights.lte(nights))
        .add(listing::Column::MaxNights.gte(nights))
        .add_option(pets)
        .add(Expr::exists(claimed).not())
}

/// Whether the exact location is inside the box.
fn is_inside((south, west, north, east): (f64, f64, f64, f64)) -> Condition {
    let latitude = listing::Column::Latitude.between(south, north);
    // A box that crosses the 180th meridian is two boxes.
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

/// The sum of a column over the ratings of one listing, its own and imported ones.
pub(super) fn rating_sum(column: listing_rating::Column) -> SimpleExpr {
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

/// Whether the text of the listing contains the word. Its lines are title, place and description, so the pattern of
/// what follows the word decides on which lines it may be.
fn contains(word: &str, followed_by: &str) -> SimpleExpr {
    let escaped = word.replace('\\', "\\\\").replace('%', "\\%").replace('_', "\\_");
    Expr::col((listing::Entity, listing::Column::SearchText))
        .like(LikeExpr::new(format!("%{escaped}{followed_by}")).escape('\\'))
}

/// Selects every column of a listing except the long texts, which the evaluation does not need.
pub(super) fn select_without_texts(select: &mut SelectStatement) {
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
