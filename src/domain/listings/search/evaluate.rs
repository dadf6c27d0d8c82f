//! The rows the database left, weighed one by one: can it be booked, what does it cost, where does it rank.

use std::collections::HashMap;

use chrono::Utc;
use sea_orm::sea_query::{Expr, ExprTrait, Query, SelectStatement};
use sea_orm::{ColumnTrait, ConnectionTrait, EntityTrait, FromQueryResult, QueryResult};
use uuid::Uuid;

use super::super::table::{claim, listing, listing_rating, night};
use super::super::{Listing, StayRequest, fees, public_point};
use super::filter::{SearchSort, SearchWhere, rating, slim};
use super::{Hit, Money};
use crate::domain::error::Error;
use crate::domain::listings::availability::evaluate::{Nights, answer_one};
use crate::domain::listings::listing::location::distance_m;
use crate::domain::listings::nights::calendar::Special;
use crate::domain::listings::nights::claims::{Taken, alive, state};
use crate::domain::viewer::Viewer;
use crate::platform::App;

/// The mean every listing starts from before its own ratings outweigh it, in hundredths of a star …
const PRIOR_MEAN: i64 = 430;
/// … and how many ratings that takes.
const PRIOR_COUNT: i64 = 10;
/// The longest preparation, in nights: claims so far behind the stay can matter.
const TAIL: u64 = 7;

/// The columns that rank a listing, read with or without the rest of its row.
#[derive(FromQueryResult)]
struct Rank {
    id: Uuid,
    latitude: Option<f64>,
    longitude: Option<f64>,
    room_type: super::RoomType,
    currency: String,
    base_minor: i64,
    published_at: Option<chrono::DateTime<Utc>>,
    text_score: i64,
    rating_sum: i64,
    rating_count: i64,
}

/// Every listing that matches, in no order yet.
pub(super) async fn hits(
    app: &App,
    viewer: &Viewer,
    wanted: &SearchWhere,
    sort: SearchSort,
) -> Result<Vec<Hit>, Error> {
    let db = app.db.read();
    let backend = db.get_database_backend();
    let mut select = wanted.select(app.clock.now());
    rank_columns(&mut select, wanted, sort);
    let Some(stay) = &wanted.stay else {
        let rows = db.query_all_raw(backend.build(&select)).await?;
        let ranks = rows.iter().map(|row| Rank::from_query_result(row, ""));
        return ranks.filter_map(|rank| hit(rank, wanted, sort, None).transpose()).collect();
    };
    slim(&mut select);
    let rows = db.query_all_raw(backend.build(&select)).await?;
    let nights = nights_of(app, wanted, stay).await?;
    let mut hits = Vec::with_capacity(rows.len());
    for row in &rows {
        hits.extend(bookable(app, viewer, wanted, sort, stay, row, &nights)?);
    }
    Ok(hits)
}

fn bookable(
    app: &App,
    viewer: &Viewer,
    wanted: &SearchWhere,
    sort: SearchSort,
    stay: &StayRequest,
    row: &QueryResult,
    nights: &Calendars,
) -> Result<Option<Hit>, Error> {
    let listing = Listing::from_query_result(row, "")?;
    let nights = Nights { taken: nights.taken.get(&listing.id), specials: nights.specials.get(&listing.id) };
    let answer = answer_one(&listing, viewer, stay, nights, fees(app), app.clock.now())?;
    let Some(price) = answer.price.as_ref().filter(|_| answer.bookable()) else { return Ok(None) };
    let total = Money::new(price.total, price.currency);
    let outside = |limit: Option<Money>, beyond: fn(i64, i64) -> bool| {
        limit.is_some_and(|limit| limit.currency != total.currency || beyond(total.minor, limit.minor))
    };
    if outside(wanted.total_min, |total, least| total < least) || outside(wanted.total_max, |total, most| total > most)
    {
        return Ok(None);
    }
    hit(Rank::from_query_result(row, ""), wanted, sort, Some(total))
}

/// A sort by price compares amounts of one currency; others follow, currency by currency.
fn price_key(price: Money) -> i64 {
    let [a, b, c] =
        [0, 1, 2].map(|place| i64::from(price.currency.code().as_bytes().get(place).map_or(0, |b| b - b'A')));
    (a * 676 + b * 26 + c) * 100_000_000_000_000 + Ord::min(price.minor, 99_999_999_999_999)
}

fn hit(
    rank: Result<Rank, sea_orm::DbErr>,
    wanted: &SearchWhere,
    sort: SearchSort,
    total: Option<Money>,
) -> Result<Option<Hit>, Error> {
    let rank = rank?;
    let point = rank.latitude.zip(rank.longitude).map(|(lat, lon)| public_point(rank.id, lat, lon));
    let mut distance = None;
    if let Some((centre, radius)) = wanted.near {
        let metres = point.map(|point| distance_m(centre, point)).filter(|&metres| metres <= f64::from(radius));
        let Some(metres) = metres else { return Ok(None) };
        distance = Some(metres.round() as i32);
    }
    if let Some((south, west, north, east)) = wanted.within {
        let in_box = point.is_some_and(|(lat, lon)| {
            let wide = if west > east { lon >= west || lon <= east } else { (west..=east).contains(&lon) };
            wide && (south..=north).contains(&lat)
        });
        if !in_box {
            return Ok(None);
        }
    }
    let price = match total {
        Some(total) => total,
        None => Money::new(rank.base_minor, rank.currency.parse().map_err(Error::failed)?),
    };
    let shown = rank.rating_count >= crate::domain::listings::listing::rating::SHOWN_FROM;
    // Ten-thousandths of stars, drawn towards the mean of all while few have rated.
    let rating = (rank.rating_sum + PRIOR_MEAN * PRIOR_COUNT) * 100 / Ord::max(rank.rating_count + PRIOR_COUNT, 1);
    let key = match sort {
        SearchSort::Relevance => -(rank.text_score * 1_000_000 + rating),
        SearchSort::TotalAsc => price_key(price),
        SearchSort::TotalDesc => -price_key(price),
        SearchSort::RatingDesc if shown => -(rank.rating_sum * 10_000 / Ord::max(rank.rating_count, 1)),
        SearchSort::RatingDesc => 0,
        SearchSort::DistanceAsc => distance.unwrap_or(i32::MAX).into(),
        SearchSort::Newest => -rank.published_at.map_or(0, |at| at.timestamp_micros()),
    };
    Ok(Some(Hit { id: rank.id, key, distance_m: distance, room_type: rank.room_type, price }))
}

fn rank_columns(select: &mut SelectStatement, wanted: &SearchWhere, sort: SearchSort) {
    if wanted.stay.is_none() {
        for column in [
            listing::Column::Id,
            listing::Column::Latitude,
            listing::Column::Longitude,
            listing::Column::RoomType,
            listing::Column::Currency,
            listing::Column::BaseMinor,
            listing::Column::PublishedAt,
        ] {
            select.column((listing::Entity, column));
        }
    }
    let (sum, count) = match sort {
        SearchSort::Relevance | SearchSort::RatingDesc => {
            (rating(listing_rating::Column::OverallSum), rating(listing_rating::Column::OverallCount))
        }
        _ => (Expr::cust("CAST(0 AS BIGINT)"), Expr::cust("CAST(0 AS BIGINT)")),
    };
    select.expr_as(wanted.text_score().cast_as("BIGINT"), "text_score");
    select.expr_as(sum, "rating_sum");
    select.expr_as(count, "rating_count");
}

struct Calendars {
    taken: HashMap<Uuid, std::collections::BTreeMap<chrono::NaiveDate, Taken>>,
    specials: HashMap<Uuid, std::collections::BTreeMap<chrono::NaiveDate, Special>>,
}

/// The nights around the stay of every listing that is left, in two statements.
async fn nights_of(app: &App, wanted: &SearchWhere, stay: &StayRequest) -> Result<Calendars, Error> {
    let now = app.clock.now();
    let left = || wanted.select(now).expr(Expr::col((listing::Entity, listing::Column::Id))).take();
    let end = stay.check_out.checked_add_days(chrono::Days::new(TAIL)).unwrap_or(stay.check_out);
    let db = app.db.read();
    let backend = db.get_database_backend();

    // The stay's own nights are free, or the listing would not be left; what follows matters to those who prepare.
    let mut tail = Query::select();
    tail.column((claim::Entity, claim::Column::ListingId))
        .column((claim::Entity, claim::Column::Night))
        .expr(claim::Column::Kind.select_as(Expr::col((claim::Entity, claim::Column::Kind))))
        .column((claim::Entity, claim::Column::BookingId))
        .column((claim::Entity, claim::Column::ExpiresAt))
        .column((claim::Entity, claim::Column::Note))
        .from(claim::Entity)
        .and_where(claim::Column::Night.gte(stay.check_out))
        .and_where(claim::Column::Night.lt(end))
        .cond_where(alive(now))
        .and_where(
            claim::Column::ListingId.in_subquery(left().and_where(listing::Column::PreparationNights.gt(0)).take()),
        );
    let mut taken: HashMap<Uuid, std::collections::BTreeMap<_, _>> = HashMap::new();
    for row in claim::Model::find_by_statement(backend.build(&tail)).all(db).await? {
        let night = Taken { state: state(row.kind), booking_id: row.booking_id, note: row.note };
        taken.entry(row.listing_id).or_default().insert(row.night, night);
    }

    use sea_orm::QueryFilter;
    let rows = night::Entity::find()
        .filter(night::Column::Night.gte(stay.check_in))
        .filter(night::Column::Night.lt(stay.check_out))
        .filter(night::Column::ListingId.in_subquery(left()))
        .all(db)
        .await?;
    let mut specials: HashMap<Uuid, std::collections::BTreeMap<_, _>> = HashMap::new();
    for row in rows {
        let special = Special { price: row.price_minor, min_nights: row.min_nights, note: None };
        specials.entry(row.listing_id).or_default().insert(row.night, special);
    }
    Ok(Calendars { taken, specials })
}
